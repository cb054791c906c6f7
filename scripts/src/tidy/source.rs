//! Rust source as far as the rules need it: code without comments and literals, which lines are tests, where functions are.
//! Neighbours: `rust_rules.rs` asks. Invariant: blanking keeps every line and column, so that places can be told.

/// A source file, prepared.
pub(super) struct Source<'t> {
    pub(super) raw: Vec<&'t str>,
    /// The lines with comments and the insides of literals turned into blanks.
    pub(super) code: Vec<String>,
    /// Whether a line belongs to a `#[cfg(test)]` item.
    pub(super) in_test: Vec<bool>,
}

/// A module in a file of its own, declared under `#[cfg(test)]`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TestModule {
    /// Where its declaration puts it.
    Name(String),
    /// Where its `#[path]` says, from the folder of the declaring file.
    Path(String),
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// Index of the line with `fn`.
    pub(super) first: usize,
    /// Index of the line with the closing brace.
    pub(super) last: usize,
    /// Whether `#[test]` stands above it.
    pub(super) is_test: bool,
}

impl<'t> Source<'t> {
    pub(super) fn new(text: &'t str) -> Source<'t> {
        let blanked = blank(text);
        let code: Vec<String> = blanked.lines().map(str::to_owned).collect();
        let mut in_test = vec![false; code.len()];
        for (index, line) in code.iter().enumerate() {
            if is_test_attribute(line) {
                let (last, _) = end_of_item(&code, index, line.find(']').unwrap_or(0) + 1);
                in_test[index..=last].fill(true);
            }
        }
        Source {
            raw: text.lines().collect(),
            code,
            in_test,
        }
    }

    /// The paths, relative to this file's own module folder or to its folder (`#[path]`), of modules declared for tests only.
    pub(super) fn test_modules(&self) -> Vec<TestModule> {
        let mut modules = Vec::new();
        for (index, _) in self
            .code
            .iter()
            .enumerate()
            .filter(|(_, line)| is_test_attribute(line))
        {
            let mut path = None;
            for raw in &self.raw[index + 1..] {
                let line = raw.trim();
                if let Some(literal) = line.strip_prefix("#[path = \"") {
                    path = literal.split('"').next().map(str::to_owned);
                } else if let Some(name) =
                    line.strip_prefix("mod ").and_then(|l| l.strip_suffix(';'))
                {
                    modules.push(match path {
                        Some(path) => TestModule::Path(path),
                        None => TestModule::Name(name.to_owned()),
                    });
                    break;
                } else if !line.starts_with("#[") {
                    break;
                }
            }
        }
        modules
    }

    /// Every function that has a body.
    pub(super) fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for (index, line) in self.code.iter().enumerate() {
            let Some(at) = find_word(line, "fn") else {
                continue;
            };
            let name: String = line[at + 2..]
                .trim_start()
                .chars()
                .take_while(|c| is_word(*c))
                .collect();
            // `fn(` is a type.
            if name.is_empty() {
                continue;
            }
            let (last, has_body) = end_of_item(&self.code, index, at);
            if has_body {
                let is_test = self.code[..index]
                    .iter()
                    .rev()
                    .map(|line| line.trim())
                    .take_while(|line| line.starts_with("#[") || line.is_empty())
                    .any(|line| line == "#[test]");
                functions.push(Function {
                    name,
                    first: index,
                    last,
                    is_test,
                });
            }
        }
        functions
    }
}

fn is_test_attribute(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test,")
}

/// Where a word stands by itself, not within another.
pub(super) fn find_word(line: &str, word: &str) -> Option<usize> {
    line.match_indices(word).map(|(at, _)| at).find(|at| {
        let before = line[..*at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Index of the line on which the item that begins here ends, at the brace that closes its first one or at a `;` before any;
/// and whether there were braces.
fn end_of_item(code: &[String], first: usize, column: usize) -> (usize, bool) {
    let (mut depth, mut nested) = (0i32, 0i32);
    for (index, line) in code.iter().enumerate().skip(first) {
        let from = if index == first { column } else { 0 };
        for c in line.get(from..).unwrap_or_default().chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 1 => return (index, true),
                '}' => depth -= 1,
                // A `;` within `[u8; 4]` ends nothing.
                '[' | '(' => nested += 1,
                ']' | ')' => nested -= 1,
                ';' if depth == 0 && nested == 0 => return (index, false),
                _ => {}
            }
        }
    }
    (code.len().saturating_sub(1), depth > 0)
}

/// Turns comments and the insides of literals into blanks; quotes and line ends stay.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let length = match rest {
            ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => block_comment(rest),
            _ if at > 0 && is_word(chars[at - 1]) => 0,
            ['r' | 'b' | 'c', ..] => raw_string(rest),
            _ => 0,
        };
        let length = if length == 0 { quoted(rest) } else { length };
        if length == 0 {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        let literal = !matches!(rest, ['/', ..]);
        for (index, c) in rest[..length].iter().enumerate() {
            let edge = literal && (index == 0 || index == length - 1);
            // A blank as wide as the character, so that columns stay.
            match c {
                '\n' => out.push('\n'),
                c if edge && c.is_ascii() => out.push(*c),
                c => (0..c.len_utf8()).for_each(|_| out.push(' ')),
            }
        }
        at += length;
    }
    out
}

/// Length of a block comment, nested ones included.
fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => {
                depth += 1;
                at += 2;
            }
            ['*', '/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of a raw string such as `r#"…"#` or `br"…"`; 0 when there is none.
fn raw_string(rest: &[char]) -> usize {
    let prefix = rest
        .iter()
        .take_while(|c| matches!(c, 'r' | 'b' | 'c'))
        .count();
    if prefix > 2 || rest[prefix - 1] != 'r' {
        return 0;
    }
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    let start = prefix + hashes;
    if rest.get(start) != Some(&'"') {
        return 0;
    }
    (start + 1..rest.len())
        .find(|at| {
            let behind = &rest[at + 1..];
            rest[*at] == '"' && behind.len() >= hashes && behind[..hashes].iter().all(|c| *c == '#')
        })
        .map_or(rest.len(), |at| at + 1 + hashes)
}

/// Length of a string or character literal; 0 when there is none (a lifetime is none).
fn quoted(rest: &[char]) -> usize {
    let Some(quote @ ('"' | '\'')) = rest.first().copied() else {
        return 0;
    };
    if quote == '\'' && rest.get(1) != Some(&'\\') {
        return if rest.get(2) == Some(&'\'') { 3 } else { 0 };
    }
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_in_place() {
        let text = "a(\"x{ \\\" y\"); // {\nb('{', '\\'', &'a str); /* { /* { */\n} */ c(r#\"{\"# , br\"{\", d)";
        let source = Source::new(text);
        assert_eq!(source.code.len(), 3);
        for (code, raw) in source.code.iter().zip(&source.raw) {
            assert_eq!(code.len(), raw.len(), "{code}");
            assert!(!code.contains('{') && !code.contains('}'), "{code}");
        }
        assert!(source.code[1].contains("&'a str"), "{}", source.code[1]);
        assert!(source.code[2].ends_with(", d)"), "{}", source.code[2]);
    }

    #[test]
    fn functions_and_test_items_are_found_with_their_ends() {
        let text = "fn one(x: [u8; 2]) -> u8 {\n    { 1 }\n}\ntype F = fn(u8);\ntrait T { fn none(&self); }\n\
                    #[cfg(test)]\nmod tests {\n    #[test]\n    fn is_a_test() {}\n}\nfn last() {}\n";
        let source = Source::new(text);
        let functions = source.functions();
        let names: Vec<_> = functions
            .iter()
            .map(|f| (f.name.as_str(), f.first, f.last))
            .collect();
        assert_eq!(
            names,
            [("one", 0, 2), ("is_a_test", 8, 8), ("last", 10, 10)]
        );
        assert!(functions[1].is_test && !functions[0].is_test);
        assert_eq!(source.in_test.iter().filter(|test| **test).count(), 5);
        assert!(!source.in_test[10]);
    }

    #[test]
    fn a_word_within_another_is_not_found() {
        assert_eq!(find_word("vfork(", "fork"), None);
        assert_eq!(find_word("forks(); fork()", "fork"), Some(9));
        assert_eq!(find_word("#![forbid(unsafe_code)]", "unsafe"), None);
    }
}
