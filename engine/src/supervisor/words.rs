//! What a worker wrote into its text table: names of requests, groups and metrics chosen at run time, the words of failures and
//! how often each came.
//! Neighbours: `aggregator.rs` asks. Invariant: a text is published before the first record that uses it, so whoever
//! has the record finds the text.

use loadforge_ring::{TextId, TextKind, TextReader};
use loadforge_scenarios::ErrorKind;

/// The name of requests whose own name found no room in the table.
const NAMELESS: &str = "other";

/// One worker's texts, as far as they have been read.
pub struct Words {
    reader: TextReader,
    /// By id.
    texts: Vec<Text>,
    refusal_told: bool,
}

struct Text {
    kind: TextKind,
    code: u8,
    text: String,
    counted: u64,
}

impl Words {
    /// Nothing read yet.
    pub fn new(reader: TextReader) -> Words {
        Words {
            reader,
            texts: Vec::new(),
            refusal_told: false,
        }
    }

    /// The name that a record carries: one of those known before the run, or one chosen at run time.
    pub fn name<'n>(&'n mut self, known: &'n [String], id: usize) -> &'n str {
        let Some(place) = id.checked_sub(known.len()) else {
            return &known[id];
        };
        self.text(place).map_or(NAMELESS, |text| text.text.as_str())
    }

    /// The name of a group or a metric, and its code.
    pub fn own_name(&mut self, id: usize) -> (&str, u8) {
        self.text(id)
            .map_or((NAMELESS, 0), |text| (text.text.as_str(), text.code))
    }

    /// Tells the failures counted since the last call: kind, words, how many, and whether requests carry them.
    pub fn count_new(&mut self, mut tell: impl FnMut(ErrorKind, &str, u64, bool)) {
        self.read_new();
        for (id, text) in self.texts.iter_mut().enumerate() {
            let is_carried = match text.kind {
                TextKind::ErrorDetail => true,
                TextKind::PanicPlace | TextKind::NotedFailure => false,
                TextKind::Name | TextKind::Group | TextKind::Metric | TextKind::EndReason => {
                    continue;
                }
            };
            let count = self.reader.count(TextId(id as u32));
            if count > text.counted
                && let Some(kind) = ErrorKind::from_code(text.code)
            {
                tell(kind, &text.text, count - text.counted, is_carried);
                text.counted = count;
            }
        }
    }

    /// Whether the table has turned texts away; told once.
    pub fn are_newly_refused(&mut self) -> bool {
        let newly = !self.refusal_told && self.reader.refused() > 0;
        self.refusal_told |= newly;
        newly
    }

    fn text(&mut self, place: usize) -> Option<&Text> {
        if place >= self.texts.len() {
            self.read_new();
        }
        self.texts.get(place)
    }

    fn read_new(&mut self) {
        for entry in self.reader.new_entries() {
            debug_assert_eq!(entry.id.0 as usize, self.texts.len(), "texts come in order");
            self.texts.push(Text {
                kind: entry.kind,
                code: entry.code,
                text: entry.text,
                counted: 0,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadforge_ring::{Capacity, Transport};

    #[test]
    fn a_name_interned_after_the_last_look_is_found_all_the_same() {
        let transport = Transport::channel(1, Capacity::default());
        let mut writer = transport.text_writer(0);
        let mut words = Words::new(transport.text_reader(0));
        let known = ["home".to_owned()];
        assert_eq!(words.name(&known, 0), "home");
        let late = writer.intern(TextKind::Name, 0, "late");
        assert_eq!(words.name(&known, 1 + late.0 as usize), "late");
        assert_eq!(words.name(&known, 99), NAMELESS);
    }

    #[test]
    fn failures_are_told_once_each() {
        let transport = Transport::channel(1, Capacity::default());
        let mut writer = transport.text_writer(0);
        let mut words = Words::new(transport.text_reader(0));
        let reset = writer.intern(TextKind::ErrorDetail, ErrorKind::Reset as u8, "it broke");
        let mut told = Vec::new();
        for raised in [2, 0, 3] {
            writer.add(reset, raised);
            words.count_new(|kind, text, count, is_carried| {
                told.push((kind, text.to_owned(), count, is_carried));
            });
        }
        let broke = |count| (ErrorKind::Reset, "it broke".to_owned(), count, true);
        assert_eq!(told, [broke(2), broke(3)]);
    }

    #[test]
    fn noted_failures_and_panics_are_told_as_carried_by_no_request() {
        let transport = Transport::channel(1, Capacity::default());
        let mut writer = transport.text_writer(0);
        let mut words = Words::new(transport.text_reader(0));
        for kind in [
            TextKind::ErrorDetail,
            TextKind::NotedFailure,
            TextKind::PanicPlace,
            TextKind::Group,
        ] {
            let text = writer.intern(kind, ErrorKind::Check as u8, "it");
            writer.add(text, 1);
        }
        let mut told = Vec::new();
        words.count_new(|_, _, count, is_carried| told.push((count, is_carried)));
        assert_eq!(told, [(1, true), (1, false), (1, false)]);
    }

    #[test]
    fn a_metric_is_found_with_its_kind() {
        let transport = Transport::channel(1, Capacity::default());
        let mut writer = transport.text_writer(0);
        let mut words = Words::new(transport.text_reader(0));
        writer.intern(TextKind::Name, 0, "basket");
        let basket = writer.intern(TextKind::Metric, 3, "basket");
        assert_eq!(words.own_name(basket.0 as usize), ("basket", 3));
        assert_eq!(words.own_name(99), (NAMELESS, 0));
    }
}
