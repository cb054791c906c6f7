//! Text tables on the heap; across a fork they are tested in `tests/processes.rs`.

use super::*;
use crate::{Capacity, Transport};

fn table(texts: usize, text_bytes: usize) -> (TextWriter, TextReader) {
    let capacity = Capacity {
        ring_records: 2,
        spill_records: 2,
        texts,
        text_bytes,
    };
    let transport = Transport::channel(1, capacity);
    (transport.text_writer(0), transport.text_reader(0))
}

fn entry(id: u32, kind: TextKind, code: u8, text: &str) -> TextEntry {
    TextEntry {
        id: TextId(id),
        kind,
        code,
        text: text.to_owned(),
    }
}

#[test]
fn a_text_is_kept_once_per_kind_and_code_and_read_once() {
    let (mut writer, mut reader) = table(10, 1000);
    assert_eq!(reader.new_entries(), []);
    let name = writer.intern(TextKind::Name, 0, "/products");
    let group = writer.intern(TextKind::Group, 0, "/products");
    let detail = writer.intern(TextKind::ErrorDetail, 6, "HTTP 503");
    assert_eq!(writer.intern(TextKind::Name, 0, "/products"), name);
    assert_eq!(
        reader.new_entries(),
        [
            entry(name.0, TextKind::Name, 0, "/products"),
            entry(group.0, TextKind::Group, 0, "/products"),
            entry(detail.0, TextKind::ErrorDetail, 6, "HTTP 503"),
        ]
    );
    assert_eq!(reader.new_entries(), []);
    let other_code = writer.intern(TextKind::ErrorDetail, 7, "HTTP 503");
    assert_eq!(
        reader.new_entries(),
        [entry(other_code.0, TextKind::ErrorDetail, 7, "HTTP 503")]
    );
}

#[test]
fn counts_add_up_and_an_unknown_text_has_none() {
    let (mut writer, reader) = table(10, 1000);
    let detail = writer.intern(TextKind::ErrorDetail, 1, "no answer within 30s");
    let second = writer.intern(TextKind::ErrorDetail, 1, "no answer within 31s");
    writer.add(detail, 2);
    writer.add(detail, 3);
    assert_eq!((reader.count(detail), reader.count(second)), (5, 0));
    assert_eq!(reader.count(TextId(2)), 0);
    assert_eq!(reader.count(TextId(u32::MAX)), 0);
}

#[test]
fn texts_past_the_limit_become_other_of_their_kind_and_code() {
    let (mut writer, mut reader) = table(2, 1000);
    let kept = writer.intern(TextKind::Name, 0, "a");
    writer.intern(TextKind::Name, 0, "b");
    let other = writer.intern(TextKind::Name, 0, "c");
    assert_eq!(writer.intern(TextKind::Name, 0, "d"), other);
    let detail = writer.intern(TextKind::ErrorDetail, 3, "e");
    assert_ne!(detail, other);
    // What was there before the table was full is still found.
    assert_eq!(writer.intern(TextKind::Name, 0, "a"), kept);
    assert_eq!(
        reader.new_entries()[2..],
        [
            entry(other.0, TextKind::Name, 0, "other"),
            entry(detail.0, TextKind::ErrorDetail, 3, "other"),
        ]
    );
    assert_eq!(reader.refused(), 3);
}

#[test]
fn a_table_out_of_bytes_still_takes_shorter_texts_and_every_other() {
    let (mut writer, mut reader) = table(1000, 10);
    writer.intern(TextKind::Name, 0, "12345678");
    let other = writer.intern(TextKind::Name, 0, "123");
    assert_ne!(writer.intern(TextKind::Name, 0, "12"), other);
    // Every kind and code at once: the room kept for "other" is enough.
    for kind in TextKind::ALL {
        for code in 0..TEXT_CODES {
            writer.intern(kind, code, "does not fit");
        }
    }
    let entries = reader.new_entries();
    assert_eq!(entries.len(), 2 + OTHERS);
    assert_eq!(
        entries.iter().filter(|entry| entry.text == "other").count(),
        OTHERS
    );
}

#[test]
fn a_long_text_is_cut_at_a_character() {
    let (mut writer, mut reader) = table(10, 4000);
    // 511 bytes and a character of two: the cut comes before it.
    let text = format!("{}é and more", "x".repeat(511));
    let id = writer.intern(TextKind::PanicPlace, 0, &text);
    assert_eq!(
        writer.intern(TextKind::PanicPlace, 0, &format!("{}é!", "x".repeat(511))),
        id
    );
    assert_eq!(reader.new_entries()[0].text, "x".repeat(511));
    writer.intern(TextKind::PanicPlace, 0, &"y".repeat(512));
    writer.intern(TextKind::PanicPlace, 0, "");
    let texts: Vec<usize> = reader
        .new_entries()
        .iter()
        .map(|entry| entry.text.len())
        .collect();
    assert_eq!(texts, [512, 0]);
}

#[test]
fn a_reader_in_another_thread_sees_only_whole_entries() {
    let texts = if cfg!(miri) { 50 } else { 4000 };
    let (mut writer, mut reader) = table(texts, texts * 20);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..texts {
                let id = writer.intern(
                    TextKind::Name,
                    (number % 32) as u8,
                    &format!("/item/{number}"),
                );
                writer.add(id, number as u64);
            }
        });
        let mut seen = 0;
        while seen < texts {
            for new in reader.new_entries() {
                let text = format!("/item/{seen}");
                assert_eq!(
                    new,
                    entry(seen as u32, TextKind::Name, (seen % 32) as u8, &text)
                );
                seen += 1;
            }
            std::thread::yield_now();
        }
    });
}

#[test]
#[should_panic(expected = "below 32")]
fn a_code_beyond_the_limit_is_refused() {
    table(1, 1).0.intern(TextKind::ErrorDetail, 32, "x");
}

#[test]
#[should_panic(expected = "never given out")]
fn a_count_for_a_text_that_is_not_there_is_refused() {
    table(1, 1).0.add(TextId(0), 1);
}
