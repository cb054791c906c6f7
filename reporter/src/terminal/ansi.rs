//! Text with colours as bytes for a terminal. Neighbours: `frame.rs` fills the buffers, `final_table.rs` colours words.
//! Invariant: without colour no escape sequence is written, and text that came from outside never holds one.

use crate::direction::in_one_direction;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Colours words, or leaves them as they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sgr(pub(super) bool);

impl Sgr {
    pub(super) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(super) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub(super) fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    pub(super) fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    pub(super) fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Text without control characters, which a hostile server could use to write over the screen, and without those that turn text
/// around.
pub fn printable(text: &str) -> String {
    in_one_direction(text)
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect()
}

/// Text of exactly this many columns: cut with "…" or filled with blanks, whatever the width of its characters.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let mut fitted = clip(text, columns);
    fitted.extend(std::iter::repeat_n(
        ' ',
        columns.saturating_sub(fitted.width()),
    ));
    fitted
}

/// Text of at most this many columns, cut with "…".
pub(super) fn clip(text: &str, columns: usize) -> String {
    let text = printable(text);
    if text.width() <= columns {
        return text;
    }
    let mut clipped = String::new();
    let mut width = 0;
    for char in text.chars() {
        width += char.width().unwrap_or(0);
        if width + 1 > columns {
            break;
        }
        clipped.push(char);
    }
    if columns > 0 {
        clipped.push('…');
    }
    clipped
}

/// Text of at most this many columns, its middle cut with "…": a third of what is left is its beginning.
pub(super) fn clip_middle(text: &str, columns: usize) -> String {
    let text = printable(text);
    if text.width() <= columns {
        return text;
    }
    let begin = clip(&text, columns / 3);
    let mut room = columns.saturating_sub(begin.width());
    let mut from = text.len();
    for (at, char) in text.char_indices().rev() {
        let width = char.width().unwrap_or(0);
        if width > room {
            break;
        }
        (room, from) = (room - width, at);
    }
    format!("{begin}{}", &text[from..])
}

/// The lines of a buffer, trailing blanks left out.
pub(super) fn buffer_lines(buffer: &Buffer, colour: bool) -> Vec<String> {
    let area = buffer.area;
    (area.top()..area.bottom())
        .map(|y| {
            let mut line = String::new();
            let mut style = String::new();
            let mut skip = 0;
            for x in area.left()..area.right() {
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                let cell = &buffer[(x, y)];
                // The cells behind a wide character are its own.
                skip = cell.symbol().width().saturating_sub(1);
                let wanted = if colour {
                    codes(cell.fg, cell.modifier)
                } else {
                    String::new()
                };
                if wanted != style {
                    line.push_str("\x1b[0m");
                    line.push_str(&wanted);
                    style = wanted;
                }
                line.push_str(cell.symbol());
            }
            if !style.is_empty() {
                line.push_str("\x1b[0m");
            }
            line.trim_end().to_owned()
        })
        .collect()
}

/// The escape sequence of a style; empty for the terminal's own. Only the eight basic colours are used: every terminal
/// has them, in the shades its owner chose.
fn codes(foreground: Color, modifier: Modifier) -> String {
    let mut codes = Vec::new();
    if modifier.contains(Modifier::BOLD) {
        codes.push("1");
    }
    if modifier.contains(Modifier::DIM) {
        codes.push("2");
    }
    match foreground {
        Color::Red => codes.push("31"),
        Color::Green => codes.push("32"),
        Color::Yellow => codes.push("33"),
        Color::Blue => codes.push("34"),
        Color::Cyan => codes.push("36"),
        _ => {}
    }
    if codes.is_empty() {
        String::new()
    } else {
        format!("\x1b[{}m", codes.join(";"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_take_exactly_their_columns() {
        for text in [
            "home",
            "a very long endpoint name indeed",
            "検索ページの結果",
            "naïve 🛒 basket",
            "",
        ] {
            for columns in [0, 1, 2, 5, 8, 40] {
                let fitted = fit(text, columns);
                assert_eq!(
                    fitted.width(),
                    columns,
                    "“{text}” in {columns} columns: “{fitted}”"
                );
            }
        }
    }

    #[test]
    fn a_name_cannot_smuggle_an_escape_sequence_onto_the_screen() {
        let fitted = fit("evil\x1b[2J\u{202e}name\r\n", 20);
        assert!(
            !fitted.contains(|char: char| char.is_control() || char == '\u{202e}'),
            "{fitted:?}"
        );
    }
}
