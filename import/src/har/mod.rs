//! HAR recordings of browsers and proxies. Neighbours: `record.rs` reads the file, `assets.rs` tells pictures from pages.
//! Invariant: requests keep their order; each that is left out is counted in a note.

mod assets;
mod record;

use crate::{
    ImportError, Options,
    address::{Address, read_form},
    body, document,
    hide::basic,
    model::{Body, Draft, Group, Part, PartFile, Request, method},
    naming::{folder_name, path_pattern},
    notes::Notes,
    words::Text,
};
use jiff::Timestamp;
use record::{Entry, Log, Page, PostData};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    time::Duration,
};

/// Pauses between pages outside of these are not taken for thinking: a page that reloads, a cup of coffee.
const THINKING: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(60);

/// Reads a recording.
pub(crate) fn read(input: &[u8], options: &Options) -> Result<Draft, ImportError> {
    let mut draft = Draft::default();
    let text = match document::text(input) {
        Ok(text) => text,
        // Nearly always it is an answer's body that is no text, and those are skipped.
        Err(_) => {
            draft
                .notes
                .add("bytes that are no UTF-8 text were replaced");
            Cow::Owned(String::from_utf8_lossy(input).into_owned())
        }
    };
    let log = record::parse(&text)?;
    drop(text);
    let entries = log.entries.as_deref().unwrap_or_default();
    if entries.is_empty() {
        return Err(ImportError::new(
            "the recording holds no request",
            "open the network panel before you load the page, then export again",
        )
        .at(1, 1)
        .key("log.entries"));
    }
    let mut groups = Groups::of(&log);
    let urls: HashSet<&str> = entries
        .iter()
        .filter_map(|entry| Some(without_fragment(entry.request.as_ref()?.url.as_deref()?)))
        .collect();
    for (index, entry) in entries.iter().enumerate() {
        let Some(mut request) = read_entry(entry, index, options, &mut draft)? else {
            continue;
        };
        if redirect_of(entry).is_some_and(|target| urls.contains(without_fragment(&target))) {
            request.follows_redirects = false;
            draft.notes.add("where a redirect led was recorded, too, so that those requests do not follow it: where addresses change, remove `redirects = false` and the step it led to");
        }
        groups.add(entry, request);
    }
    draft.groups = groups.finish(&mut draft.notes);
    let first = draft.groups.iter().flat_map(|group| &group.requests).next();
    draft.name = first.map_or_else(String::new, |request| {
        folder_name(
            request
                .base
                .shown()
                .rsplit("://")
                .next()
                .unwrap_or_default(),
        )
    });
    Ok(draft)
}

fn without_fragment(url: &str) -> &str {
    url.split('#').next().unwrap_or_default()
}

/// Where an answer sent the browser.
fn redirect_of(entry: &Entry) -> Option<String> {
    let target = entry.response.as_ref()?.redirect_url.as_deref()?;
    let from = url::Url::parse(entry.request.as_ref()?.url.as_deref()?).ok()?;
    // Recorders write it as the server sent it, with or without a host.
    (!target.is_empty()).then(|| from.join(target).ok().map(String::from))?
}

/// The request of an entry; `None` where it is left out, with a note.
fn read_entry(
    entry: &Entry,
    index: usize,
    options: &Options,
    draft: &mut Draft,
) -> Result<Option<Request>, ImportError> {
    let key = |field: &str| format!("log.entries[{index}].request{field}");
    let missing = |field: &str| {
        ImportError::new(
            "an entry is not whole",
            "export the recording again, or remove the entry",
        )
        .key(key(field))
    };
    let recorded = entry.request.as_ref().ok_or_else(|| missing(""))?;
    let url = recorded.url.as_deref().ok_or_else(|| missing(".url"))?;
    let verb = recorded
        .method
        .as_deref()
        .unwrap_or("GET")
        .to_ascii_uppercase();
    if assets::is_socket(entry, url) {
        draft
            .notes
            .about("WebSockets were left out", shown(url), "");
        return Ok(None);
    }
    let address = match Address::read(&Text::literal(url)) {
        Ok(address) if url.contains("://") => address,
        _ => {
            draft
                .notes
                .about("requests that are not http were left out", shown(url), "");
            return Ok(None);
        }
    };
    if !options.static_assets && assets::is_asset(entry, &verb, &address.path.shown()) {
        let ending = address.path.shown();
        let ending = ending.rsplit('/').next().unwrap_or_default();
        draft.notes.about(
            "pictures, styles, scripts, fonts and media were left out",
            ending,
            "--static-assets takes them, too",
        );
        return Ok(None);
    }
    let Some(method) = method(&verb) else {
        draft.notes.about(
            "requests of other methods were left out",
            &verb,
            "scenarios have get, post, put, patch, delete, head, options",
        );
        return Ok(None);
    };
    let mut request = Request::new(method, address.base, address.path);
    request.query = address.query;
    request.name = entry.comment.clone().unwrap_or_default();
    for header in recorded.headers.iter().flatten() {
        let (Some(name), Some(value)) = (&header.name, &header.value) else {
            continue;
        };
        if name.eq_ignore_ascii_case("cookie") {
            draft.notes.add("cookies were left out: each user keeps those that the server sets; a recording that begins logged in needs a login step");
            continue;
        }
        request.headers.push((name.clone(), Text::literal(value)));
    }
    if let Some(credentials) = &address.credentials {
        let value = basic(credentials, &mut draft.secrets);
        request.default_header("authorization", value);
    }
    if let Some(data) = &recorded.post_data {
        let content_type = request.header("content-type").map(Text::shown);
        let content_type = content_type
            .or_else(|| data.mime_type.clone())
            .unwrap_or_default();
        request.body = read_body(data, &content_type, &mut draft.notes);
        if request.body != Body::Empty && !content_type.is_empty() {
            request.default_header("content-type", Text::literal(content_type));
        }
    }
    let status = entry
        .response
        .as_ref()
        .and_then(|response| response.status)
        .unwrap_or(0.0);
    if (400.0..600.0).contains(&status) {
        request.statuses = vec![status as u16];
        draft.notes.about(
            "answers that were errors when they were recorded are expected to be so again",
            &path_pattern(&request.path.shown()),
            "change check.status where they should not be",
        );
    }
    Ok(Some(request))
}

/// As much of an address as a note shows: no query, which may hold secrets.
fn shown(url: &str) -> &str {
    let bare = url.split(['?', '#', ',']).next().unwrap_or_default();
    let end = bare
        .char_indices()
        .nth(60)
        .map_or(bare.len(), |(end, _)| end);
    &bare[..end]
}

fn read_body(data: &PostData, content_type: &str, notes: &mut Notes) -> Body {
    let media_type = body::media_type(content_type);
    let text = data.text.as_deref().unwrap_or_default();
    if media_type == "multipart/form-data" {
        let parts = parts(data, notes);
        return match parts.is_empty() {
            false => Body::Multipart(parts),
            true if text.is_empty() => Body::Empty,
            true => Body::LeftOut(
                "the recording holds the parts of a multipart body only in one piece".into(),
            ),
        };
    }
    if data.encoding.as_deref() == Some("base64") {
        return match decoded(text) {
            Some(text) => body::from_text(&Text::literal(text), Some(content_type)),
            None => Body::LeftOut("the body is no text".into()),
        };
    }
    // Browsers write bytes that are no text as characters beyond ASCII or as replacements.
    let is_odd = |c: char| c == '\u{fffd}' || c.is_control() && !"\n\r\t".contains(c);
    if text.contains(is_odd) {
        return Body::LeftOut("the body is no text".into());
    }
    if text.is_empty() {
        return match params(data) {
            Some(pairs) if media_type == "application/x-www-form-urlencoded" => Body::Form(pairs),
            _ => Body::Empty,
        };
    }
    body::from_text(&Text::literal(text), Some(content_type))
}

fn decoded(text: &str) -> Option<String> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let text = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    (!text.contains(|c: char| c.is_control() && !"\n\r\t".contains(c))).then_some(text)
}

/// The fields of a form as the recorder took them apart, some of them still encoded.
fn params(data: &PostData) -> Option<Vec<(String, Text)>> {
    let mut pairs = Vec::new();
    for param in data.params.iter().flatten() {
        let (name, value) = (
            param.name.as_deref()?,
            param.value.as_deref().unwrap_or_default(),
        );
        let encoded = Text::literal(format!("{name}={value}"));
        match read_form(&encoded).filter(|read| read.len() == 1 && value.contains('%')) {
            Some(read) => pairs.extend(read),
            None => pairs.push((name.to_owned(), Text::literal(value))),
        }
    }
    (!pairs.is_empty()).then_some(pairs)
}

fn parts(data: &PostData, notes: &mut Notes) -> Vec<(String, Part)> {
    let mut parts = Vec::new();
    for param in data.params.iter().flatten() {
        let Some(name) = &param.name else { continue };
        let part = match &param.file_name {
            Some(path) => {
                notes.about(
                    "uploaded files are not in a recording",
                    path,
                    "put them beside the scenario file",
                );
                Part::File(PartFile {
                    path: path.clone(),
                    media_type: param.content_type.clone(),
                    name: None,
                })
            }
            None => Part::Text(Text::literal(param.value.as_deref().unwrap_or_default())),
        };
        parts.push((name.clone(), part));
    }
    parts
}

/// Pages on their way to tasks.
struct Groups<'h> {
    groups: Vec<Timed>,
    /// The group of a page.
    places: HashMap<&'h str, usize>,
    pages: HashMap<&'h str, &'h Page>,
}

#[derive(Default)]
struct Timed {
    group: Group,
    /// When its first request began, and when the last answer was there.
    span: Option<(Timestamp, Timestamp)>,
}

impl<'h> Groups<'h> {
    fn of(log: &'h Log) -> Groups<'h> {
        let pages = log.pages.iter().flatten();
        Groups {
            groups: Vec::new(),
            places: HashMap::new(),
            pages: pages
                .filter_map(|page| Some((page.id.as_deref()?, page)))
                .collect(),
        }
    }

    fn add(&mut self, entry: &'h Entry, request: Request) {
        let id = entry.pageref.as_deref().unwrap_or_default();
        let place = *self.places.entry(id).or_insert_with(|| {
            let page = self.pages.get(id);
            let words = page.and_then(|page| {
                let comment = page
                    .comment
                    .as_deref()
                    .filter(|comment| !comment.trim().is_empty());
                comment.or(page.title.as_deref())
            });
            let mut timed = Timed::default();
            timed.group.name = Some(page_name(words.unwrap_or_default(), &request));
            self.groups.push(timed);
            self.groups.len() - 1
        });
        let timed = &mut self.groups[place];
        if let Some((start, end)) = span(entry) {
            timed.span = Some(match timed.span {
                None => (start, end),
                Some((first, last)) => (first.min(start), last.max(end)),
            });
        }
        timed.group.requests.push(request);
    }

    /// The groups, each with the pause before the next one as its think time.
    fn finish(self, notes: &mut Notes) -> Vec<Group> {
        let spans: Vec<_> = self.groups.iter().map(|timed| timed.span).collect();
        let mut groups: Vec<Group> = self.groups.into_iter().map(|timed| timed.group).collect();
        for (group, pair) in groups.iter_mut().zip(spans.windows(2)) {
            let [Some((_, end)), Some((next, _))] = pair else {
                continue;
            };
            let pause = Duration::try_from(next.duration_since(*end)).unwrap_or_default();
            if THINKING.contains(&pause) {
                group.think_time = Some(Duration::from_millis(
                    (pause.as_millis() as u64 + 50) / 100 * 100,
                ));
            }
        }
        if groups.len() > 1 {
            notes.add("each page became a task, and users pick tasks by weight: where their order matters, make them steps of one task");
        }
        groups
    }
}

/// When an entry began and ended.
fn span(entry: &Entry) -> Option<(Timestamp, Timestamp)> {
    let start: Timestamp = entry.started_date_time.as_deref()?.parse().ok()?;
    let ms = entry
        .time
        .filter(|ms| (0.0..1e9).contains(ms))
        .unwrap_or(0.0);
    let end = start.checked_add(Duration::from_millis(ms as u64)).ok()?;
    Some((start, end))
}

/// The name of a page: its title, or where that is its address, the pattern of the path.
fn page_name(title: &str, first: &Request) -> String {
    let title = title.trim();
    match Address::read(&Text::literal(title)) {
        Ok(address) if title.contains("://") => path_pattern(&address.path.shown()),
        _ if title.is_empty() => path_pattern(&first.path.shown()),
        _ => title.to_owned(),
    }
}
