//! Request bodies from files, each mapped once and shared by all steps and workers. Neighbours: `step.rs` asks for them,
//! `mapped.rs` maps. Invariant: one name is one mapping.

use crate::mapped;
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// The files that were mapped so far.
pub(super) struct BodyFiles {
    base_dir: PathBuf,
    mapped: BTreeMap<PathBuf, Bytes>,
}

impl BodyFiles {
    /// Files named relative to this folder.
    pub(super) fn relative_to(base_dir: &Path) -> BodyFiles {
        BodyFiles {
            base_dir: base_dir.to_owned(),
            mapped: BTreeMap::new(),
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
        let bytes = mapped::open(&path)?;
        self.mapped.insert(path, bytes.clone());
        Ok(bytes)
    }

    /// The bytes of all files, in the order of their names.
    pub(super) fn in_order(&self) -> impl Iterator<Item = &Bytes> {
        self.mapped.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_mapped_once_and_shared() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.bin"), b"\0body").unwrap();
        let mut files = BodyFiles::relative_to(folder.path());
        let (first, second) = (files.bytes("a.bin").unwrap(), files.bytes("a.bin").unwrap());
        assert_eq!(&first[..], b"\0body");
        assert_eq!(first.as_ptr(), second.as_ptr());
        assert!(files.bytes("missing").is_err());
    }
}
