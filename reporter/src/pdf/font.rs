//! The two fonts of the document: Helvetica and its bold, which every reader of PDF brings along, so that none is embedded.
//! Neighbours: `sheet.rs` sets text with them. Invariants: a text's width is known before it is set; what the fonts cannot show stands
//! as `?` and is told; nothing from outside turns the text around it or reaches the file as anything but letters.

use crate::direction::in_one_direction;

/// A font with its size in points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Font {
    pub(super) bold: bool,
    pub(super) size: f32,
}

impl Font {
    pub(super) const fn plain(size: f32) -> Font {
        Font { bold: false, size }
    }

    pub(super) const fn bold(size: f32) -> Font {
        Font { bold: true, size }
    }

    /// How wide the letters are in points.
    pub(super) fn width(self, letters: &[u8]) -> f32 {
        let table = if self.bold { &BOLD } else { &PLAIN };
        let units: u32 = letters
            .iter()
            .map(|letter| u32::from(table[usize::from(letter.saturating_sub(FIRST))]))
            .sum();
        units as f32 * self.size / 1_000.0
    }

    /// The letters cut to this width, with an ellipsis where something is missing.
    pub(super) fn fitted(self, letters: &[u8], width: f32) -> Vec<u8> {
        if self.width(letters) <= width {
            return letters.to_vec();
        }
        let room = width - self.width(&[ELLIPSIS]);
        let mut kept = letters.len();
        while kept > 0 && self.width(&letters[..kept]) > room {
            kept -= 1;
        }
        let mut cut = letters[..kept].to_vec();
        cut.push(ELLIPSIS);
        cut
    }

    /// The letters in lines of at most this width, broken at blanks; a word that is wider is cut.
    pub(super) fn wrapped(self, letters: &[u8], width: f32) -> Vec<Vec<u8>> {
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for word in letters.split(|letter| *letter == b' ') {
            if word.is_empty() {
                continue;
            }
            let word = self.fitted(word, width);
            match lines.last_mut() {
                Some(line) if self.width(line) + self.width(b" ") + self.width(&word) <= width => {
                    line.push(b' ');
                    line.extend(word);
                }
                _ => lines.push(word),
            }
        }
        lines
    }
}

/// A text as letters of the encoding that both fonts have (Windows code page 1252); the second value says whether one stands for
/// something else. Control characters become blanks.
pub(super) fn letters(text: &str) -> (Vec<u8>, bool) {
    let mut replaced = false;
    let mut letters = Vec::with_capacity(text.len());
    for char in in_one_direction(text).chars() {
        match char {
            '≤' => letters.extend(b"<="),
            '≥' => letters.extend(b">="),
            '→' => letters.extend(b"->"),
            _ => letters.push(letter(char).unwrap_or_else(|| {
                replaced = true;
                b'?'
            })),
        }
    }
    (letters, replaced)
}

const ELLIPSIS: u8 = 0x85;

fn letter(char: char) -> Option<u8> {
    match char {
        ' '..='~' => Some(char as u8),
        '\u{a0}'..='\u{ff}' => Some(char as u8),
        char if char.is_control() => Some(b' '),
        '\u{202f}' | '\u{2009}' => Some(0xa0),
        'μ' => Some(0xb5),
        '−' => Some(b'-'),
        '\u{2028}' | '\u{2029}' => Some(b' '),
        '\u{fffd}' => None,
        _ => {
            let at = HIGH.iter().position(|high| *high == char)?;
            Some(0x80 + at as u8)
        }
    }
}

/// What the encoding has from 0x80 to 0x9f; U+FFFD where it has nothing.
const HIGH: [char; 32] = [
    '€', '\u{fffd}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{fffd}', 'Ž',
    '\u{fffd}', '\u{fffd}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{fffd}',
    'ž', 'Ÿ',
];

/// The first letter of the tables.
const FIRST: u8 = 32;

/// Widths from the blank to 0xff in thousandths of the size, from Adobe's metrics of the 14 standard fonts.
#[rustfmt::skip]
const PLAIN: [u16; 224] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584, 350,
    556, 350, 222, 556, 333, 1000, 556, 556, 333, 1000, 667, 333, 1000, 350, 611, 350,
    350, 222, 222, 333, 333, 350, 556, 1000, 333, 1000, 500, 333, 944, 350, 500, 667,
    278, 333, 556, 556, 556, 556, 260, 556, 333, 737, 370, 556, 584, 333, 737, 333,
    400, 584, 333, 333, 333, 556, 537, 278, 333, 333, 365, 556, 834, 834, 834, 611,
    667, 667, 667, 667, 667, 667, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278,
    722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667, 611,
    556, 556, 556, 556, 556, 556, 889, 500, 556, 556, 556, 556, 278, 278, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 584, 611, 556, 556, 556, 556, 500, 556, 500,
];

#[rustfmt::skip]
const BOLD: [u16; 224] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611,
    975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556,
    333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611,
    611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584, 350,
    556, 350, 278, 556, 500, 1000, 556, 556, 333, 1000, 667, 333, 1000, 350, 611, 350,
    350, 278, 278, 500, 500, 350, 556, 1000, 333, 1000, 556, 333, 944, 350, 500, 667,
    278, 333, 556, 556, 556, 556, 280, 556, 333, 737, 370, 556, 584, 333, 737, 333,
    400, 584, 333, 333, 333, 611, 556, 278, 333, 333, 365, 556, 834, 834, 834, 611,
    722, 722, 722, 722, 722, 722, 1000, 722, 667, 667, 667, 667, 278, 278, 278, 278,
    722, 722, 778, 778, 778, 778, 778, 584, 778, 722, 722, 722, 722, 667, 667, 611,
    556, 556, 556, 556, 556, 556, 889, 556, 556, 556, 556, 556, 278, 278, 278, 278,
    611, 611, 611, 611, 611, 611, 611, 584, 611, 611, 611, 611, 611, 556, 611, 556,
];

#[cfg(test)]
mod tests {
    use super::*;

    const FONT: Font = Font::plain(10.0);

    #[test]
    fn letters_are_as_wide_as_the_metrics_of_the_font_say() {
        // From Adobe's metrics: A 667, µ 556 (bold 611), Ÿ 667, ÿ 500.
        assert_eq!(FONT.width(b"A"), 6.67);
        assert_eq!(FONT.width(&letters("µ").0), 5.56);
        assert_eq!(Font::bold(10.0).width(&letters("µ").0), 6.11);
        assert_eq!(FONT.width(&letters("Ÿÿ").0), 11.67);
        assert_eq!(FONT.width(&[0]), 2.78);
    }

    #[test]
    fn what_the_fonts_lack_is_replaced_and_told() {
        assert_eq!(
            letters("p99 ≤ 5 µs – “é” …"),
            (b"p99 <= 5 \xb5s \x96 \x93\xe9\x94 \x85".to_vec(), false)
        );
        assert_eq!(letters("検✓"), (b"??".to_vec(), true));
        assert_eq!(letters("a\u{1b}[2J\r\nb"), (b"a [2J  b".to_vec(), false));
        let (turned, replaced) = letters("a\u{202e}b");
        assert_eq!((turned.as_slice(), replaced), (b"a?b".as_slice(), true));
    }

    #[test]
    fn long_words_are_cut_and_long_lines_broken() {
        let long = b"W".repeat(100);
        let cut = FONT.fitted(&long, 100.0);
        assert!(FONT.width(&cut) <= 100.0 && cut.ends_with(&[ELLIPSIS]));
        let (text, _) = letters(
            "some words that do not fit into one line and an-endless-word-that-fits-into-none-at-all",
        );
        let lines = FONT.wrapped(&text, 100.0);
        assert!(lines.len() > 3, "{lines:?}");
        assert!(
            lines.iter().all(|line| FONT.width(line) <= 100.0),
            "{lines:?}"
        );
        assert!(FONT.wrapped(b"  ", 100.0).is_empty());
        assert_eq!(FONT.fitted(b"abc", 0.0), [ELLIPSIS]);
    }
}
