//! Addresses as people write them: `http://host:port/path?query` taken apart into an origin and the rest.
//! Neighbours: `document/` and `single.rs`. Invariant: a fault's words never hold the address itself, because it may
//! hold a password or a value from the environment; the caller decides what can be shown.

use crate::{Origin, Scheme};
use std::fmt::Write as _;
use url::{Host, Url};

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AddressFault {
    /// There is no `http://` in front.
    #[error("the address has no scheme")]
    NoScheme,
    /// TLS comes with later work.
    #[error("https is not supported yet by this version of loadforge")]
    Https,
    /// Neither http nor https.
    #[error("the scheme is not http")]
    OtherScheme,
    /// A user name or a password stands in front of the host.
    #[error("the address holds a user name or a password")]
    Credentials,
    /// Nothing, or nothing that names a host, follows the scheme.
    #[error("the address names no host that could be asked")]
    BadHost,
    /// Something that is not 1 to 65535 follows the colon.
    #[error("the port is not a number from 1 to 65535")]
    BadPort,
    /// A `#` is in it.
    #[error("the address holds a fragment (#…), which is never sent")]
    Fragment,
    /// A line break or the like is in it.
    #[error("the address holds a control character")]
    ControlCharacter,
}

impl AddressFault {
    /// What to do about it; `shown` is the address as far as it may be shown.
    pub fn remedy(self, shown: &str) -> String {
        match self {
            AddressFault::NoScheme => format!("did you mean http://{}?", shown.trim_start_matches('/')),
            AddressFault::Https => "use an http:// address, or put a proxy that ends TLS in front of the target".into(),
            AddressFault::OtherScheme => "begin the address with http://".into(),
            AddressFault::Credentials => {
                "leave them out of the address and give a header, such as authorization = \"Basic ${CREDENTIALS}\", in a scenario file".into()
            }
            AddressFault::BadHost => "write it as http://host:port/path, an IPv6 address in brackets".into(),
            AddressFault::BadPort => "write it as http://host:8080/path, or leave the port out for 80".into(),
            AddressFault::Fragment => "remove the # and what follows, or write %23 if the server is to see it".into(),
            AddressFault::ControlCharacter => "remove line breaks, tabs and other control characters".into(),
        }
    }
}

/// Whether the text is meant as a whole address, not as a path.
pub(crate) fn is_absolute(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

/// Takes an address apart: the origin, and path and query ready for the request line.
pub(crate) fn split(address: &str) -> Result<(Origin, String), AddressFault> {
    if !is_absolute(address) {
        return Err(AddressFault::NoScheme);
    }
    let (scheme, after) = address.split_once("://").ok_or(AddressFault::NoScheme)?;
    match scheme.to_ascii_lowercase().as_str() {
        "http" => {}
        "https" => return Err(AddressFault::Https),
        _ => return Err(AddressFault::OtherScheme),
    }
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, rest) = after.split_at(end);
    if authority.contains('@') {
        return Err(AddressFault::Credentials);
    }
    let path = request_path(rest)?;
    Ok((
        origin(authority)?,
        if path.starts_with('/') {
            path
        } else {
            format!("/{path}")
        },
    ))
}

/// Reads host and port by the URL standard.
fn origin(authority: &str) -> Result<Origin, AddressFault> {
    // The standard drops tabs, line breaks and backslashes in places; an address with them is a slip.
    let odd = |c: char| c.is_control() || c.is_whitespace() || "\\%".contains(c);
    if authority.is_empty() || authority.contains(odd) {
        return Err(AddressFault::BadHost);
    }
    let url = Url::parse(&format!("http://{authority}/")).map_err(|error| match error {
        url::ParseError::InvalidPort => AddressFault::BadPort,
        _ => AddressFault::BadHost,
    })?;
    let host = match url.host().ok_or(AddressFault::BadHost)? {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    match url.port_or_known_default() {
        Some(port) if port > 0 => Ok(Origin {
            scheme: Scheme::Http,
            host,
            port,
        }),
        _ => Err(AddressFault::BadPort),
    }
}

/// Path and query as they can stand on the request line: blanks and characters outside ASCII are percent-encoded,
/// all else stays as it was written.
pub(crate) fn request_path(text: &str) -> Result<String, AddressFault> {
    if text.contains('#') {
        return Err(AddressFault::Fragment);
    }
    if text.chars().any(char::is_control) {
        return Err(AddressFault::ControlCharacter);
    }
    let mut path = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() {
            path.push(byte as char);
        } else {
            percent(byte, &mut path);
        }
    }
    Ok(path)
}

/// Appends `text` so that it can stand in a query as a name or a value: all but RFC 3986's unreserved characters is encoded.
pub(crate) fn push_query_text(text: &str, query: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            query.push(byte as char);
        } else {
            percent(byte, query);
        }
    }
}

pub(crate) fn percent(byte: u8, text: &mut String) {
    write!(text, "%{byte:02X}").expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        for (address, origin, path) in [
            ("http://a.test", "http://a.test", "/"),
            ("HTTP://A.test:80?x=1", "http://a.test", "/?x=1"),
            (
                "http://127.0.0.1:8080/a/../b?q=a b",
                "http://127.0.0.1:8080",
                "/a/../b?q=a%20b",
            ),
            ("http://[::1]:81/é", "http://[::1]:81", "/%C3%A9"),
            (
                "http://bücher.test/%41",
                "http://xn--bcher-kva.test",
                "/%41",
            ),
        ] {
            let (got, rest) = split(address).unwrap();
            assert_eq!(
                (got.to_string().as_str(), rest.as_str()),
                (origin, path),
                "{address}"
            );
        }
    }

    #[test]
    fn each_bad_address_names_its_own_fault() {
        use AddressFault::*;
        for (address, fault) in [
            ("a.test/x", NoScheme),
            ("localhost:8080", NoScheme),
            ("", NoScheme),
            ("https://a.test", Https),
            ("ftp://a.test", OtherScheme),
            ("http://me:secret@a.test/", Credentials),
            ("http://", BadHost),
            ("http:///path", BadHost),
            ("http://a b/", BadHost),
            ("http://::1/", BadHost),
            ("http://a.test:99999/", BadPort),
            ("http://a.test:0/", BadPort),
            ("http://a.test:x/", BadPort),
            ("http://a.test/x#y", Fragment),
            ("http://a.test/x\r\ny", ControlCharacter),
        ] {
            assert_eq!(split(address), Err(fault), "{address}");
        }
    }

    #[test]
    fn query_text_cannot_leave_its_place() {
        let mut query = String::new();
        push_query_text("a&b=c +é", &mut query);
        assert_eq!(query, "a%26b%3Dc%20%2B%C3%A9");
    }
}
