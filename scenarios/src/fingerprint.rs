//! What users do, as a short text that is equal where they do the same. Neighbours: `document/fingerprint.rs` makes one of a scenario
//! file, the root package of URLs and of programs; `run.json` keeps it, so that two runs can be compared. Invariants: no value that came
//! from the environment goes into it, so that none can be guessed from it; it is the same on every machine and in every version.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Bytes of a data or body file that are read for a fingerprint; of a longer one, its first so many and its length. Files are in the
/// page cache by then, and a GB of them would hold up the run by a second.
const MOST_FILE_BYTES: usize = 64 << 20;

/// Gathers what users do, piece by piece.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    kind: &'static str,
    hash: Sha256,
}

impl Fingerprint {
    /// An empty one. The kind stands in front of what comes out, as in `toml-1`: what was gathered, and by which rules. Fingerprints of
    /// different kinds say nothing of each other.
    pub fn of(kind: &'static str) -> Fingerprint {
        Fingerprint {
            kind,
            hash: Sha256::new(),
        }
    }

    /// Adds a piece. Its length goes first, so that no two lists of pieces look the same.
    pub fn add(&mut self, piece: impl AsRef<[u8]>) {
        let piece = piece.as_ref();
        self.hash.update((piece.len() as u64).to_le_bytes());
        self.hash.update(piece);
    }

    /// Adds what is in a file: all of it up to 64 MiB, of a longer one that much and its length.
    pub fn add_file(&mut self, bytes: &[u8]) {
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(&bytes[..bytes.len().min(MOST_FILE_BYTES)]);
    }

    /// The text: the kind and 32 hexadecimal digits.
    pub fn finish(self) -> String {
        let digest = self.hash.finalize();
        let mut text = format!("{}:", self.kind);
        for byte in &digest[..16] {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&str]) -> String {
        let mut fingerprint = Fingerprint::of("test-1");
        pieces.iter().for_each(|piece| fingerprint.add(piece));
        fingerprint.finish()
    }

    #[test]
    fn a_fingerprint_is_that_of_its_pieces_and_stays_what_it_is() {
        // SHA-256 of nothing (FIPS 180-4): whoever changes the hash gives the kind another number.
        assert_eq!(of(&[]), "test-1:e3b0c44298fc1c149afbf4c8996fb924");
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        for other in [&["ab"][..], &["b", "a"], &["a", "b", ""], &["a"]] {
            assert_ne!(of(&["a", "b"]), of(other), "{other:?}");
        }
    }

    #[test]
    fn of_a_long_file_its_beginning_and_its_length_count() {
        let of = |bytes: &[u8]| {
            let mut fingerprint = Fingerprint::of("test-1");
            fingerprint.add_file(bytes);
            fingerprint.finish()
        };
        let long = vec![7; MOST_FILE_BYTES + 2];
        let mut begins_otherwise = long.clone();
        begins_otherwise[3] = 8;
        assert_ne!(of(&long), of(&long[1..]));
        assert_ne!(of(&long), of(&begins_otherwise));
        assert_ne!(of(b"a"), of(b"b"));
    }
}
