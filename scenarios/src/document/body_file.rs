//! Request bodies from files, mapped once and shared by all steps and workers. Neighbours: `step.rs` asks for them.
//! The only unsafe of this crate. Invariant: a mapping is read-only and lives as long as the last `Bytes` of it.

use bytes::Bytes;
use memmap2::Mmap;
use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// The files that were mapped so far.
pub(super) struct BodyFiles {
    base_dir: PathBuf,
    mapped: HashMap<PathBuf, Bytes>,
}

impl BodyFiles {
    /// Files named relative to this folder.
    pub(super) fn relative_to(base_dir: &Path) -> BodyFiles {
        BodyFiles {
            base_dir: base_dir.to_owned(),
            mapped: HashMap::new(),
        }
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// When it cannot be read, or is no plain file.
    pub(super) fn bytes(&mut self, name: &str) -> io::Result<Bytes> {
        let path = self.base_dir.join(name);
        if let Some(bytes) = self.mapped.get(&path) {
            return Ok(bytes.clone());
        }
        // Asked before opening: to open a pipe would wait for its other end.
        let metadata = fs::metadata(&path)?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a plain file"));
        }
        let bytes = if metadata.len() == 0 {
            Bytes::new()
        } else {
            map(&File::open(&path)?)?
        };
        self.mapped.insert(path, bytes.clone());
        Ok(bytes)
    }
}

#[allow(unsafe_code)]
fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: a mapping requires that nobody changes the file while it is mapped. `docs/scenarios.md` asks that of
    // the user, as every program that maps files has to; the bytes are only copied to sockets, never interpreted, so
    // that a change would be sent, not misread. Cutting the file short during a run ends the worker with SIGBUS.
    let map = unsafe { Mmap::map(file) }?;
    Ok(Bytes::from_owner(map))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_mapped_once_and_shared() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.bin"), b"\0body").unwrap();
        fs::write(folder.path().join("empty"), b"").unwrap();
        let mut files = BodyFiles::relative_to(folder.path());
        let (first, second) = (files.bytes("a.bin").unwrap(), files.bytes("a.bin").unwrap());
        assert_eq!(&first[..], b"\0body");
        assert_eq!(first.as_ptr(), second.as_ptr());
        assert!(files.bytes("empty").unwrap().is_empty());
        assert_eq!(
            files.bytes("missing").unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
        assert!(files.bytes(".").is_err());
    }
}
