//! Texts of a scenario that may hold more than letters: environment variables and templates. Neighbours: the readers
//! build them, `write.rs` writes them. Invariant: a literal piece stays literal in the file, whatever it holds.

/// One part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Stands for itself.
    Literal(String),
    /// `${NAME}`: an environment variable.
    Variable(String),
    /// `{{ expression }}`: computed by each user.
    Template(String),
}

/// A text made of pieces; no two literals stand side by side, none is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(Vec<Piece>);

impl Text {
    /// A text that stands for itself.
    pub(crate) fn literal(text: impl Into<String>) -> Text {
        let mut made = Text::default();
        made.push_str(&text.into());
        made
    }

    /// A text that is an environment variable.
    pub(crate) fn variable(name: impl Into<String>) -> Text {
        Text(vec![Piece::Variable(name.into())])
    }

    /// A text that is a template.
    pub(crate) fn template(expression: impl Into<String>) -> Text {
        Text(vec![Piece::Template(expression.into())])
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, if it stands for itself.
    pub(crate) fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Literal(text)] => Some(text),
            _ => None,
        }
    }

    pub(crate) fn push_str(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(Piece::Literal(last)) => last.push_str(text),
            _ => self.0.push(Piece::Literal(text.to_owned())),
        }
    }

    pub(crate) fn push(&mut self, piece: Piece) {
        match piece {
            Piece::Literal(text) => self.push_str(&text),
            piece => self.0.push(piece),
        }
    }

    pub(crate) fn append(&mut self, other: &Text) {
        for piece in &other.0 {
            self.push(piece.clone());
        }
    }

    /// What a person is shown: a variable or a template as `{name}`.
    pub(crate) fn shown(&self) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text.clone(),
                Piece::Variable(name) | Piece::Template(name) => format!("{{{name}}}"),
            })
            .collect()
    }

    /// The same text with its literal pieces changed.
    pub(crate) fn map_literals(&self, change: &mut dyn FnMut(&str) -> Text) -> Text {
        let mut changed = Text::default();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => changed.append(&change(text)),
                piece => changed.push(piece.clone()),
            }
        }
        changed
    }

    /// Splits literal pieces at the first of these characters; it stands in neither half.
    pub(crate) fn split_once(&self, at: &[char]) -> Option<(Text, Text)> {
        for (index, piece) in self.0.iter().enumerate() {
            let Piece::Literal(text) = piece else {
                continue;
            };
            let Some(found) = text.find(at) else {
                continue;
            };
            let mut before = Text(self.0[..index].to_vec());
            before.push_str(&text[..found]);
            let mut after = Text::literal(&text[found + 1..]);
            for piece in &self.0[index + 1..] {
                after.push(piece.clone());
            }
            return Some((before, after));
        }
        None
    }

    /// All parts between this character.
    pub(crate) fn split(&self, at: char) -> Vec<Text> {
        let mut parts = vec![Text::default()];
        for piece in &self.0 {
            let last = parts.len() - 1;
            let Piece::Literal(text) = piece else {
                parts[last].push(piece.clone());
                continue;
            };
            for (index, part) in text.split(at).enumerate() {
                if index > 0 {
                    parts.push(Text::default());
                }
                parts
                    .last_mut()
                    .expect("one part is there from the start")
                    .push_str(part);
            }
        }
        parts
    }

    /// Without blanks at both ends.
    pub(crate) fn trim(&self) -> Text {
        let mut pieces = self.0.clone();
        if let Some(Piece::Literal(text)) = pieces.first_mut() {
            *text = text.trim_start().to_owned();
        }
        if let Some(Piece::Literal(text)) = pieces.last_mut() {
            *text = text.trim_end().to_owned();
        }
        let mut trimmed = Text::default();
        for piece in pieces {
            trimmed.push(piece);
        }
        trimmed
    }

    /// As a string value of a scenario file means it, before TOML's own quoting: `${` and `{{` of literals escaped.
    pub(crate) fn written(&self) -> String {
        let mut written = String::new();
        for (index, piece) in self.0.iter().enumerate() {
            match piece {
                Piece::Literal(text) => push_literal(text, index + 1 < self.0.len(), &mut written),
                Piece::Variable(name) => written.push_str(&format!("${{{name}}}")),
                Piece::Template(expression) => {
                    written.push_str(&format!("{{{{ {expression} }}}}"));
                }
            }
        }
        written
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text::literal(text)
    }
}

/// Appends a literal. `$` and `{` mean something only in a run that holds `{{`, or that stands right before a variable
/// or a template: such a run is written as string literals in templates, one for each character of its kind, so
/// that `${` stands in none of them. In all other runs `${` becomes `$${`.
fn push_literal(text: &str, more_follows: bool, written: &mut String) {
    let is_mark = |c: char| c == '$' || c == '{';
    let mut rest = text;
    while let Some(at) = rest.find(is_mark) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c| !is_mark(c)).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        written.push_str(before);
        if run.contains("{{") || (after.is_empty() && more_follows) {
            let mut run = run;
            while let Some(first) = run.chars().next() {
                let end = run.find(|c| c != first).unwrap_or(run.len());
                written.push_str(&format!("{{{{ '{}' }}}}", &run[..end]));
                run = &run[end..];
            }
        } else {
            written.push_str(&run.replace("${", "$${"));
        }
        rest = after;
    }
    written.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_that_mean_something_are_escaped_and_others_are_not() {
        for (literal, written) in [
            ("costs 5$ {a}", "costs 5$ {a}"),
            ("${HOME}", "$${HOME}"),
            ("a$${X}", "a$$${X}"),
            ("{{ x }}", "{{ '{{' }} x }}"),
            ("${{ x }}", "{{ '$' }}{{ '{{' }} x }}"),
            ("{$ {{{", "{$ {{ '{{{' }}"),
        ] {
            assert_eq!(Text::literal(literal).written(), written, "{literal}");
        }
    }

    #[test]
    fn a_mark_before_a_variable_cannot_swallow_it() {
        let mut text = Text::literal("price $");
        text.push(Piece::Variable("PRICE".into()));
        text.push_str("{");
        text.push(Piece::Template("x".into()));
        assert_eq!(text.written(), "price {{ '$' }}${PRICE}{{ '{' }}{{ x }}");
    }

    #[test]
    fn a_text_is_split_and_trimmed_around_what_is_no_literal() {
        let mut text = Text::literal(" a=");
        text.push(Piece::Variable("X".into()));
        text.push_str("&b= ");
        let parts = text.split('&');
        assert_eq!(parts[1].as_literal(), Some("b= "));
        let (name, value) = parts[0].split_once(&['=']).unwrap();
        assert_eq!(name.trim().as_literal(), Some("a"));
        assert_eq!(value, Text::variable("X"));
    }
}
