//! What was written is read back, whole, cut anywhere and spoilt.

use super::*;
use std::fs;
use tempfile::TempDir;

fn record(number: u32) -> RequestRecord {
    RequestRecord {
        intended_ns: u64::from(number),
        done_ns: 100,
        user: number,
        name: number % 2,
        kind: 1,
        ..RequestRecord::default()
    }
}

fn name(number: u32, text: &str) -> RequestName {
    let text = text.to_owned();
    RequestName {
        worker: 3,
        kind: 1,
        scenario: 0,
        number,
        text,
    }
}

/// A file with ten records in two batches.
fn written(dir: &Path, whole: bool) -> Vec<u8> {
    let mut file = RequestsFile::create(dir, "shop", "2026-11-21T09:30:00Z").unwrap();
    file.name(&name(0, "home"));
    file.name(&name(1, "</script>\n\u{0}"));
    let records: Vec<RequestRecord> = (0..10).map(record).collect();
    file.records(3, &records[..4]);
    file.left_out(7);
    file.records(3, &records[4..]);
    if whole {
        assert_eq!(file.finish().unwrap(), 7);
    } else {
        file.flush();
    }
    fs::read(dir.join(REQUESTS_FILE)).unwrap()
}

fn read(dir: &Path) -> Result<(Vec<(u32, String)>, Requests), ResultsError> {
    let mut requests = Requests::open(dir)?;
    let mut found = Vec::new();
    requests.for_each::<ResultsError>(|stored| {
        assert_eq!((stored.worker, stored.kind), (3, "request"));
        found.push((stored.record.user, stored.name.to_owned()));
        Ok(())
    })?;
    Ok((found, requests))
}

#[test]
fn every_record_comes_back_with_its_name() {
    let dir = TempDir::new().unwrap();
    written(dir.path(), true);
    let (found, requests) = read(dir.path()).unwrap();
    let users: Vec<u32> = found.iter().map(|one| one.0).collect();
    assert_eq!(users, (0..10).collect::<Vec<u32>>());
    assert_eq!(
        (found[2].1.as_str(), found[3].1.as_str()),
        ("home", "</script>\n\u{0}")
    );
    assert_eq!((requests.left_out(), requests.is_whole()), (7, true));
}

#[test]
fn a_file_that_was_cut_anywhere_gives_what_is_whole() {
    let dir = TempDir::new().unwrap();
    let bytes = written(dir.path(), false);
    let header = 12 + u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
    let mut most = 0;
    for length in header..=bytes.len() {
        fs::write(dir.path().join(REQUESTS_FILE), &bytes[..length]).unwrap();
        let (found, requests) = read(dir.path()).unwrap();
        assert!(!requests.is_whole());
        assert!(found.len() >= most && found.len() <= most + 1, "{length}");
        most = found.len();
    }
    assert_eq!(most, 10);
}

#[test]
fn what_is_no_file_of_requests_is_refused_with_the_reason() {
    let dir = TempDir::new().unwrap();
    let error = |dir: &Path| read(dir).expect_err("it is refused").to_string();
    assert!(error(dir.path()).contains("it has no run.json"));
    fs::write(dir.path().join(RUN_FILE), "{}").unwrap();
    assert!(error(dir.path()).contains("--record-requests"));
    let bytes = written(dir.path(), true);
    let path = dir.path().join(REQUESTS_FILE);
    let mut newer = bytes.clone();
    let at = newer
        .windows(10)
        .position(|part| part == b"requests/1")
        .unwrap();
    newer[at + 9] = b'2';
    let mut foreign_piece = bytes.clone();
    foreign_piece.truncate(bytes.len() - 5);
    foreign_piece.extend([b'R', 0xff, 0xff, 0xff, 0xff]);
    for (spoilt, reason) in [
        (Vec::new(), "shorter than its header"),
        (b"PK\x03\x04 something else".to_vec(), "does not begin as"),
        (bytes[..20].to_vec(), "shorter than its header"),
        (
            [&bytes[..8], &[0xff; 4], &bytes[12..]].concat(),
            "header is longer",
        ),
        (newer, "loadforge.requests/2"),
        (foreign_piece, "none of ours"),
    ] {
        fs::write(&path, spoilt).unwrap();
        let said = error(dir.path());
        assert!(said.contains(reason), "{reason}: {said}");
    }
}

#[test]
fn damage_within_records_is_told_with_its_place() {
    let dir = TempDir::new().unwrap();
    let bytes = written(dir.path(), true);
    // A piece of four records and a worker, 258 bytes in all.
    let piece = bytes.windows(5).position(|part| part == b"R\x02\x01\0\0");
    let record = piece.unwrap() + 7;
    for (offset, with, reason) in [
        (0, [0xff; 64].as_slice(), "no kind that there is (255)"),
        (60, &[200], "no method that there is (200)"),
        (61, &[200], "no error that there is (200)"),
        (16, &[0; 8], "before it was due or sent"),
        (16, &[0xff; 8], "longer than any run"),
    ] {
        // Its second record.
        let at = record + 64 + offset;
        let mut spoilt = bytes.clone();
        spoilt[at..at + with.len()].copy_from_slice(with);
        fs::write(dir.path().join(REQUESTS_FILE), spoilt).unwrap();
        let said = read(dir.path()).expect_err(reason).to_string();
        assert!(said.contains(reason), "{reason}: {said}");
        assert!(
            said.contains(&format!("at byte {} ", record + 64)),
            "{said}"
        );
        assert!(!said.contains("line"), "{said}");
    }
}

#[test]
fn a_newer_layout_is_told_as_such() {
    let dir = TempDir::new().unwrap();
    let mut bytes = written(dir.path(), true);
    bytes[7] = 2;
    fs::write(dir.path().join(REQUESTS_FILE), bytes).unwrap();
    let said = read(dir.path()).expect_err("it is refused").to_string();
    assert!(said.contains("a newer loadforge wrote it"), "{said}");
}

#[test]
fn a_full_disk_is_told_at_the_end_and_what_is_missing_counted() {
    let Ok(file) = OpenOptions::new().write(true).open("/dev/full") else {
        return eprintln!("skipped: no /dev/full here");
    };
    let mut requests = RequestsFile {
        file: BufWriter::with_capacity(16, file),
        path: PathBuf::from(REQUESTS_FILE),
        left_out: 0,
        error: None,
    };
    requests.records(0, &[record(1), record(2)]);
    requests.records(0, &[record(3)]);
    assert_eq!(requests.left_out, 3);
    let error = requests.finish().unwrap_err();
    assert!(error.to_string().contains("free some space"), "{error}");
}
