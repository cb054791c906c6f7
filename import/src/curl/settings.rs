//! What the flags of one command say, and the requests that come out of it. Neighbours: `flags.rs` knows the flags,
//! `mod.rs` finds the commands. Invariant: a flag either shapes the request or gets a note.

use super::{
    COPY,
    flags::{self, Flag, Meaning},
    words::Word,
};
use crate::{
    ImportError,
    address::{Address, read_query},
    body,
    hide::basic,
    model::{Body, Draft, Part, PartFile, Query, Request, method},
    notes::Notes,
    words::{Piece, Text},
};
use std::time::Duration;
use url::form_urlencoded;

/// The most addresses of a command that become requests.
const MOST_URLS: usize = 100;

/// A piece of a body.
#[derive(Clone)]
enum Data {
    Text(Text),
    File(String),
}

/// What the flags of one command say.
#[derive(Clone, Default)]
pub(super) struct Settings {
    urls: Vec<(Text, usize)>,
    method: Option<Text>,
    headers: Vec<(String, Text)>,
    data: Vec<Data>,
    /// Stands between the pieces of data.
    joined_by: &'static str,
    parts: Vec<(String, Part)>,
    query: Vec<Text>,
    is_json: bool,
    as_query: bool,
    is_head: bool,
    upload: Option<String>,
    time_limit: Option<Duration>,
}

impl Settings {
    /// Reads flags and addresses; `--next` begins new settings.
    pub(super) fn read(
        arguments: &[Word],
        text: &str,
        draft: &mut Draft,
    ) -> Result<Vec<Settings>, ImportError> {
        let mut all = vec![Settings::default()];
        let mut words = arguments.iter();
        let mut only_urls = false;
        while let Some(word) = words.next() {
            let last = all.len() - 1;
            let settings = &mut all[last];
            let written = word.text.shown();
            if only_urls || !written.starts_with('-') || written == "-" {
                settings.urls.push((word.text.clone(), word.at));
                continue;
            }
            if written == "--" {
                only_urls = true;
                continue;
            }
            if let Some(name) = written.strip_prefix("--") {
                let (name, attached) = match word.text.split_once(&['=']) {
                    Some((name, value))
                        if flags::by_name(&name.shown()[2..])
                            .is_some_and(|flag| flag.takes_value) =>
                    {
                        (name.shown()[2..].to_owned(), Some(value))
                    }
                    _ => (name.to_owned(), None),
                };
                let Some(flag) = flags::by_name(&name) else {
                    note_unknown(&written, &mut draft.notes);
                    continue;
                };
                let value = match attached {
                    Some(value) => value,
                    None => value_of(&flag, word, &mut words, text)?,
                };
                if settings.apply(&flag, &written, &value, draft) {
                    all.push(Settings::default());
                }
                continue;
            }
            if settings.read_letters(word, &mut words, text, draft)? {
                all.push(Settings::default());
            }
        }
        Ok(all)
    }

    /// Reads a word of letters such as `-sSLd`; true when the next request begins.
    fn read_letters(
        &mut self,
        word: &Word,
        words: &mut std::slice::Iter<'_, Word>,
        text: &str,
        draft: &mut Draft,
    ) -> Result<bool, ImportError> {
        let mut rest = match word.text.pieces().first() {
            Some(Piece::Literal(first)) => &first[1..],
            _ => "",
        };
        let mut begins_next = false;
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            let shown = format!("-{letter}");
            let Some(flag) = flags::by_letter(letter) else {
                note_unknown(&shown, &mut draft.notes);
                continue;
            };
            if !flag.takes_value {
                begins_next |= self.apply(&flag, &shown, &Text::default(), draft);
                continue;
            }
            // The value is the rest of the word, or the next one.
            let mut attached = Text::literal(rest);
            for piece in word.text.pieces().iter().skip(1) {
                attached.push(piece.clone());
            }
            let value = match attached.is_empty() {
                true => value_of(&flag, word, words, text)?,
                false => attached,
            };
            self.apply(&flag, &shown, &value, draft);
            break;
        }
        Ok(begins_next)
    }

    /// Does what a flag says; true when the next request begins.
    fn apply(&mut self, flag: &Flag, written: &str, value: &Text, draft: &mut Draft) -> bool {
        let literal = value.shown();
        match flag.meaning {
            Meaning::Method => self.method = Some(value.clone()),
            Meaning::Header => self.add_header(value, &mut draft.notes),
            Meaning::Data => self.add_data(match literal.strip_prefix('@') {
                Some(file) => Data::File(file.to_owned()),
                None => Data::Text(value.clone()),
            }),
            Meaning::DataRaw => self.add_data(Data::Text(value.clone())),
            Meaning::DataEncoded => match encoded(value) {
                Some(text) => self.add_data(Data::Text(text)),
                None => draft.notes.about(
                    "data from files that would be encoded was left out",
                    &literal,
                    "write it into the file's form",
                ),
            },
            Meaning::Json => {
                self.is_json = true;
                self.add_data(match literal.strip_prefix('@') {
                    Some(file) => Data::File(file.to_owned()),
                    None => Data::Text(value.clone()),
                });
                self.joined_by = "";
            }
            Meaning::Form => self.add_part(value, &mut draft.notes),
            Meaning::FormText => {
                if let Some((name, value)) = value.split_once(&['=']) {
                    self.parts.push((name.shown(), Part::Text(value)));
                }
            }
            Meaning::User => self.set_header("authorization", basic(value, &mut draft.secrets)),
            Meaning::Bearer => {
                let mut bearer = Text::literal("Bearer ");
                bearer.append(value);
                self.set_header("authorization", bearer);
            }
            Meaning::Cookie => self.add_cookie(value, &mut draft.notes),
            Meaning::Agent => self.set_header("user-agent", value.clone()),
            Meaning::Referer => {
                self.set_header("referer", Text::literal(literal.trim_end_matches(";auto")));
            }
            Meaning::Range => self.set_header("range", Text::literal(format!("bytes={literal}"))),
            Meaning::AsQuery => self.as_query = true,
            Meaning::Head => self.is_head = true,
            Meaning::Url => self.urls.push((value.clone(), 0)),
            Meaning::UrlQuery => self.query.push(value.clone()),
            Meaning::TimeLimit => match literal.parse::<f64>() {
                Ok(seconds) if (0.001..86_400.0).contains(&seconds) => {
                    self.time_limit = Some(Duration::from_millis((seconds * 1e3) as u64));
                }
                _ => draft.notes.about(
                    "time limits that are no number of seconds were left out",
                    &literal,
                    "",
                ),
            },
            Meaning::Upload => self.upload = Some(literal),
            Meaning::Next => return true,
            Meaning::Anyway => {}
            Meaning::OfNoUse => draft.notes.about(
                "flags about curl's own output were left out",
                flag_word(written),
                "",
            ),
            Meaning::Connection => draft.notes.about(
                "flags about the connection were left out",
                flag_word(written),
                "`loadforge run --help` names those that a run has",
            ),
        }
        false
    }

    fn add_data(&mut self, data: Data) {
        self.joined_by = "&";
        self.data.push(data);
    }

    fn set_header(&mut self, name: &str, value: Text) {
        self.headers
            .retain(|(have, _)| !have.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value));
    }

    fn add_header(&mut self, line: &Text, notes: &mut Notes) {
        if line.shown().starts_with('@') {
            notes.about(
                "headers from files were left out",
                &line.shown(),
                "write them into [headers]",
            );
            return;
        }
        match line.split_once(&[':']) {
            Some((_, value)) if value.trim().is_empty() => {}
            Some((name, value)) => self.set_header(name.shown().trim(), value.trim()),
            None => match line.shown().strip_suffix(';') {
                Some(name) => self.set_header(name, Text::default()),
                None => notes.add("a header without a colon was left out"),
            },
        }
    }

    fn add_cookie(&mut self, cookies: &Text, notes: &mut Notes) {
        // Without `=` it is the name of a file.
        if cookies.split_once(&['=']).is_none() && cookies.as_literal().is_some() {
            notes.about(
                "cookies from files were left out",
                &cookies.shown(),
                "a user keeps the cookies that the server sets",
            );
            return;
        }
        let have = self
            .headers
            .iter_mut()
            .find(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        match have {
            Some((_, all)) => {
                all.push_str("; ");
                all.append(cookies);
            }
            None => self.set_header("cookie", cookies.clone()),
        }
    }

    /// `name=text`, `name=@file;type=…`, `name=<file`.
    fn add_part(&mut self, field: &Text, notes: &mut Notes) {
        let Some((name, value)) = field.split_once(&['=']) else {
            notes.about("form fields without `=` were left out", &field.shown(), "");
            return;
        };
        let written = value.shown();
        let part = match written.strip_prefix(['@', '<']) {
            None => Part::Text(match value.split_once(&[';']) {
                Some((text, rest)) if rest.shown().starts_with("type=") => text,
                _ => value,
            }),
            Some(file) => {
                let mut words = file.split(';');
                let path = words
                    .next()
                    .unwrap_or_default()
                    .trim_matches('"')
                    .to_owned();
                let (mut media_type, mut name_of_file) = (None, None);
                for word in words {
                    match word.trim().split_once('=') {
                        Some(("type", value)) => media_type = Some(value.to_owned()),
                        Some(("filename", value)) => {
                            name_of_file = Some(value.trim_matches('"').to_owned());
                        }
                        _ => notes.about(
                            "what a form field says about its file was left out",
                            word,
                            "",
                        ),
                    }
                }
                notes.about(
                    "files are named relative to the scenario file",
                    &path,
                    "put them there",
                );
                Part::File(PartFile {
                    path,
                    media_type,
                    name: name_of_file,
                })
            }
        };
        self.parts.push((name.shown(), part));
    }

    /// Makes a request for each address.
    pub(super) fn requests(
        mut self,
        text: &str,
        draft: &mut Draft,
        requests: &mut Vec<Request>,
    ) -> Result<(), ImportError> {
        if self.urls.is_empty() {
            if self.headers.is_empty() && self.data.is_empty() && self.method.is_none() {
                return Ok(());
            }
            return Err(ImportError::new("a curl command has no address", COPY).at(1, 1));
        }
        let urls = std::mem::take(&mut self.urls);
        if urls.len() > MOST_URLS {
            draft
                .notes
                .add("of a command's addresses the first 100 were taken");
        }
        for (url, at) in urls.into_iter().take(MOST_URLS) {
            let address = Address::read(&url).map_err(|fault| {
                ImportError::new(
                    format!(
                        "{fault}: {:?}",
                        url.shown().chars().take(60).collect::<String>()
                    ),
                    "write it like http://127.0.0.1:8080/path",
                )
                .at_byte(text, at)
            })?;
            if let Some(request) = self.clone().request(address, draft) {
                requests.push(request);
            }
        }
        Ok(())
    }

    fn request(mut self, address: Address, draft: &mut Draft) -> Option<Request> {
        let has_body = !self.data.is_empty() && !self.as_query || !self.parts.is_empty();
        let usual = match (self.is_head, &self.upload, has_body) {
            (true, ..) => "HEAD",
            (_, Some(_), _) => "PUT",
            (.., true) => "POST",
            _ => "GET",
        };
        let word = self
            .method
            .take()
            .map_or(usual.to_owned(), |method| method.shown());
        let Some(method) = method(&word) else {
            draft.notes.about(
                "requests of other methods were left out",
                &word,
                "scenarios have get, post, put, patch, delete, head, options",
            );
            return None;
        };
        let mut request = Request::new(method, address.base, address.path);
        request.query = address.query;
        request.time_limit = self.time_limit;
        if let Some(credentials) = &address.credentials {
            self.set_header("authorization", basic(credentials, &mut draft.secrets));
        }
        let content_type = self
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            .map(|(_, value)| value.shown());
        request.headers = std::mem::take(&mut self.headers);
        let mut query = std::mem::take(&mut self.query);
        if self.as_query {
            query.extend(self.data.drain(..).filter_map(|data| match data {
                Data::Text(text) => Some(text),
                Data::File(file) => {
                    draft
                        .notes
                        .about("data from files was left out of the query", &file, "");
                    None
                }
            }));
        }
        for text in query {
            request.query = join_queries(request.query, read_query(&text));
        }
        self.add_body(content_type.as_deref(), &mut request, &mut draft.notes);
        Some(request)
    }

    fn add_body(self, content_type: Option<&str>, request: &mut Request, notes: &mut Notes) {
        if let Some(file) = self.upload {
            notes.about(
                "files are named relative to the scenario file",
                &file,
                "put them there",
            );
            request.body = Body::File(file);
            return;
        }
        if !self.parts.is_empty() {
            request.body = Body::Multipart(self.parts);
            return;
        }
        if self.data.is_empty() {
            return;
        }
        let usual = match self.is_json {
            true => "application/json",
            false => "application/x-www-form-urlencoded",
        };
        if self.is_json {
            request.default_header("accept", "application/json".into());
        }
        request.default_header("content-type", usual.into());
        if let [Data::File(file)] = self.data.as_slice() {
            notes.about(
                "files are named relative to the scenario file",
                file,
                "put them there",
            );
            request.body = Body::File(file.clone());
            return;
        }
        let mut whole = Text::default();
        for (index, data) in self.data.iter().enumerate() {
            whole.push_str(if index > 0 { self.joined_by } else { "" });
            match data {
                Data::Text(text) => whole.append(text),
                Data::File(file) => {
                    notes.about(
                        "files within a body of several pieces were left out",
                        file,
                        "put the whole body into one file",
                    );
                }
            }
        }
        request.body = body::from_text(&whole, Some(content_type.unwrap_or(usual)));
    }
}

/// The flag of a word without an attached value.
fn flag_word(written: &str) -> &str {
    written.split('=').next().unwrap_or(written)
}

fn note_unknown(flag: &str, notes: &mut Notes) {
    notes.about(
        "flags that are not known were left out",
        flag_word(flag),
        "write what they mean into the file by hand",
    );
}

fn value_of(
    flag: &Flag,
    word: &Word,
    words: &mut std::slice::Iter<'_, Word>,
    text: &str,
) -> Result<Text, ImportError> {
    if !flag.takes_value {
        return Ok(Text::default());
    }
    words.next().map(|word| word.text.clone()).ok_or_else(|| {
        ImportError::new(
            format!("the flag --{} has no value", flag.long),
            "copy the whole command",
        )
        .at_byte(text, word.at)
    })
}

/// `--data-urlencode`: the value behind a name encoded; `None` where it comes from a file.
fn encoded(value: &Text) -> Option<Text> {
    let encode = |text: &Text| {
        text.map_literals(&mut |text| {
            let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            Text::literal(text)
        })
    };
    match value.split_once(&['=', '@']) {
        Some((name, rest)) => {
            let separator = value.shown()[name.shown().len()..].starts_with('=');
            if !separator {
                return None;
            }
            let mut text = name.clone();
            text.push_str(if name.is_empty() { "" } else { "=" });
            text.append(&encode(&rest));
            Some(text)
        }
        None => Some(encode(value)),
    }
}

fn join_queries(first: Query, second: Query) -> Query {
    let raw = |query: Query| match query {
        Query::Raw(raw) => raw,
        Query::Pairs(pairs) => pairs
            .into_iter()
            .map(|(name, value)| {
                let encode = |text: &str| {
                    Text::literal(
                        form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>(),
                    )
                };
                (
                    encode(&name),
                    Some(value.map_literals(&mut |text| encode(text))),
                )
            })
            .collect(),
    };
    match (first, second) {
        (Query::Pairs(mut first), Query::Pairs(second)) => {
            first.extend(second);
            Query::Pairs(first)
        }
        (first, second) => {
            let mut all = raw(first);
            all.extend(raw(second));
            Query::Raw(all)
        }
    }
}
