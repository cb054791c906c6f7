//! Reads texts with `{{ … }}` and the expressions in them. Neighbours: `names.rs` says what names stand for, `condition.rs` uses the
//! same words. Invariant: every text either becomes a template or gets a fault with a remedy; nothing in braces is left as it is.

use super::{Encoding, Expression, Filter, Names, NamesFault, Piece, Source, Template, TimeFormat};
use crate::document::closest;
use std::fmt;

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplateFault {
    /// What is wrong, in words.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) remedy: String,
}

impl fmt::Display for TemplateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl TemplateFault {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> TemplateFault {
        TemplateFault {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// The functions, as an example of each.
const FUNCTIONS: [(&str, &str); 10] = [
    ("random", "random(1, 100)"),
    ("random_float", "random_float(0, 1)"),
    ("random_text", "random_text(8)"),
    ("pick", "pick('red', 'green')"),
    ("uuid", "uuid()"),
    (
        "now",
        "now(), now('unix'), now('unix_ms') or now('%Y-%m-%d')",
    ),
    ("counter", "counter('orders')"),
    ("user", "user()"),
    ("iteration", "iteration()"),
    ("env", "${NAME}"),
];

const FILTERS: [(&str, Filter); 5] = [
    ("url", Filter::Url),
    ("json", Filter::Json),
    ("base64", Filter::Base64),
    ("upper", Filter::Upper),
    ("lower", Filter::Lower),
];

/// What is said where something else was expected.
pub(super) const EXAMPLES: &str =
    "write an expression like {{ token }}, {{ people.user }} or {{ random(1, 6) }}";

/// The longest text of `random_text`.
const MOST_RANDOM_TEXT: i64 = 1 << 20;

impl Template {
    /// Reads a text, whose values will be encoded like this.
    pub(crate) fn parse(
        text: &str,
        names: &mut Names,
        encoding: Encoding,
    ) -> Result<Template, TemplateFault> {
        let mut template = Template::default();
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            if at > 0 {
                template.pieces.push(Piece::Text(rest[..at].to_owned()));
            }
            let mut words = Words::new(&rest[at + 2..]);
            let expression = expression(&mut words, names)?;
            match words.next()? {
                Some(Word::Sign("}}")) => {}
                None => {
                    return Err(TemplateFault::new(
                        "`{{` is not closed by `}}`",
                        "write {{ name }}; a literal {{ is written {{ '{{' }}",
                    ));
                }
                Some(word) => return Err(unexpected(&word, "`}}`")),
            }
            rest = words.rest;
            // A text in braces is a text.
            match expression {
                Expression {
                    source: Source::Literal(text),
                    filters,
                } if filters.is_empty() => template.pieces.push(Piece::Text(text)),
                expression => template.pieces.push(Piece::Value(expression, encoding)),
            }
        }
        if !rest.is_empty() {
            template.pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(template)
    }
}

/// A word of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word<'t> {
    Name(&'t str),
    Text(String),
    Number(&'t str),
    Sign(&'static str),
}

/// The words of an expression, one after another.
#[derive(Clone)]
pub(super) struct Words<'t> {
    pub(super) rest: &'t str,
}

impl<'t> Words<'t> {
    pub(super) fn new(text: &'t str) -> Words<'t> {
        Words { rest: text }
    }

    /// The next word; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Word<'t>>, TemplateFault> {
        const SIGNS: [&str; 12] = [
            "}}", "==", "!=", "<=", ">=", "<", ">", "(", ")", ",", "|", ".",
        ];
        let text = self.rest.trim_start();
        self.rest = text;
        let Some(first) = text.chars().next() else {
            return Ok(None);
        };
        if let Some(sign) = SIGNS.into_iter().find(|sign| text.starts_with(sign)) {
            self.rest = &text[sign.len()..];
            return Ok(Some(Word::Sign(sign)));
        }
        let run = |is_part: fn(char) -> bool| text.find(|c| !is_part(c)).unwrap_or(text.len());
        if first.is_ascii_alphabetic() || first == '_' {
            let (name, rest) = text.split_at(run(|c| c.is_ascii_alphanumeric() || c == '_'));
            self.rest = rest;
            return Ok(Some(Word::Name(name)));
        }
        if first.is_ascii_digit() || first == '-' {
            let digits = run(|c| c.is_ascii_digit() || c == '-' || c == '.');
            let (number, rest) = text.split_at(digits);
            self.rest = rest;
            return Ok(Some(Word::Number(number)));
        }
        if first == '\'' || first == '"' {
            return self.text(first).map(Some);
        }
        if first == '}' {
            return Err(TemplateFault::new(
                "`{{` is closed by a single `}`",
                "close it with `}}`",
            ));
        }
        if first == '{' {
            return Err(TemplateFault::new(
                "`{` has no meaning in an expression",
                "write the name alone, without braces around it",
            ));
        }
        Err(TemplateFault::new(
            format!("{first:?} has no meaning in an expression"),
            "write names, 'texts', numbers and functions such as random(1, 6)",
        ))
    }

    /// A text in quotes; a quote of its own kind and `\` stand in it behind a `\`.
    fn text(&mut self, quote: char) -> Result<Word<'t>, TemplateFault> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, c)) if c == quote || c == '\\' => text.push(c),
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, other)) => {
                        text.push('\\');
                        text.push(other);
                    }
                    None => break,
                },
                c if c == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(Word::Text(text));
                }
                c => text.push(c),
            }
        }
        Err(TemplateFault::new(
            format!("a text is not closed by {quote}"),
            format!("end it with {quote}"),
        ))
    }

    /// The next word without taking it.
    pub(super) fn peek(&self) -> Result<Option<Word<'t>>, TemplateFault> {
        self.clone().next()
    }

    /// Takes this sign, if it is next.
    pub(super) fn take_sign(&mut self, sign: &'static str) -> Result<bool, TemplateFault> {
        let is_next = self.peek()? == Some(Word::Sign(sign));
        if is_next {
            self.next()?;
        }
        Ok(is_next)
    }
}

pub(super) fn unexpected(word: &Word<'_>, wanted: &str) -> TemplateFault {
    let word = match word {
        Word::Name(name) | Word::Number(name) => (*name).to_owned(),
        Word::Text(text) => format!("{text:?}"),
        Word::Sign(sign) => (*sign).to_owned(),
    };
    TemplateFault::new(
        format!("`{word}` stands where {wanted} is expected"),
        EXAMPLES,
    )
}

/// A value with its filters.
pub(super) fn expression(
    words: &mut Words<'_>,
    names: &mut Names,
) -> Result<Expression, TemplateFault> {
    let source = source(words, names)?;
    let mut filters = Vec::new();
    while words.take_sign("|")? {
        let known = FILTERS.map(|(name, _)| name);
        match words.next()? {
            Some(Word::Name(name)) => match FILTERS.iter().find(|(have, _)| *have == name) {
                Some((_, filter)) => filters.push(*filter),
                None => {
                    return Err(TemplateFault::new(
                        format!("there is no filter `{name}`"),
                        meant(name, &known, "filters"),
                    ));
                }
            },
            _ => {
                return Err(TemplateFault::new(
                    "a filter is missing behind `|`",
                    format!("the filters are {}", known.join(", ")),
                ));
            }
        }
    }
    Ok(Expression { source, filters })
}

fn meant(word: &str, known: &[&str], what: &str) -> String {
    match closest(word, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => format!("there are no {what} in this file"),
        None => format!("the {what} are {}", known.join(", ")),
    }
}

fn source(words: &mut Words<'_>, names: &mut Names) -> Result<Source, TemplateFault> {
    let name = match words.next()? {
        Some(Word::Name(name)) => name,
        Some(Word::Text(text)) => return Ok(Source::Literal(text)),
        Some(Word::Number(number)) => return Ok(Source::Literal(number.to_owned())),
        Some(word) => return Err(unexpected(&word, "a name, a text or a number")),
        None => {
            return Err(TemplateFault::new(
                "an expression is missing",
                "write a name, a text or a function between {{ and }}; a literal {{ is written {{ '{{' }}",
            ));
        }
    };
    if words.take_sign("(")? {
        return function(name, &arguments(words, name)?, names);
    }
    if words.take_sign(".")? {
        let Some(Word::Name(column)) = words.next()? else {
            return Err(TemplateFault::new(
                format!("the column is missing behind `{name}.`"),
                "write it like people.user",
            ));
        };
        return column_of(name, column, names);
    }
    if let Some(variable) = names.variable(name) {
        return match names.has_value(variable) {
            true => Ok(Source::Variable(variable)),
            false => Err(TemplateFault::new(
                format!("`{name}` has no value yet: no step before this one sets it"),
                "capture it in an earlier step, or give it a first value under [variables]",
            )),
        };
    }
    if let Some((_, example)) = FUNCTIONS.iter().find(|(function, _)| *function == name) {
        return Err(TemplateFault::new(
            format!("`{name}` is a function"),
            format!("write {example}"),
        ));
    }
    if let Some((_, feed)) = names.feed(name) {
        let column = feed.file.columns().first().map_or("column", String::as_str);
        return Err(TemplateFault::new(
            format!("`{name}` is a data file"),
            format!("name a column of it: {name}.{column}"),
        ));
    }
    let known: Vec<&str> = names.variables().iter().map(String::as_str).collect();
    let remedy = match closest(name, &known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("set it by capture.{name} in an earlier step, or under [variables]"),
    };
    Err(TemplateFault::new(
        format!("nothing sets the variable `{name}`"),
        remedy,
    ))
}

fn column_of(name: &str, column: &str, names: &Names) -> Result<Source, TemplateFault> {
    if names.is_broken(name) {
        return Err(TemplateFault::new("", ""));
    }
    let Some((place, feed)) = names.feed(name) else {
        let known: Vec<&str> = names.feeds().collect();
        let remedy = match closest(name, &known) {
            Some(meant) => format!("did you mean `{meant}.{column}`?"),
            None => format!("add [data.{name}] with file = \"{name}.csv\""),
        };
        return Err(TemplateFault::new(
            format!("there is no data file `{name}`"),
            remedy,
        ));
    };
    match feed.file.column(column) {
        Some(column) => Ok(Source::Column {
            feed: place,
            column,
        }),
        None => {
            let known: Vec<&str> = feed.file.columns().iter().map(String::as_str).collect();
            Err(TemplateFault::new(
                format!("the data file `{name}` has no column `{column}`"),
                meant(column, &known, "columns"),
            ))
        }
    }
}

/// An argument of a function.
#[derive(Clone, Debug, PartialEq)]
enum Argument {
    Text(String),
    Number(String),
}

fn arguments(words: &mut Words<'_>, name: &str) -> Result<Vec<Argument>, TemplateFault> {
    let mut arguments = Vec::new();
    if words.take_sign(")")? {
        return Ok(arguments);
    }
    loop {
        match words.next()? {
            Some(Word::Text(text)) => arguments.push(Argument::Text(text)),
            Some(Word::Number(number)) => arguments.push(Argument::Number(number.to_owned())),
            Some(Word::Name(variable)) => {
                return Err(TemplateFault::new(
                    format!("`{name}` takes no variables, got `{variable}`"),
                    "write texts in quotes and numbers as they are",
                ));
            }
            Some(word) => return Err(unexpected(&word, "a text or a number")),
            None => {
                return Err(TemplateFault::new(
                    format!("`{name}(` is not closed by `)`"),
                    "close it",
                ));
            }
        }
        if words.take_sign(")")? {
            return Ok(arguments);
        }
        if !words.take_sign(",")? {
            return Err(TemplateFault::new(
                format!("the arguments of `{name}` are not parted by commas, or `)` is missing"),
                "write it like random(1, 6)",
            ));
        }
    }
}

fn function(
    name: &str,
    arguments: &[Argument],
    names: &mut Names,
) -> Result<Source, TemplateFault> {
    let Some((_, example)) = FUNCTIONS.iter().find(|(have, _)| *have == name) else {
        let known = FUNCTIONS.map(|(name, _)| name);
        return Err(TemplateFault::new(
            format!("there is no function `{name}`"),
            meant(name, &known, "functions"),
        ));
    };
    let whole = |text: &str| text.parse::<i64>().ok();
    let decimal = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    use Argument::{Number, Text};
    let source = match (name, arguments) {
        ("random", [Number(from), Number(to)]) => match (whole(from), whole(to)) {
            (Some(from), Some(to)) if from <= to => Some(Source::Random(from, to)),
            _ => None,
        },
        ("random_float", [Number(from), Number(to)]) => match (decimal(from), decimal(to)) {
            (Some(from), Some(to)) if from <= to => Some(Source::RandomFloat(from, to)),
            _ => None,
        },
        ("random_text", [Number(length)]) => whole(length)
            .filter(|length| (1..=MOST_RANDOM_TEXT).contains(length))
            .map(|length| Source::RandomText(length as usize)),
        ("pick", [_, ..]) => Some(Source::Pick(
            arguments
                .iter()
                .map(|(Text(text) | Number(text))| text.clone())
                .collect(),
        )),
        ("uuid", []) => Some(Source::Uuid),
        ("now", []) => Some(Source::Now(TimeFormat::Rfc3339)),
        ("now", [Text(format)]) => time_format(format).map(Source::Now),
        ("counter", [Text(name)]) if !name.is_empty() => {
            let feed = names.counter(name).map_err(|NamesFault::TooMany| {
                TemplateFault::new(
                    format!(
                        "there are more than {} data files and counters",
                        crate::MOST_FEEDS
                    ),
                    "use fewer of them",
                )
            })?;
            Some(Source::Counter(feed))
        }
        ("user", []) => Some(Source::User),
        ("iteration", []) => Some(Source::Iteration),
        ("env", _) => {
            return Err(TemplateFault::new(
                "environment variables are no function",
                "write ${NAME} outside of {{ }}",
            ));
        }
        _ => None,
    };
    source.ok_or_else(|| {
        TemplateFault::new(
            format!("`{name}` does not take these arguments"),
            format!("write {example}"),
        )
    })
}

fn time_format(format: &str) -> Option<TimeFormat> {
    match format {
        "unix" => Some(TimeFormat::Seconds),
        "unix_ms" => Some(TimeFormat::Milliseconds),
        strftime => {
            let known = jiff::fmt::strtime::format(strftime, &jiff::Zoned::default());
            (strftime.contains('%') && known.is_ok())
                .then(|| TimeFormat::Strftime(strftime.to_owned()))
        }
    }
}
