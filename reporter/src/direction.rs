//! Characters that turn the direction of what stands around them: a name with U+202E in it could make a line say something else.
//! Neighbours: the terminal and the page pass all text from outside through here. Invariant: what is data (JSON, the files of a
//! run) keeps every character; only what is shown is changed.

/// What stands in such a character's place.
const SHOWN: char = '\u{fffd}';

/// Whether the character turns text around (the explicit ones of UAX #9): marks, embeddings, overrides and isolates.
pub(crate) fn turns_text(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with such characters shown as what they are: something that does not belong there.
pub(crate) fn in_one_direction(text: &str) -> String {
    text.chars()
        .map(|char| if turns_text(char) { SHOWN } else { char })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_and_marks_are_shown_and_scripts_are_left_alone() {
        assert_eq!(
            in_one_direction("a\u{202e}b\u{2066}c\u{200f}"),
            "a\u{fffd}b\u{fffd}c\u{fffd}"
        );
        let scripts = "سلام שלום 日本 é \u{200d}\u{a0}";
        assert_eq!(in_one_direction(scripts), scripts);
    }
}
