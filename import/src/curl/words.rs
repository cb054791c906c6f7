//! Command lines as a shell reads them: words, with quotes and escapes undone. Neighbours: `mod.rs` reads commands out of
//! the words. `shlex` knows no `$'…'`, no variables and no places, so that it cannot be used here. Invariant: nothing
//! is carried out; what a shell would run stays text.

use crate::{
    ImportError,
    notes::Notes,
    words::{Piece, Text},
};

/// A word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: Text,
    /// Where it begins: a byte of the input.
    pub(super) at: usize,
}

/// Splits a text into commands of words. A text with `^"` or lines that end with `^` is read as Windows' `cmd` reads it.
pub(super) fn commands(text: &str, notes: &mut Notes) -> Result<Vec<Vec<Word>>, ImportError> {
    let caret_at_end = text.lines().any(|line| line.trim_end().ends_with('^'));
    if text.contains("^\"") || caret_at_end {
        return windows(text);
    }
    let mut shell = Shell {
        text,
        rest: text,
        notes,
        commands: vec![Vec::new()],
        redirected: false,
    };
    shell.read()?;
    Ok(shell.commands)
}

/// Reads as POSIX shells and bash do.
struct Shell<'t> {
    text: &'t str,
    rest: &'t str,
    notes: &'t mut Notes,
    commands: Vec<Vec<Word>>,
    /// Whether the next word is the file of a redirection.
    redirected: bool,
}

impl Shell<'_> {
    fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn read(&mut self) -> Result<(), ImportError> {
        while let Some(c) = self.rest.chars().next() {
            if self.take_continuation() {
                continue;
            }
            match c {
                '\n' | ';' | '&' | '|' => {
                    self.next();
                    self.redirected = false;
                    self.commands.push(Vec::new());
                }
                '>' | '<' => {
                    self.next();
                    self.redirected = true;
                }
                c if c.is_whitespace() => {
                    self.next();
                }
                '#' => {
                    let end = self.rest.find('\n').unwrap_or(self.rest.len());
                    self.rest = &self.rest[end..];
                }
                _ => {
                    let at = self.at();
                    let text = self.word()?;
                    if std::mem::take(&mut self.redirected) {
                        self.notes.add("where the shell sends output was left out");
                        continue;
                    }
                    let last = self.commands.len() - 1;
                    self.commands[last].push(Word { text, at });
                }
            }
        }
        Ok(())
    }

    /// Takes a backslash and the line's end behind it.
    fn take_continuation(&mut self) -> bool {
        for mark in ["\\\n", "\\\r\n"] {
            if let Some(rest) = self.rest.strip_prefix(mark) {
                self.rest = rest;
                return true;
            }
        }
        false
    }

    fn word(&mut self) -> Result<Text, ImportError> {
        let mut word = Text::default();
        while let Some(c) = self.rest.chars().next() {
            if self.take_continuation() {
                continue;
            }
            let at = self.at();
            match c {
                c if c.is_whitespace() || ";&|<>".contains(c) => break,
                '\'' => {
                    let (inner, after) = self.rest[1..]
                        .split_once('\'')
                        .ok_or_else(|| self.unclosed(at, "'"))?;
                    word.push_str(inner);
                    self.rest = after;
                }
                '"' => {
                    self.next();
                    self.double_quoted(at, &mut word)?;
                }
                '$' => self.dollar(&mut word)?,
                '`' => {
                    self.next();
                    word.push_str("`");
                    self.note_substitution();
                }
                '\\' => {
                    self.next();
                    if let Some(c) = self.next() {
                        word.push_str(c.encode_utf8(&mut [0; 4]));
                    }
                }
                _ => {
                    let end = self
                        .rest
                        .find(|c: char| c.is_whitespace() || "'\"\\$`;&|<>".contains(c))
                        .unwrap_or(self.rest.len());
                    word.push_str(&self.rest[..end]);
                    self.rest = &self.rest[end..];
                }
            }
        }
        Ok(word)
    }

    fn double_quoted(&mut self, opened: usize, word: &mut Text) -> Result<(), ImportError> {
        loop {
            if self.take_continuation() {
                continue;
            }
            match self.rest.chars().next() {
                None => return Err(self.unclosed(opened, "\"")),
                Some('"') => {
                    self.next();
                    return Ok(());
                }
                Some('$') => self.dollar(word)?,
                Some('\\') => {
                    self.next();
                    let escaped = self.rest.chars().next().filter(|c| "\"\\$`".contains(*c));
                    match escaped {
                        Some(c) => {
                            self.next();
                            word.push_str(c.encode_utf8(&mut [0; 4]));
                        }
                        None => word.push_str("\\"),
                    }
                }
                Some(c) => {
                    if c == '`' {
                        self.note_substitution();
                    }
                    let end = self
                        .rest
                        .find(['"', '$', '\\', '`'])
                        .unwrap_or(self.rest.len());
                    let end = end.max(c.len_utf8());
                    word.push_str(&self.rest[..end]);
                    self.rest = &self.rest[end..];
                }
            }
        }
    }

    /// What a `$` begins: a variable, `$'…'`, or nothing.
    fn dollar(&mut self, word: &mut Text) -> Result<(), ImportError> {
        let at = self.at();
        let behind = &self.rest[1..];
        if let Some(inner) = behind.strip_prefix('\'') {
            let (text, length) = ansi(inner).ok_or_else(|| self.unclosed(at, "$'"))?;
            if text.contains('\u{fffd}') {
                self.notes.add("bytes that are no UTF-8 text were replaced: give such a body as a file, with --data-binary @FILE");
            }
            word.push_str(&text);
            self.rest = &inner[length..];
            return Ok(());
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name_at, braced) = match behind.strip_prefix('{') {
            Some(inner) => (inner, true),
            None => (behind, false),
        };
        let end = name_at.find(|c| !is_name(c)).unwrap_or(name_at.len());
        let (name, after) = name_at.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            if behind.starts_with('(') {
                self.note_substitution();
            }
            word.push_str("$");
            self.rest = behind;
            return Ok(());
        }
        let after = if braced {
            let (odd, after) = after
                .split_once('}')
                .ok_or_else(|| self.unclosed(at, "${"))?;
            if !odd.is_empty() {
                self.notes.about(
                    "what the shell does with the value of a variable was left out",
                    name,
                    "",
                );
            }
            after
        } else {
            after
        };
        word.push(Piece::Variable(name.to_owned()));
        self.rest = after;
        Ok(())
    }

    fn note_substitution(&mut self) {
        self.notes.add("a command inside the command, $(…) or `…`, stays text: export its output and write ${NAME}");
    }

    fn unclosed(&self, at: usize, mark: &str) -> ImportError {
        ImportError::new(
            format!("the quote {mark} is never closed"),
            "copy the whole command, in single quotes on the command line or from a file",
        )
        .at_byte(self.text, at)
    }
}

/// The text of `$'…'` behind its opening, and the length up to and with its end.
fn ansi(inner: &str) -> Option<(String, usize)> {
    let mut bytes = Vec::new();
    let mut chars = inner.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\'' {
            return Some((String::from_utf8_lossy(&bytes).into_owned(), at + 1));
        }
        if c != '\\' {
            bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
            continue;
        }
        let (at, escape) = chars.next()?;
        let (digits, radix) = match escape {
            'x' => (2, 16),
            'u' => (4, 16),
            'U' => (8, 16),
            '0'..='7' => (3, 8),
            _ => (0, 10),
        };
        if digits > 0 {
            let from = if radix == 8 { at } else { at + 1 };
            let run: String = inner[from..]
                .chars()
                .take(digits)
                .take_while(|c| c.is_digit(radix))
                .collect();
            let code = u32::from_str_radix(&run, radix).ok();
            for _ in 0..run.len() - usize::from(radix == 8 && !run.is_empty()) {
                chars.next();
            }
            match code {
                Some(code) if digits <= 3 => bytes.push(code as u8),
                Some(code) => {
                    let c = char::from_u32(code).unwrap_or('\u{fffd}');
                    bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
                }
                None => bytes.extend([b'\\', escape as u8]),
            }
            continue;
        }
        match escape {
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            'r' => bytes.push(b'\r'),
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'e' | 'E' => bytes.push(0x1b),
            'f' => bytes.push(0xc),
            'v' => bytes.push(0xb),
            '\\' | '\'' | '"' | '?' => bytes.push(escape as u8),
            other => {
                bytes.push(b'\\');
                bytes.extend(other.encode_utf8(&mut [0; 4]).bytes());
            }
        }
    }
    None
}

/// Reads as `cmd` on Windows does: carets first, then the quotes of the program.
fn windows(text: &str) -> Result<Vec<Vec<Word>>, ImportError> {
    let mut commands = vec![Vec::new()];
    let mut plain: Vec<(usize, char)> = Vec::new();
    let mut quotes = Quotes::default();
    let mut chars = text.char_indices().filter(|(_, c)| *c != '\r').peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '^' => match chars.next() {
                // A caret and two line ends are a line end within a value; a caret and one go on.
                Some((_, '\n')) => match chars.peek() {
                    Some((_, '\n')) => plain.extend(chars.next()),
                    _ => plain.push((at, ' ')),
                },
                Some(escaped) => plain.push(escaped),
                None => {}
            },
            '\n' | '&' | '|' if !quotes.are_open(&plain) => {
                commands.push(split_windows(&std::mem::take(&mut plain), text)?);
                quotes = Quotes::default();
            }
            c => plain.push((at, c)),
        }
    }
    commands.push(split_windows(&plain, text)?);
    Ok(commands)
}

/// Whether a double quote is open, as far as was looked: each character is looked at once.
#[derive(Default)]
struct Quotes {
    seen: usize,
    open: bool,
    escaped: bool,
}

impl Quotes {
    /// Whether one is open at the end.
    fn are_open(&mut self, plain: &[(usize, char)]) -> bool {
        for (_, c) in &plain[self.seen..] {
            self.open ^= *c == '"' && !self.escaped;
            self.escaped = *c == '\\' && !self.escaped;
        }
        self.seen = plain.len();
        self.open
    }
}

fn split_windows(plain: &[(usize, char)], text: &str) -> Result<Vec<Word>, ImportError> {
    let mut words: Vec<(String, usize)> = Vec::new();
    let (mut in_word, mut opened) = (false, None);
    let mut at = 0;
    while let Some(&(place, c)) = plain.get(at) {
        at += 1;
        if c.is_whitespace() && opened.is_none() {
            in_word = false;
            continue;
        }
        if !in_word {
            words.push((String::new(), place));
            in_word = true;
        }
        let (word, _) = words.last_mut().expect("a word was just begun");
        match c {
            '"' => opened = if opened.is_some() { None } else { Some(place) },
            '\\' => {
                let more = plain[at..].iter().take_while(|(_, c)| *c == '\\').count();
                let slashes = more + 1;
                at += more;
                if plain.get(at).is_some_and(|(_, c)| *c == '"') {
                    word.extend(std::iter::repeat_n('\\', slashes / 2));
                    if slashes % 2 == 1 {
                        word.push('"');
                        at += 1;
                    }
                } else {
                    word.extend(std::iter::repeat_n('\\', slashes));
                }
            }
            c => word.push(c),
        }
    }
    if let Some(place) = opened {
        return Err(ImportError::new(
            "the quote \" is never closed",
            "copy the whole command into a file and name the file",
        )
        .at_byte(text, place));
    }
    let word = |(text, at): (String, usize)| Word {
        text: Text::literal(text),
        at,
    };
    Ok(words.into_iter().map(word).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<String>> {
        let commands = commands(text, &mut Notes::default()).unwrap();
        commands
            .into_iter()
            .filter(|command| !command.is_empty())
            .map(|command| command.iter().map(|word| word.text.written()).collect())
            .collect()
    }

    #[test]
    fn quotes_and_escapes_are_undone() {
        for (text, word) in [
            (r#"'a b'"c \"d\" \n"e\ f"#, r#"a bc "d" \ne f"#),
            (r"$'it\'s \u0021 \x41\101\n\\'", "it's ! AA\n\\"),
            (r"$'\xc3\xa9\U0001F600'", "é\u{1f600}"),
            ("a\\\nb", "ab"),
            ("''", ""),
            (r#""$TOKEN and ${OTHER}""#, "${TOKEN} and ${OTHER}"),
            ("'$TOKEN'", "$TOKEN"),
            ("5$ $1", "5$"),
        ] {
            assert_eq!(words(text)[0][0], word, "{text}");
        }
    }

    #[test]
    fn commands_end_where_the_shell_ends_them() {
        let text = "curl a \\\n  -X POST # no more\ncurl b; curl c && curl 'd&e' | jq . > out\n";
        let commands = words(text);
        let shown: Vec<String> = commands.iter().map(|command| command.join(" ")).collect();
        assert_eq!(
            shown,
            ["curl a -X POST", "curl b", "curl c", "curl d&e", "jq ."]
        );
    }

    #[test]
    fn a_command_for_windows_is_read_as_windows_does() {
        let text = "curl ^\"http://a.test/x?a=1^&b=^%^20^\" ^\r\n  -H ^\"accept: */*^\" ^\r\n  --data-raw ^\"^{^\\^\"a^\\^\":1^}^\"\r\n";
        assert_eq!(
            words(text),
            [[
                "curl",
                "http://a.test/x?a=1&b=%20",
                "-H",
                "accept: */*",
                "--data-raw",
                "{\"a\":1}"
            ]]
        );
    }

    #[test]
    fn a_quote_that_is_never_closed_is_told_with_its_place() {
        for text in [
            "curl\n -H 'a",
            "curl\n -H \"a",
            "curl\n -H $'a",
            "curl\n -H ${a",
            "curl^\n -H ^\"a",
        ] {
            let error = commands(text, &mut Notes::default()).unwrap_err();
            assert_eq!(error.line, 2, "{text}");
            assert!(error.message.contains("never closed"), "{error}");
        }
    }
}
