//! What stands in the brackets of an attribute: `key = value` and `key(…)`, read one by one. Neighbours: `plan.rs` asks for the
//! keys it knows. Invariant: a key is used once, is known, and its value is of its kind; all else is a problem at its place.

use crate::lengths::{self, Fault};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use std::time::Duration;
use syn::{
    Error, Ident, Lit, Result, Token, parenthesized,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
    token::Paren,
};

/// One key and its value.
pub struct Setting {
    key: String,
    span: Span,
    value: Value,
}

enum Value {
    /// `key`, with nothing behind it.
    None,
    /// `key = literal`.
    Literal(Lit),
    /// `key = word(…)`.
    Call(Ident, Vec<Setting>),
    /// `key(…)`; texts stand in it as keys without a value.
    List(Vec<Setting>),
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> Result<Setting> {
        let (key, span) = if input.peek(syn::LitStr) {
            let text: syn::LitStr = input.parse()?;
            (text.value(), text.span())
        } else {
            let word = input.call(<Ident as syn::ext::IdentExt>::parse_any)?;
            (word.to_string(), word.span())
        };
        let value = if input.peek(Paren) {
            Value::List(list(input)?)
        } else if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            if input.peek(Ident) && input.peek2(Paren) {
                Value::Call(input.parse()?, list(input)?)
            } else {
                Value::Literal(literal(input)?)
            }
        } else {
            Value::None
        };
        Ok(Setting { key, span, value })
    }
}

/// A literal; what is none is told in our words, because `syn` would only say "expected literal".
fn literal(input: ParseStream<'_>) -> Result<Lit> {
    let fork = input.fork();
    if fork.parse::<Token![-]>().is_ok() {
        return Err(input.error("a value here cannot be negative: remove the minus sign"));
    }
    input.parse().map_err(|error| {
        Error::new(
            error.span(),
            "only a literal can stand here, such as \"2s\", 3 or false: the attribute is read before the program runs",
        )
    })
}

fn list(input: ParseStream<'_>) -> Result<Vec<Setting>> {
    let content;
    parenthesized!(content in input);
    let settings = Punctuated::<Setting, Token![,]>::parse_terminated(&content)?;
    Ok(settings.into_iter().collect())
}

/// All that one attribute says, with the problems found so far.
pub struct Settings<'p> {
    /// The attribute, such as `#[task]`.
    attribute: &'static str,
    settings: Vec<Setting>,
    problems: &'p mut Problems,
}

/// Everything wrong, in the order in which it was found.
#[derive(Default)]
pub struct Problems(Option<Error>);

impl Problems {
    /// Notes a problem at a place.
    pub fn add(&mut self, span: Span, message: impl std::fmt::Display) {
        self.take(Error::new(span, message));
    }

    /// Notes a problem over all of these tokens.
    pub fn add_over(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.take(Error::new_spanned(tokens, message));
    }

    fn take(&mut self, error: Error) {
        match &mut self.0 {
            None => self.0 = Some(error),
            Some(all) => all.combine(error),
        }
    }

    /// All of them as what the compiler prints; `None` when there is none.
    pub fn to_compile_error(&self) -> Option<TokenStream> {
        self.0.as_ref().map(Error::to_compile_error)
    }
}

impl<'p> Settings<'p> {
    /// Reads what stands in the brackets; `known` are the keys that there are, `many` those that may be there several times.
    pub fn read(
        attribute: &'static str,
        tokens: TokenStream,
        known: &[&str],
        many: &[&str],
        problems: &'p mut Problems,
    ) -> Settings<'p> {
        let mut settings = match Punctuated::<Setting, Token![,]>::parse_terminated.parse2(tokens) {
            Ok(settings) => settings.into_iter().collect(),
            Err(error) => {
                problems.take(error);
                Vec::new()
            }
        };
        refuse_odd(attribute, &mut settings, known, many, problems);
        Settings {
            attribute,
            settings,
            problems,
        }
    }

    fn take(&mut self, key: &str) -> Option<Setting> {
        let at = self
            .settings
            .iter()
            .position(|setting| setting.key == key)?;
        Some(self.settings.remove(at))
    }

    /// Whether the key is there, and where.
    pub fn span_of(&self, key: &str) -> Option<Span> {
        let setting = self.settings.iter().find(|setting| setting.key == key)?;
        Some(setting.span)
    }

    /// Notes a problem at a place.
    pub fn problem(&mut self, span: Span, message: impl std::fmt::Display) {
        self.problems.add(span, message);
    }

    fn wrong_kind(&mut self, setting: &Setting, example: &str) {
        let span = match &setting.value {
            Value::Literal(literal) => literal.span(),
            _ => setting.span,
        };
        let key = &setting.key;
        let message =
            format!("`{key}` has a value of another kind: write it like {key} = {example}");
        self.problems.add(span, message);
    }

    /// A text that is not empty, and its place.
    pub fn text(&mut self, key: &str, example: &str) -> Option<(String, Span)> {
        let setting = self.take(key)?;
        if let Value::Literal(Lit::Str(text)) = &setting.value {
            if !text.value().is_empty() {
                return Some((text.value(), text.span()));
            }
            let message =
                format!("`{key}` is empty: write it like {key} = {example}, or leave it out");
            self.problems.add(text.span(), message);
            return None;
        }
        self.wrong_kind(&setting, example);
        None
    }

    /// A whole number of a type, and its place.
    pub fn number<N: std::str::FromStr>(
        &mut self,
        key: &str,
        example: &str,
        most: u64,
    ) -> Option<(N, Span)> {
        let setting = self.take(key)?;
        let Value::Literal(Lit::Int(number)) = &setting.value else {
            self.wrong_kind(&setting, example);
            return None;
        };
        match number.base10_digits().parse() {
            Ok(value) if number.suffix().is_empty() => Some((value, number.span())),
            _ => {
                let message = format!(
                    "`{key}` is a whole number from 0 to {most}: write it like {key} = {example}"
                );
                self.problems.add(number.span(), message);
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn switch(&mut self, key: &str, example: &str) -> Option<bool> {
        let setting = self.take(key)?;
        if let Value::Literal(Lit::Bool(switch)) = &setting.value {
            return Some(switch.value);
        }
        self.wrong_kind(&setting, example);
        None
    }

    /// A length of time of more than nothing.
    pub fn length(&mut self, key: &str, example: &str) -> Option<Duration> {
        let (text, span) = self.text(key, example)?;
        let length = self.sound(key, &text, span, lengths::parse(&text))?;
        if length.is_zero() {
            let message = format!(
                "`{key}` must be longer than nothing: write it like {key} = {example}, or leave it out"
            );
            self.problems.add(span, message);
            return None;
        }
        Some(length)
    }

    /// A think time as tokens of a `ThinkTime`.
    pub fn think_time(&mut self, key: &str) -> Option<TokenStream> {
        const FORMS: &str = "write it like think_time = \"1s..3s\", normal(mean = \"2s\", sd = \"500ms\") or exponential(mean = \"2s\")";
        let setting = self.take(key)?;
        match setting.value {
            Value::Literal(Lit::Str(text)) => {
                let (value, span) = (text.value(), text.span());
                let (from, to) = self.sound(key, &value, span, lengths::parse_range(&value))?;
                let (shorter, longer) = (duration(from), duration(to));
                Some(match (from, to) {
                    (_, Duration::ZERO) => quote!(ThinkTime::None),
                    (from, to) if from == to => quote!(ThinkTime::Constant(#longer)),
                    _ => quote!(ThinkTime::Uniform(#shorter, #longer)),
                })
            }
            Value::Call(word, inner) => {
                let (attribute, known): (_, &[&str]) = match word.to_string().as_str() {
                    "normal" => ("normal(…)", &["mean", "sd"]),
                    "exponential" => ("exponential(…)", &["mean"]),
                    _ => {
                        self.problems
                            .add(word.span(), format!("`{word}` is no think time: {FORMS}"));
                        return None;
                    }
                };
                let mut inner = inner;
                refuse_odd(attribute, &mut inner, known, &[], self.problems);
                let mut inner = Settings {
                    attribute,
                    settings: inner,
                    problems: self.problems,
                };
                let lengths: Vec<TokenStream> = known
                    .iter()
                    .filter_map(|key| match inner.span_of(key) {
                        Some(_) => inner.length(key, "\"2s\"").map(duration),
                        None => {
                            let message = format!("`{attribute}` needs its {key}: {FORMS}");
                            inner.problem(word.span(), message);
                            None
                        }
                    })
                    .collect();
                match lengths.as_slice() {
                    [mean, sd] => Some(quote!(ThinkTime::Normal { mean: #mean, sd: #sd })),
                    [mean] if known.len() == 1 => {
                        Some(quote!(ThinkTime::Exponential { mean: #mean }))
                    }
                    _ => None,
                }
            }
            Value::Literal(literal) => {
                self.problems.add(literal.span(), FORMS);
                None
            }
            Value::None | Value::List(_) => {
                self.problems.add(setting.span, FORMS);
                None
            }
        }
    }

    /// `key(name = "text", …)`: names with `_` for `-`, and texts.
    pub fn pairs(&mut self, key: &str, example: &str) -> Vec<(String, String, Span)> {
        let Some(setting) = self.take(key) else {
            return Vec::new();
        };
        let Value::List(items) = setting.value else {
            self.problems.add(
                setting.span,
                format!("`{key}` is a list in brackets: write it like {example}"),
            );
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for item in items {
            match &item.value {
                Value::Literal(Lit::Str(text)) => pairs.push((item.key, text.value(), item.span)),
                _ => self.problems.add(
                    item.span,
                    format!("`{key}` is a list in brackets: write it like {example}"),
                ),
            }
        }
        pairs
    }

    /// Every `key(…)`, each as settings of its own; a key that may be there several times.
    pub fn lists(&mut self, key: &str, example: &str) -> Vec<(Vec<Setting>, Span)> {
        let mut lists = Vec::new();
        while let Some(setting) = self.take(key) {
            match setting.value {
                Value::List(items) => lists.push((items, setting.span)),
                _ => self.problems.add(
                    setting.span,
                    format!("`{key}` is a list in brackets: write it like {example}"),
                ),
            }
        }
        lists
    }

    /// The settings of a list in brackets, of which keys that are not `known` stand apart.
    pub fn inner(
        &mut self,
        attribute: &'static str,
        items: Vec<Setting>,
        known: &[&str],
    ) -> (Settings<'_>, Vec<Setting>) {
        let (mut settings, others): (Vec<_>, Vec<_>) = items
            .into_iter()
            .partition(|setting| known.contains(&setting.key.as_str()));
        refuse_odd(attribute, &mut settings, known, &[], self.problems);
        let inner = Settings {
            attribute,
            settings,
            problems: self.problems,
        };
        (inner, others)
    }

    /// One of a few words; gives its place in the list.
    pub fn word(&mut self, key: &str, words: &[&str]) -> Option<usize> {
        let (text, span) = self.text(key, &format!("{:?}", words[0]))?;
        let found = words.iter().position(|word| *word == text);
        if found.is_none() {
            let message = format!(
                "`{key}` cannot be {text:?}: write one of {}",
                words.join(", ")
            );
            self.problems.add(span, message);
        }
        found
    }

    /// `key("text", …)`.
    pub fn texts(&mut self, key: &str, example: &str) -> Vec<String> {
        let Some(setting) = self.take(key) else {
            return Vec::new();
        };
        match setting.value {
            Value::List(items) if items.iter().all(|item| matches!(item.value, Value::None)) => {
                items.into_iter().map(|item| item.key).collect()
            }
            _ => {
                self.problems.add(
                    setting.span,
                    format!("`{key}` is a list in brackets: write it like {example}"),
                );
                Vec::new()
            }
        }
    }

    fn sound<T>(
        &mut self,
        key: &str,
        text: &str,
        span: Span,
        read: std::result::Result<T, Fault>,
    ) -> Option<T> {
        read.map_err(|Fault(what, remedy)| {
            let attribute = self.attribute;
            let message = format!("`{key}` of {attribute} is {text:?}: {what}; {remedy}");
            self.problems.add(span, message);
        })
        .ok()
    }
}

impl Setting {
    /// The key and its place.
    pub fn key(&self) -> (&str, Span) {
        (&self.key, self.span)
    }

    /// Its value, if that is a text.
    pub fn as_text(&self) -> Option<String> {
        match &self.value {
            Value::Literal(Lit::Str(text)) => Some(text.value()),
            _ => None,
        }
    }
}

/// Tells keys that there are not and keys that are there twice, and takes them away; those of `many` may be there often.
fn refuse_odd(
    attribute: &str,
    settings: &mut Vec<Setting>,
    known: &[&str],
    many: &[&str],
    problems: &mut Problems,
) {
    let mut seen: Vec<String> = Vec::new();
    settings.retain(|setting| {
        let key = &setting.key;
        let message = if !known.contains(&key.as_str()) {
            let closest = known
                .iter()
                .map(|have| (strsim::jaro_winkler(have, key), have))
                .filter(|(likeness, _)| *likeness > 0.75)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let remedy = match (closest, known) {
                (Some((_, meant)), _) => format!("did you mean `{meant}`?"),
                (None, []) => "it takes none, so leave it out".to_owned(),
                (None, _) => format!("its keys are {}", known.join(", ")),
            };
            format!("{attribute} has no key `{key}`: {remedy}")
        } else if seen.contains(key) && !many.contains(&key.as_str()) {
            format!("`{key}` is there twice: keep one of the two")
        } else {
            seen.push(key.clone());
            return true;
        };
        problems.add(setting.span, message);
        false
    });
}

/// A length of time as tokens; it fits in 64 bits of ns by the grammar's own bound.
pub fn duration(length: Duration) -> TokenStream {
    let nanos = length.as_nanos() as u64;
    quote!(::core::time::Duration::from_nanos(#nanos))
}
