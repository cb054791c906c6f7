//! Fingerprints of what users do where no scenario file says it: of a URL, of a scenario in Rust. Neighbours: `aim.rs` asks, those of
//! files come with their documents. Invariants: where requests go is no part of it, nor is a secret in a URL.

use crate::{mask::mask_query, rust_source};
use loadforge_scenarios::Fingerprint;
use std::{env, fs, io::Read as _, path::Path};

/// Bytes of a program that are read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Of a URL: path and query, secrets in it masked as everywhere else.
pub fn of_url(url: &str) -> String {
    let masked = mask_query(url);
    let (_, rest) = masked.split_once("://").unwrap_or(("", &masked));
    let mut fingerprint = Fingerprint::of("url-1");
    fingerprint.add("GET");
    fingerprint.add(rest.find(['/', '?']).map_or("/", |at| &rest[at..]));
    fingerprint.finish()
}

/// Of this program's own scenarios: of the file that it was built from by `loadforge run`, else of the program as it was built. Nothing
/// where neither can be read.
///
/// Of the two, the file is the better one: it is the same with another compiler. Of a program whose sources are not known, a new build
/// may look like a change where there was none; the other way around, a change would go unseen.
pub fn of_program() -> Option<String> {
    match rust_source::built_from() {
        Some(file) => of_source(Path::new(&file)),
        None => of_built(&env::current_exe().ok()?),
    }
}

fn of_source(file: &Path) -> Option<String> {
    let mut fingerprint = Fingerprint::of("rust-1");
    fingerprint.add(fs::read(file).ok()?);
    Some(fingerprint.finish())
}

fn of_built(program: &Path) -> Option<String> {
    let mut fingerprint = Fingerprint::of("program-1");
    let mut program = fs::File::open(program).ok()?;
    let mut chunk = Vec::new();
    loop {
        chunk.clear();
        let rest = (&mut program).take(CHUNK_BYTES as u64);
        if { rest }.read_to_end(&mut chunk).ok()? == 0 {
            return Some(fingerprint.finish());
        }
        fingerprint.add(&chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_url_the_request_counts_and_neither_the_server_nor_a_secret() {
        let same = of_url("http://127.0.0.1:8080/x?y=1&token=a");
        assert!(same.starts_with("url-1:"), "{same}");
        assert_eq!(same, of_url("http://other.test/x?y=1&token=b"));
        for other in ["/x?y=2&token=a", "/z?y=1&token=a", "/x", "", "?y=1&token=a"] {
            let url = format!("http://127.0.0.1:8080{other}");
            assert_ne!(same, of_url(&url), "{url}");
        }
        assert_eq!(of_url("http://a.test"), of_url("http://b.test/"));
    }

    #[test]
    fn of_a_program_or_its_source_every_byte_counts() {
        let dir = tempfile::tempdir().expect("a directory for the test");
        let file = dir.path().join("a");
        let of = |make: fn(&Path) -> Option<String>, last: u8| {
            let mut bytes = vec![1; CHUNK_BYTES + 3];
            bytes.push(last);
            fs::write(&file, bytes).expect("the directory is ours");
            make(&file)
        };
        for (make, kind) in [
            (of_source as fn(&Path) -> _, "rust-1:"),
            (of_built, "program-1:"),
        ] {
            assert!(of(make, 1).is_some_and(|text| text.starts_with(kind)));
            assert_eq!(of(make, 1), of(make, 1));
            assert_ne!(of(make, 1), of(make, 2));
            assert_eq!(make(&dir.path().join("gone")), None);
        }
    }
}
