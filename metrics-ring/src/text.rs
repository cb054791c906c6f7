//! Texts that a worker makes up while it runs (names, error details), so that records and counters need only ids.
//! Neighbours: `block.rs` says where a table lies, `transport.rs` hands the two faces out. Invariants: an entry is
//! whole before the table's length includes it, and never changes afterwards, but for its count; the writer's path
//! allocates nothing for a text it has seen; what no longer fits is counted under "other".

use crate::block::Block;
use crate::control::raise;
use std::cell::UnsafeCell;
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest text that is kept, in bytes; a longer one is cut before the character that would cross it.
pub const MAX_TEXT_BYTES: usize = 512;

/// Codes of texts are below this.
pub const TEXT_CODES: u8 = 32;

/// The text under which everything is counted that no longer fits.
const OTHER: &str = "other";

/// Room kept for one "other" of every kind and code.
const OTHERS: usize = TextKind::ALL.len() * TEXT_CODES as usize;

/// What a text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TextKind {
    /// A request's name.
    Name = 1,
    /// A group's name.
    Group = 2,
    /// A metric's name.
    Metric = 3,
    /// What happened when something failed; its code is the error's kind.
    ErrorDetail = 4,
    /// Where a scenario's code panicked.
    PanicPlace = 5,
    /// Why a scenario has nothing left to do.
    EndReason = 6,
    /// What a scenario told of a failure that no request carries; its code is the error's kind.
    NotedFailure = 7,
}

impl TextKind {
    const ALL: [TextKind; 7] = [
        TextKind::Name,
        TextKind::Group,
        TextKind::Metric,
        TextKind::ErrorDetail,
        TextKind::PanicPlace,
        TextKind::EndReason,
        TextKind::NotedFailure,
    ];

    fn from_code(code: u8) -> Option<TextKind> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == code)
    }
}

/// A text's number in its worker's table: 0 is the first text, the next is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TextId(pub u32);

/// A text, as read from the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextEntry {
    /// Its number.
    pub id: TextId,
    /// What it is for.
    pub kind: TextKind,
    /// The error's kind for error details; else what the writer chose.
    pub code: u8,
    /// The text.
    pub text: String,
}

/// The table's own fields in shared memory. Zeroed memory is an empty table.
#[repr(C, align(128))]
pub(crate) struct TextHeader {
    /// How many entries are whole. Written by the worker.
    published: AtomicU64,
    /// How often "other" was given out. Written by the worker.
    refused: AtomicU64,
}

/// One text's place in the table.
#[repr(C)]
pub(crate) struct TextSlot {
    count: AtomicU64,
    body: UnsafeCell<TextBody>,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct TextBody {
    offset: u32,
    length: u16,
    kind: u8,
    code: u8,
}

const _: () = assert!(size_of::<TextHeader>() == 128 && size_of::<TextSlot>() == 16);

/// How much a table holds, what is kept for "other" included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextRoom {
    /// Entries.
    pub slots: usize,
    /// Bytes of all texts together.
    pub bytes: usize,
}

impl TextRoom {
    /// Room for this many texts of the writer's own, and for every "other".
    pub(crate) fn new(texts: usize, text_bytes: usize) -> TextRoom {
        TextRoom {
            slots: texts.saturating_add(OTHERS),
            bytes: text_bytes.saturating_add(OTHERS * OTHER.len()),
        }
    }
}

/// Where a table's parts lie.
#[derive(Clone, Copy)]
pub(crate) struct TextParts {
    header: NonNull<TextHeader>,
    slots: NonNull<TextSlot>,
    bytes: NonNull<u8>,
    room: TextRoom,
}

impl TextParts {
    /// Names the parts.
    ///
    /// # Safety
    /// All three point to initialised memory of the sizes in `room` (zeroed is initialised) that stays valid, and is
    /// used for nothing else, as long as this value or a face made from it is used.
    pub(crate) unsafe fn new(
        header: NonNull<TextHeader>,
        slots: NonNull<TextSlot>,
        bytes: NonNull<u8>,
        room: TextRoom,
    ) -> TextParts {
        TextParts {
            header,
            slots,
            bytes,
            room,
        }
    }

    fn header(&self) -> &TextHeader {
        // SAFETY: `new` requires a valid header; it is only ever shared, all its fields are atomics.
        unsafe { self.header.as_ref() }
    }

    /// The slot at `index`.
    ///
    /// # Panics
    /// When there is none.
    fn slot(&self, index: usize) -> &TextSlot {
        assert!(
            index < self.room.slots,
            "text {index} of a table of {}",
            self.room.slots
        );
        // SAFETY: `new` requires this many slots; slots are only shared.
        unsafe { self.slots.add(index).as_ref() }
    }
}

/// The worker's face of its table.
pub struct TextWriter {
    parts: TextParts,
    /// By kind and code: the texts that are in the table. An empty map holds no memory.
    known: Vec<HashMap<Box<str>, TextId>>,
    /// By kind and code: its "other", once there is one.
    others: Vec<Option<TextId>>,
    /// How many texts are in the table, each "other" left out.
    texts: usize,
    /// All entries.
    entries: usize,
    /// Bytes of texts, each "other" left out.
    own_bytes: usize,
    /// Bytes of all texts.
    bytes: usize,
    /// Keeps the memory that `parts` points to.
    _block: Arc<Block>,
}

// SAFETY: the parts are plain memory that `_block` keeps; nothing in it belongs to a thread.
unsafe impl Send for TextWriter {}

impl TextWriter {
    /// The writing face of an empty table in `block`.
    ///
    /// # Safety
    /// The parts lie in `block`, and this is the table's only writer, in any process, at any time.
    pub(crate) unsafe fn new(parts: TextParts, block: Arc<Block>) -> TextWriter {
        TextWriter {
            parts,
            known: vec![HashMap::new(); OTHERS],
            others: vec![None; OTHERS],
            texts: 0,
            entries: 0,
            own_bytes: 0,
            bytes: 0,
            _block: block,
        }
    }

    /// The id of a text, which is put into the table when it is new. A full table answers with its "other" of this
    /// kind and code, and counts that it did.
    ///
    /// # Panics
    /// When the code is not below `TEXT_CODES`.
    pub fn intern(&mut self, kind: TextKind, code: u8, text: &str) -> TextId {
        assert!(
            code < TEXT_CODES,
            "a text's code is below {TEXT_CODES}, not {code}"
        );
        let group = (kind as usize - 1) * TEXT_CODES as usize + code as usize;
        let text = cut(text);
        if let Some(id) = self.known[group].get(text) {
            return *id;
        }
        let room = self.parts.room;
        let fits = self.texts < room.slots - OTHERS
            && text.len() <= room.bytes - OTHERS * OTHER.len() - self.own_bytes;
        if fits {
            let id = self.append(kind, code, text);
            self.texts += 1;
            self.own_bytes += text.len();
            self.known[group].insert(text.into(), id);
            return id;
        }
        raise(&self.parts.header().refused, 1);
        if let Some(id) = self.others[group] {
            return id;
        }
        let id = self.append(kind, code, OTHER);
        self.others[group] = Some(id);
        id
    }

    /// Raises a text's count.
    pub fn add(&mut self, id: TextId, count: u64) {
        assert!(
            (id.0 as usize) < self.entries,
            "text {} was never given out",
            id.0
        );
        raise(&self.parts.slot(id.0 as usize).count, count);
    }

    /// Writes an entry and publishes it; the caller has made sure that there is room.
    fn append(&mut self, kind: TextKind, code: u8, text: &str) -> TextId {
        let body = TextBody {
            offset: self.bytes as u32,
            length: text.len() as u16,
            kind: kind as u8,
            code,
        };
        assert!(
            self.bytes + text.len() <= self.parts.room.bytes,
            "room was counted wrongly"
        );
        let slot = self.parts.slot(self.entries);
        // SAFETY: the bytes lie within the table, by the assertion; neither they nor the slot's body are in a published
        // entry yet, so nobody reads them, and there is no other writer.
        unsafe {
            let to = self.parts.bytes.add(self.bytes);
            to.copy_from_nonoverlapping(NonNull::from(text.as_bytes()).cast(), text.len());
            slot.body.get().write(body);
        }
        let id = TextId(self.entries as u32);
        self.entries += 1;
        self.bytes += text.len();
        // Release: pairs with the Acquire load in `TextReader::published`.
        self.parts
            .header()
            .published
            .store(self.entries as u64, Ordering::Release);
        id
    }
}

/// The other side's face of a worker's table; there may be several, each with its own place.
pub struct TextReader {
    parts: TextParts,
    /// How many entries `new_entries` has given out.
    seen: usize,
    /// Keeps the memory that `parts` points to.
    _block: Arc<Block>,
}

// SAFETY: as for `TextWriter`.
unsafe impl Send for TextReader {}

impl TextReader {
    /// A reading face of the table in `block`.
    ///
    /// # Safety
    /// The parts lie in `block`.
    pub(crate) unsafe fn new(parts: TextParts, block: Arc<Block>) -> TextReader {
        TextReader {
            parts,
            seen: 0,
            _block: block,
        }
    }

    /// The entries that came since the last call, in the order of their ids.
    ///
    /// A record's text is in the table before the record is in the ring: read the ring first, then the table.
    pub fn new_entries(&mut self) -> Vec<TextEntry> {
        let published = self.published();
        let entries = (self.seen..published)
            .map(|index| self.entry(index))
            .collect();
        self.seen = published;
        entries
    }

    /// A text's count, as the worker raised it; 0 for a text that is not in the table.
    pub fn count(&self, id: TextId) -> u64 {
        let index = id.0 as usize;
        // Relaxed: a counter says nothing about any other memory.
        if index < self.published() {
            self.parts.slot(index).count.load(Ordering::Relaxed)
        } else {
            0
        }
    }

    /// How often a text found the table full and was given "other" instead.
    pub fn refused(&self) -> u64 {
        // Relaxed: as in `count`.
        self.parts.header().refused.load(Ordering::Relaxed)
    }

    fn published(&self) -> usize {
        // Acquire: pairs with the Release store in `TextWriter::append`; the entries are whole once they are counted.
        self.parts.header().published.load(Ordering::Acquire) as usize
    }

    /// A published entry.
    fn entry(&self, index: usize) -> TextEntry {
        // SAFETY: the index is below the published length, so the body is written and does not change any more.
        let body = unsafe { *self.parts.slot(index).body.get() };
        let (offset, length) = (body.offset as usize, body.length as usize);
        let kind = TextKind::from_code(body.kind);
        assert!(
            offset + length <= self.parts.room.bytes && kind.is_some(),
            "the text table holds an entry that nobody writes: {length} bytes at {offset}"
        );
        // SAFETY: the bytes lie within the table, by the assertion, and belong to a published entry.
        let bytes =
            unsafe { NonNull::slice_from_raw_parts(self.parts.bytes.add(offset), length).as_ref() };
        TextEntry {
            id: TextId(index as u32),
            kind: kind.expect("asserted above"),
            code: body.code,
            text: String::from_utf8_lossy(bytes).into_owned(),
        }
    }
}

/// At most `MAX_TEXT_BYTES` of the text, in whole characters.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT_BYTES)]
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
