//! `data(people = "users.csv", strategy = "unique")`: a file that users take rows from. Neighbours: `plan.rs` calls it;
//! `document/data.rs` reads the same from TOML. Invariant: the words are those of scenario files.

use crate::{plan::option, settings::Settings};
use proc_macro2::TokenStream;
use quote::quote;

const KEYS: &[&str] = &["strategy", "at_end", "per", "format", "separator"];
const EXAMPLE: &str = "data(people = \"users.csv\", strategy = \"unique\"), where `people` is what user.data(\"people\") means";
/// As `MOST_FEEDS` of the crate below.
const MOST_FEEDS: usize = 64;

/// Reads every `data(…)`; gives an array of `DataOutline`.
pub fn read(settings: &mut Settings<'_>) -> TokenStream {
    let mut names: Vec<String> = Vec::new();
    let mut outlines = Vec::new();
    for (items, span) in settings.lists("data", EXAMPLE) {
        let (mut inner, others) = settings.inner("data(…)", items, KEYS);
        let [named] = others.as_slice() else {
            inner.problem(
                span,
                format!(
                    "`data` takes one name with its file, and beside it {}: write it like {EXAMPLE}",
                    KEYS.join(", ")
                ),
            );
            continue;
        };
        let (name, at) = named.key();
        let Some(file) = named.as_text().filter(|file| !file.trim().is_empty()) else {
            inner.problem(
                at,
                format!("`{name}` names no file: write it like {EXAMPLE}"),
            );
            continue;
        };
        let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !begins_well || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            inner.problem(
                at,
                "a data feed is named with letters, digits and _, no digit first",
            );
        }
        if names.iter().any(|known| known == name) {
            inner.problem(
                at,
                format!("two data feeds are called `{name}`: give one of them another name"),
            );
        }
        if names.len() == MOST_FEEDS {
            inner.problem(at, format!("a scenario has {MOST_FEEDS} data feeds at most: put values that belong together into one file"));
        }
        names.push(name.to_owned());
        outlines.push(outline(name, &file, &mut inner));
    }
    quote!(&[#(#outlines),*])
}

fn outline(name: &str, file: &str, inner: &mut Settings<'_>) -> TokenStream {
    let end_at = inner.span_of("at_end");
    let separator_at = inner.span_of("separator");
    let strategy = inner.word("strategy", &["sequential", "random", "unique"]);
    let at_end = inner.word("at_end", &["stop", "wrap", "error"]);
    let hold = inner.word("per", &["user", "iteration"]);
    let format = inner.word("format", &["csv", "jsonl"]);
    let separator = inner.text("separator", "\";\"").map(|(text, span)| {
        match text.as_bytes() {
            [byte] if byte.is_ascii() && !b"\"\r\n\0".contains(byte) => *byte,
            _ => {
                inner.problem(span, format!("{text:?} cannot separate fields: write a single character such as \";\" or \"|\""));
                b','
            }
        }
    });
    if let (Some(1), Some(span)) = (strategy, end_at) {
        inner.problem(span, "random rows have no end: leave `at_end` out, or choose strategy = \"sequential\" or \"unique\"");
    }
    if let (Some(1), Some(span)) = (format, separator_at) {
        inner.problem(
            span,
            "JSON lines have no separator: leave `separator` out, or write format = \"csv\"",
        );
    }
    let strategy = match strategy {
        None | Some(0) => quote!(Strategy::Sequential),
        Some(1) => quote!(Strategy::Random),
        Some(_) => quote!(Strategy::Unique),
    };
    let at_end = option(at_end.map(|word| match word {
        0 => quote!(AtEnd::Stop),
        1 => quote!(AtEnd::Wrap),
        _ => quote!(AtEnd::Error),
    }));
    let hold = option(hold.map(|word| match word {
        0 => quote!(Hold::User),
        _ => quote!(Hold::Iteration),
    }));
    let format = option(match (format, separator) {
        (Some(1), _) => Some(quote!(DataFormat::JsonLines)),
        (None, None) => None,
        (_, separator) => {
            let separator = separator.unwrap_or(b',');
            Some(quote!(DataFormat::Csv { separator: #separator }))
        }
    });
    quote!(DataOutline {
        name: #name, file: #file, format: #format, strategy: #strategy, at_end: #at_end, hold: #hold,
    })
}
