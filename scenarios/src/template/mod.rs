//! Texts with `{{ … }}` in them: compiled once when a file is read, filled for each request. Neighbours: `parse.rs` reads them,
//! `names.rs` knows what a name stands for, `values.rs` holds what each user has, `condition.rs` compares.
//! Invariant: a template that was compiled names nothing that does not exist; filling one fails only on a value that is not there yet.

mod condition;
mod names;
mod parse;
mod values;

pub(crate) use condition::{Condition, regex_remedy};
pub(crate) use names::Names;
use names::NamesFault;
pub(crate) use parse::TemplateFault;
pub(crate) use values::{Unfilled, Values};

use crate::{
    Client, FeedId, Random, Seat,
    address::{percent, push_query_text},
    data::{Feed, HeldRows},
};
use jiff::{Timestamp, Zoned, tz::TimeZone};
use rand_chacha::ChaCha8Rng;
use std::fmt::Write as _;
use url::form_urlencoded;

/// A text with values put into it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Value(Expression, Encoding),
}

/// What stands between `{{` and `}}`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression {
    source: Source,
    filters: Vec<Filter>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
enum Source {
    /// A text that stands in the template.
    Literal(String),
    /// A variable: its place among a user's values.
    Variable(u16),
    /// A column of a data file: the feed, and the column in it.
    Column { feed: u16, column: u16 },
    /// `random(from, to)`: a whole number, both ends included.
    Random(i64, i64),
    /// `random_float(from, to)`.
    RandomFloat(f64, f64),
    /// `random_text(length)`: letters and digits.
    RandomText(usize),
    /// `pick("a", "b")`: one of these.
    Pick(Vec<String>),
    /// `uuid()`.
    Uuid,
    /// `now()`: the time of day.
    Now(TimeFormat),
    /// `counter("name")`: 1, 2, 3 … over all users and workers; the feed that counts.
    Counter(u16),
    /// `user()`: the user's number.
    User,
    /// `iteration()`: how many iterations the user has begun.
    Iteration,
}

/// How a time is written.
#[derive(Clone, Debug, PartialEq)]
enum TimeFormat {
    /// RFC 3339, in UTC, with milliseconds.
    Rfc3339,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// As strftime has it, in UTC.
    Strftime(String),
}

/// What is done with a value before it is put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    /// Percent-encoded, for a place in a path or query.
    Url,
    /// As a JSON value: in quotes, unless it is a number, a boolean or null.
    Json,
    /// Base64 (RFC 4648 §4).
    Base64,
    Upper,
    Lower,
}

/// How values are made safe for where they are put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As they are.
    #[default]
    Plain,
    /// For a path: what cannot stand on a request line is percent-encoded, all else stays.
    Path,
    /// For a name or value of a query or form: all but unreserved characters is percent-encoded.
    Query,
    /// As in a query, with `+` for a blank: application/x-www-form-urlencoded.
    Form,
    /// For the inside of a JSON string.
    JsonText,
}

/// What a user's templates draw on while they are filled.
pub(crate) struct Drawn<'u> {
    pub(crate) client: &'u dyn Client,
    pub(crate) seat: Seat,
    pub(crate) user_id: u32,
    pub(crate) rng: &'u mut ChaCha8Rng,
    pub(crate) feeds: &'u [Feed],
    pub(crate) rows: &'u mut HeldRows,
    pub(crate) values: &'u mut Values,
}

impl Template {
    /// A text with nothing to be put in.
    pub(crate) fn of_text(text: String) -> Template {
        Template {
            pieces: vec![Piece::Text(text)],
        }
    }

    /// The text, when nothing has to be put into it.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The one expression that the template consists of.
    pub(crate) fn as_expression(&self) -> Option<&Expression> {
        match self.pieces.as_slice() {
            [Piece::Value(expression, _)] => Some(expression),
            _ => None,
        }
    }

    /// The text that it begins with; `None` when it begins with a value.
    pub(crate) fn leading_text(&self) -> Option<&str> {
        match self.pieces.first() {
            None => Some(""),
            Some(Piece::Text(text)) => Some(text),
            Some(Piece::Value(..)) => None,
        }
    }

    /// Takes so many bytes of the text that it begins with away.
    pub(crate) fn drop_start(&mut self, bytes: usize) {
        if let Some(Piece::Text(text)) = self.pieces.first_mut() {
            text.drain(..bytes);
            if text.is_empty() {
                self.pieces.remove(0);
            }
        }
    }

    /// Adds another behind this one.
    pub(crate) fn append(&mut self, other: Template) {
        for piece in other.pieces {
            match (self.pieces.last_mut(), piece) {
                (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
                (_, piece) => self.pieces.push(piece),
            }
        }
    }

    /// Every text that stands in the template, those within expressions too, made into something else.
    pub(crate) fn map_all_texts<E>(
        &mut self,
        change: &mut impl FnMut(&str) -> Result<String, E>,
    ) -> Result<(), E> {
        for piece in &mut self.pieces {
            match piece {
                Piece::Text(text) => *text = change(text)?,
                Piece::Value(expression, _) => expression.map_texts(change)?,
            }
        }
        Ok(())
    }

    /// The texts between the values, one after another, made into something else; the first that cannot be ends it.
    pub(crate) fn map_texts<E>(
        &mut self,
        mut change: impl FnMut(&str) -> Result<String, E>,
    ) -> Result<(), E> {
        for piece in &mut self.pieces {
            if let Piece::Text(text) = piece {
                *text = change(text)?;
            }
        }
        Ok(())
    }

    /// Appends the text with all values put in, each encoded for its place.
    pub(crate) fn fill(&self, drawn: &mut Drawn<'_>, text: &mut String) -> Result<(), Unfilled> {
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Value(expression, encoding) => expression.fill(drawn, *encoding, text)?,
            }
        }
        Ok(())
    }

    /// The variables that it needs.
    pub(crate) fn variables(&self) -> impl Iterator<Item = u16> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Value(
                Expression {
                    source: Source::Variable(variable),
                    ..
                },
                _,
            ) => Some(*variable),
            _ => None,
        })
    }

    /// The text as it is named: each value by what it is called, in braces.
    pub(crate) fn outline(&self, names: &Names) -> String {
        let mut outline = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => outline.push_str(text),
                Piece::Value(expression, _) => {
                    outline.push('{');
                    outline.push_str(&expression.source.outline(names));
                    outline.push('}');
                }
            }
        }
        outline
    }
}

impl Expression {
    /// The texts that stand in it, made into something else.
    pub(crate) fn map_texts<E>(
        &mut self,
        change: &mut impl FnMut(&str) -> Result<String, E>,
    ) -> Result<(), E> {
        match &mut self.source {
            Source::Literal(text) => *text = change(text)?,
            Source::Pick(texts) => {
                for text in texts {
                    *text = change(text)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the value is put in as JSON of its own.
    pub(crate) fn is_json(&self) -> bool {
        self.filters.last() == Some(&Filter::Json)
    }

    /// Appends the value, filtered and encoded.
    pub(crate) fn fill(
        &self,
        drawn: &mut Drawn<'_>,
        encoding: Encoding,
        text: &mut String,
    ) -> Result<(), Unfilled> {
        if encoding == Encoding::Plain && self.filters.is_empty() {
            return self.source.push(drawn, text);
        }
        let mut value = std::mem::take(&mut drawn.values.scratch);
        value.clear();
        let filled = self.source.push(drawn, &mut value);
        if filled.is_ok() {
            for filter in &self.filters {
                filter.apply(&mut value);
            }
            encoding.push(&value, text);
        }
        drawn.values.scratch = value;
        filled
    }
}

impl Source {
    /// What it is called in a name.
    fn outline(&self, names: &Names) -> String {
        match self {
            Source::Literal(text) => text.clone(),
            Source::Variable(variable) => names.variables()[usize::from(*variable)].clone(),
            Source::Column { feed, column } => names.column_words(*feed, *column),
            Source::Random(..) | Source::RandomFloat(..) | Source::RandomText(_) => "random".into(),
            Source::Pick(_) => "pick".into(),
            Source::Uuid => "uuid".into(),
            Source::Now(_) => "now".into(),
            Source::Counter(_) => "counter".into(),
            Source::User => "user".into(),
            Source::Iteration => "iteration".into(),
        }
    }

    fn push(&self, drawn: &mut Drawn<'_>, text: &mut String) -> Result<(), Unfilled> {
        match self {
            Source::Literal(value) => text.push_str(value),
            Source::Variable(variable) => text.push_str(drawn.values.variable(*variable)?),
            Source::Column { feed, column } => {
                let Drawn {
                    client,
                    seat,
                    rng,
                    feeds,
                    rows,
                    ..
                } = drawn;
                let row = rows
                    .row(feeds, usize::from(*feed), rng, *client, *seat)
                    .map_err(Unfilled::Row)?;
                text.push_str(row.field(*column));
            }
            Source::Random(from, to) => {
                push(text, Random(drawn.rng).number(*from..=*to));
            }
            Source::RandomFloat(from, to) => {
                push(text, from + Random(drawn.rng).fraction() * (to - from));
            }
            Source::RandomText(length) => Random(drawn.rng).push_text(*length, text),
            Source::Pick(texts) => {
                text.push_str(Random(drawn.rng).pick(texts).map_or("", String::as_str));
            }
            Source::Uuid => Random(drawn.rng).push_uuid(text),
            Source::Now(format) => format.push(text),
            Source::Counter(feed) => {
                push(text, drawn.client.take_row(drawn.seat, FeedId(*feed)) + 1);
            }
            Source::User => push(text, drawn.user_id),
            Source::Iteration => push(text, drawn.values.iteration),
        }
        Ok(())
    }
}

fn push(text: &mut String, value: impl std::fmt::Display) {
    write!(text, "{value}").expect("writing to a string cannot fail");
}

impl TimeFormat {
    fn push(&self, text: &mut String) {
        let now = Timestamp::now();
        match self {
            TimeFormat::Rfc3339 => push(text, format_args!("{now:.3}")),
            TimeFormat::Seconds => push(text, now.as_second()),
            TimeFormat::Milliseconds => push(text, now.as_millisecond()),
            TimeFormat::Strftime(format) => {
                let now: Zoned = now.to_zoned(TimeZone::UTC);
                push(text, now.strftime(format));
            }
        }
    }
}

impl Filter {
    fn apply(self, value: &mut String) {
        *value = match self {
            Filter::Url => {
                let mut encoded = String::with_capacity(value.len());
                push_query_text(value, &mut encoded);
                encoded
            }
            Filter::Json => {
                let is_plain = matches!(
                    serde_json::from_str(value),
                    Ok(serde_json::Value::Number(_)
                        | serde_json::Value::Bool(_)
                        | serde_json::Value::Null)
                );
                if is_plain {
                    return;
                }
                serde_json::Value::from(value.as_str()).to_string()
            }
            Filter::Base64 => {
                use base64::{Engine as _, engine::general_purpose::STANDARD};
                STANDARD.encode(value.as_bytes())
            }
            Filter::Upper => value.to_uppercase(),
            Filter::Lower => value.to_lowercase(),
        }
    }
}

impl Encoding {
    /// Appends a value, made safe.
    pub(crate) fn push(self, value: &str, text: &mut String) {
        match self {
            Encoding::Plain => text.push_str(value),
            Encoding::Path => {
                for byte in value.bytes() {
                    if byte.is_ascii_graphic() && byte != b'#' {
                        text.push(byte as char);
                    } else {
                        percent(byte, text);
                    }
                }
            }
            Encoding::Query => push_query_text(value, text),
            Encoding::Form => text.extend(form_urlencoded::byte_serialize(value.as_bytes())),
            Encoding::JsonText => {
                let quoted = serde_json::Value::from(value).to_string();
                text.push_str(&quoted[1..quoted.len() - 1]);
            }
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
