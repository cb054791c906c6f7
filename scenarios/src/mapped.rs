//! Files mapped into memory: bodies and data, shared by all workers through the page cache. Neighbours: `document/body_file.rs`
//! and `data/file.rs` ask for them. The only unsafe of this crate. Invariant: a mapping is read-only and lives as long as the
//! last `Bytes` of it.

use bytes::Bytes;
use memmap2::Mmap;
use std::{
    fs::{self, File},
    io,
    path::Path,
};

/// The bytes of a file.
///
/// # Errors
/// When it cannot be read, or is no plain file.
pub(crate) fn open(path: &Path) -> io::Result<Bytes> {
    // Asked before opening: to open a pipe would wait for its other end.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    if metadata.len() == 0 {
        return Ok(Bytes::new());
    }
    map(&File::open(path)?)
}

#[allow(unsafe_code)]
fn map(file: &File) -> io::Result<Bytes> {
    // SAFETY: a mapping requires that nobody changes the file while it is mapped. `docs/scenarios.md` asks that of
    // the user, as every program that maps files has to. Bodies are only copied to sockets; rows of data are copied first
    // and looked at in the copy: a change would be sent or told as a broken row. Cutting the file short during a run ends
    // the worker with SIGBUS.
    let map = unsafe { Mmap::map(file) }?;
    Ok(Bytes::from_owner(map))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_are_mapped_and_empty_ones_are_empty() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.bin"), b"\0body").unwrap();
        fs::write(folder.path().join("empty"), b"").unwrap();
        let open_here = |name: &str| open(&folder.path().join(name));
        assert_eq!(&open_here("a.bin").unwrap()[..], b"\0body");
        assert!(open_here("empty").unwrap().is_empty());
        let missing = open_here("missing").unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(open_here(".").is_err());
    }
}
