//! Addresses taken apart: base, path, query, and what is never sent. Neighbours: all readers have addresses. Invariant:
//! scheme and host are literal or environment variables, and a password in an address is handed back apart from it.

use crate::{
    model::Query,
    words::{Piece, Text},
};
use url::form_urlencoded;

/// An address taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Scheme, host and port.
    pub(crate) base: Text,
    /// Begins with a slash.
    pub(crate) path: Text,
    pub(crate) query: Query,
    /// `user:password` in front of the host.
    pub(crate) credentials: Option<Text>,
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressFault {
    /// Nothing names a host.
    #[error("the address names no host")]
    NoHost,
    /// `ftp:`, `data:`, `ws:` and the like.
    #[error("the address is not one of http:// or https://")]
    OtherScheme,
}

impl Address {
    /// Takes an address apart. An address without a scheme is `http://`, as cURL has it; one that begins with a
    /// variable is the base as a whole up to the first slash.
    pub(crate) fn read(address: &Text) -> Result<Address, AddressFault> {
        let address = address.trim();
        let address = match address.split_once(&['#']) {
            Some((before, _)) => before,
            None => address,
        };
        let (scheme, rest) = split_scheme(&address)?;
        let (authority, rest) = match rest.pieces() {
            // `/` would not be in the authority, so that the first literal slash or question mark ends it.
            _ if scheme.is_none() && is_path(&rest) => return Err(AddressFault::NoHost),
            _ => split_before(&rest, &['/', '?']),
        };
        let (mut credentials, mut host) = (None::<Text>, authority);
        // The last `@` counts: a password may hold others.
        while let Some((before, behind)) = host.split_once(&['@']) {
            let mut all = match credentials {
                Some(mut all) => {
                    all.push_str("@");
                    all
                }
                None => Text::default(),
            };
            all.append(&before);
            (credentials, host) = (Some(all), behind);
        }
        // A variable that stands first may hold the scheme, too; then only a port can follow it.
        let is_origin = scheme.is_none() && matches!(host.pieces(), [Piece::Variable(_), ..]);
        let good = match host.pieces() {
            [_] if is_origin => true,
            [_, Piece::Literal(port)] if is_origin => port
                .strip_prefix(':')
                .is_some_and(|port| is_host(&format!("a:{port}"))),
            _ => !is_origin && is_host(&host_shaped(&host)),
        };
        if !good {
            return Err(AddressFault::NoHost);
        }
        let mut base = match scheme {
            Some(scheme) => Text::literal(format!("{scheme}://")),
            None if is_origin => Text::default(),
            None => Text::literal("http://"),
        };
        base.append(&host);
        let (path, query) = match rest.split_once(&['?']) {
            Some((path, query)) => (path, read_query(&query)),
            None => (rest, Query::default()),
        };
        Ok(Address {
            base,
            path: sendable(&path),
            query,
            credentials,
        })
    }
}

/// The scheme in small letters, and what stands behind `://`.
fn split_scheme(address: &Text) -> Result<(Option<&'static str>, Text), AddressFault> {
    let Some(Piece::Literal(first)) = address.pieces().first() else {
        return Ok((None, address.clone()));
    };
    let Some((scheme, _)) = first.split_once(':') else {
        return Ok((None, address.clone()));
    };
    let known = match scheme.to_ascii_lowercase().as_str() {
        "http" => "http",
        "https" => "https",
        // `localhost:8080/path` has no scheme, `data:text` has.
        _ if first[scheme.len()..].starts_with("://") => return Err(AddressFault::OtherScheme),
        "data" | "blob" | "about" | "file" | "javascript" | "mailto" => {
            return Err(AddressFault::OtherScheme);
        }
        _ => return Ok((None, address.clone())),
    };
    let behind = &first[scheme.len() + 1..];
    let mut rest = Text::literal(behind.strip_prefix("//").unwrap_or(behind));
    for piece in &address.pieces()[1..] {
        rest.push(piece.clone());
    }
    Ok((Some(known), rest))
}

fn is_path(text: &Text) -> bool {
    matches!(text.pieces().first(), Some(Piece::Literal(first)) if first.starts_with(['/', '?']))
}

/// What a variable in an address stands for, behind this literal: a host, a port, or a part of a host.
pub(crate) fn shape_behind(literal: &str) -> &'static str {
    match literal {
        "" => "127.0.0.1",
        text if text.ends_with("://") => "127.0.0.1",
        text if text.ends_with(':') => "8080",
        _ => "x",
    }
}

/// A host with values of the right shape for its variables.
fn host_shaped(host: &Text) -> String {
    let mut shaped = String::new();
    let mut before = "";
    for piece in host.pieces() {
        match piece {
            Piece::Literal(text) => {
                before = text;
                shaped.push_str(text);
            }
            _ => shaped.push_str(shape_behind(before)),
        }
    }
    shaped
}

/// Whether a host and its port could be asked.
fn is_host(host: &str) -> bool {
    if host.is_empty() {
        return false;
    }
    let odd = |c: char| c.is_control() || c.is_whitespace() || "\\%\"'<>`|^{}$".contains(c);
    !host.contains(odd)
        && url::Url::parse(&format!("http://{host}/")).is_ok_and(|url| url.port() != Some(0))
}

/// Splits before the first of these characters, which the second half keeps.
fn split_before(text: &Text, at: &[char]) -> (Text, Text) {
    let Some((before, _)) = text.split_once(at) else {
        return (text.clone(), Text::default());
    };
    let mut rest = Text::default();
    let mut found = false;
    for piece in text.pieces() {
        match piece {
            _ if found => rest.push(piece.clone()),
            Piece::Literal(literal) => {
                if let Some(start) = literal.find(at) {
                    rest.push_str(&literal[start..]);
                    found = true;
                }
            }
            _ => {}
        }
    }
    (before, rest)
}

/// A path as it can stand in a scenario file: with a slash in front, and what would end the line or the path encoded.
pub(crate) fn sendable(path: &Text) -> Text {
    let mut whole = Text::default();
    if !is_path(path) || path.is_empty() {
        whole.push_str("/");
    }
    whole.append(path);
    whole.map_literals(&mut |text| Text::literal(encode_where_needed(text)))
}

fn encode_where_needed(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '#' => encoded.push_str("%23"),
            '?' => encoded.push_str("%3F"),
            c if c.is_control() => {
                encoded.extend(form_urlencoded::byte_serialize(c.to_string().as_bytes()));
            }
            c => encoded.push(c),
        }
    }
    encoded
}

/// A query as names and values, where both can be written into a file and mean the same again; else as it is.
pub(crate) fn read_query(query: &Text) -> Query {
    let mut raw = Vec::new();
    for part in query.split('&') {
        if part.is_empty() {
            continue;
        }
        raw.push(match part.split_once(&['=']) {
            Some((name, value)) => (name, Some(value)),
            None => (part, None),
        });
    }
    decoded(&raw).map_or(Query::Raw(encode_raw(raw)), Query::Pairs)
}

fn encode_raw(raw: Vec<(Text, Option<Text>)>) -> Vec<(Text, Option<Text>)> {
    let encode =
        |text: Text| text.map_literals(&mut |text| Text::literal(encode_where_needed(text)));
    raw.into_iter()
        .map(|(name, value)| (encode(name), value.map(encode)))
        .collect()
}

/// Names and values of a form or a query, if all of them have a name and a value that can be decoded.
pub(crate) fn read_form(text: &Text) -> Option<Vec<(String, Text)>> {
    match read_query(text) {
        Query::Pairs(pairs) if !pairs.is_empty() => Some(pairs),
        _ => None,
    }
}

fn decoded(raw: &[(Text, Option<Text>)]) -> Option<Vec<(String, Text)>> {
    let mut pairs = Vec::with_capacity(raw.len());
    for (name, value) in raw {
        let name = decode(name.as_literal()?)?;
        let mut good = true;
        let value = value.as_ref()?.map_literals(&mut |text| {
            decode(text).map_or_else(
                || {
                    good = false;
                    Text::default()
                },
                Text::literal,
            )
        });
        if !good {
            return None;
        }
        pairs.push((name, value));
    }
    is_grouped(pairs.iter().map(|(name, _)| name.as_str())).then_some(pairs)
}

/// Undoes percent-encoding; `None` where it is broken or is no text.
fn decode(text: &str) -> Option<String> {
    let is_hex = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    let broken = text
        .match_indices('%')
        .any(|(at, _)| !is_hex(at + 1) || !is_hex(at + 2));
    if broken {
        return None;
    }
    // The library replaces what is no UTF-8, so that a replacement that was not there before tells of it.
    let with_name = format!("a={text}");
    let (_, value) = form_urlencoded::parse(with_name.as_bytes()).next()?;
    (!text.contains('&') && (!value.contains('\u{fffd}') || text.contains('\u{fffd}')))
        .then(|| value.into_owned())
}

/// Whether names can be keys of a table: none empty, none a template, and equal ones side by side.
pub(crate) fn is_grouped<'n>(names: impl Iterator<Item = &'n str>) -> bool {
    let mut seen = std::collections::HashSet::new();
    let mut last = None;
    for name in names {
        if name.is_empty() || !crate::value::is_plain_key(name) {
            return false;
        }
        if last != Some(name) && !seen.insert(name) {
            return false;
        }
        last = Some(name);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(address: &str) -> Result<Address, AddressFault> {
        Address::read(&Text::literal(address))
    }

    #[test]
    fn an_address_is_taken_apart() {
        for (address, base, path) in [
            ("http://a.test", "http://a.test", "/"),
            ("HTTPS://a.test:81/x/y?z=1#top", "https://a.test:81", "/x/y"),
            ("a.test/x", "http://a.test", "/x"),
            ("localhost:8080", "http://localhost:8080", "/"),
            ("http://[::1]:8080?x=1", "http://[::1]:8080", "/"),
            ("http://me:secret@a.test/", "http://a.test", "/"),
            ("http://a.test/a\tb", "http://a.test", "/a%09b"),
        ] {
            let read = read(address).unwrap();
            assert_eq!(read.base.as_literal(), Some(base), "{address}");
            assert_eq!(read.path.as_literal(), Some(path), "{address}");
        }
        let credentials = read("http://me:se@cret@a.test/").unwrap().credentials;
        assert_eq!(credentials, Some(Text::literal("me:se@cret")));
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        use AddressFault::*;
        for (address, fault) in [
            ("", NoHost),
            ("/path", NoHost),
            ("http:///x", NoHost),
            ("http://a b/", NoHost),
            ("http://a:99999/", NoHost),
            ("ftp://a/", OtherScheme),
            ("data:text/html,x", OtherScheme),
            ("ws://a/", OtherScheme),
        ] {
            assert_eq!(read(address), Err(fault), "{address}");
        }
    }

    #[test]
    fn a_query_is_decoded_only_where_nothing_is_lost() {
        let query = |query: &str| read_query(&Text::literal(query));
        assert_eq!(
            query("a=b+c&a=%C3%A9&d="),
            Query::Pairs(vec![
                ("a".into(), "b c".into()),
                ("a".into(), "é".into()),
                ("d".into(), "".into())
            ])
        );
        for raw in ["flag", "a=1&b=2&a=3", "a=%zz", "a=%FF", "=x", "${x}=1"] {
            assert!(matches!(query(raw), Query::Raw(_)), "{raw}");
        }
    }

    #[test]
    fn a_variable_can_be_the_whole_origin() {
        let mut address = Text::variable("BASE_URL");
        address.push_str("/users?x=");
        address.push(Piece::Variable("X".into()));
        let read = Address::read(&address).unwrap();
        assert_eq!(read.base, Text::variable("BASE_URL"));
        assert_eq!(read.path.as_literal(), Some("/users"));
        assert_eq!(
            read.query,
            Query::Pairs(vec![("x".into(), Text::variable("X"))])
        );
    }
}
