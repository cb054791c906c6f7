//! cURL's flags: which of them take a value, and which say something about the request. Neighbours: `mod.rs` acts on them.
//! Source: `curl --help all` of curl 8.10. Invariant: a flag that is not here is unknown, and gets a note.

/// What a flag means to a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Method,
    Header,
    /// `-d`: text, or `@file`.
    Data,
    /// The same, where `@` means nothing.
    DataRaw,
    DataEncoded,
    Json,
    Form,
    FormText,
    User,
    Bearer,
    Cookie,
    Agent,
    Referer,
    Range,
    /// `-G`: data goes into the query.
    AsQuery,
    Head,
    Url,
    UrlQuery,
    TimeLimit,
    Upload,
    /// The next request of the same command.
    Next,
    /// What a scenario does anyway.
    Anyway,
    /// About output, retries and the like: a scenario has no use for it.
    OfNoUse,
    /// About the connection: said elsewhere, or not at all.
    Connection,
}

/// A flag: its long name, its letter, whether it takes a value, what it means.
pub(super) struct Flag {
    pub(super) long: &'static str,
    pub(super) letter: Option<char>,
    pub(super) takes_value: bool,
    pub(super) meaning: Meaning,
}

use Meaning::*;

/// Flags with a meaning of their own: long name, letter (blank for none), whether it takes a value, meaning.
const KNOWN: &[(&str, char, bool, Meaning)] = &[
    ("request", 'X', true, Method),
    ("header", 'H', true, Header),
    ("data", 'd', true, Data),
    ("data-ascii", ' ', true, Data),
    ("data-binary", ' ', true, Data),
    ("data-raw", ' ', true, DataRaw),
    ("data-urlencode", ' ', true, DataEncoded),
    ("json", ' ', true, Json),
    ("form", 'F', true, Form),
    ("form-string", ' ', true, FormText),
    ("user", 'u', true, User),
    ("oauth2-bearer", ' ', true, Bearer),
    ("cookie", 'b', true, Cookie),
    ("user-agent", 'A', true, Agent),
    ("referer", 'e', true, Referer),
    ("range", 'r', true, Range),
    ("get", 'G', false, AsQuery),
    ("head", 'I', false, Head),
    ("url", ' ', true, Url),
    ("url-query", ' ', true, UrlQuery),
    ("max-time", 'm', true, TimeLimit),
    ("upload-file", 'T', true, Upload),
    ("next", ':', false, Next),
    ("location", 'L', false, Anyway),
    ("location-trusted", ' ', false, Anyway),
    ("compressed", ' ', false, Anyway),
    ("basic", ' ', false, Anyway),
    ("http1.1", ' ', false, Anyway),
    ("globoff", 'g', false, Anyway),
    ("silent", 's', false, OfNoUse),
    ("show-error", 'S', false, OfNoUse),
    ("verbose", 'v', false, OfNoUse),
    ("include", 'i', false, OfNoUse),
    ("show-headers", ' ', false, OfNoUse),
    ("fail", 'f', false, OfNoUse),
    ("fail-with-body", ' ', false, OfNoUse),
    ("progress-bar", '#', false, OfNoUse),
    ("no-progress-meter", ' ', false, OfNoUse),
    ("no-buffer", 'N', false, OfNoUse),
    ("remote-name", 'O', false, OfNoUse),
    ("remote-header-name", 'J', false, OfNoUse),
    ("create-dirs", ' ', false, OfNoUse),
    ("disable", 'q', false, OfNoUse),
    ("parallel", 'Z', false, OfNoUse),
    ("output", 'o', true, OfNoUse),
    ("output-dir", ' ', true, OfNoUse),
    ("write-out", 'w', true, OfNoUse),
    ("dump-header", 'D', true, OfNoUse),
    ("cookie-jar", 'c', true, OfNoUse),
    ("trace", ' ', true, OfNoUse),
    ("trace-ascii", ' ', true, OfNoUse),
    ("stderr", ' ', true, OfNoUse),
    ("retry", ' ', true, OfNoUse),
    ("retry-delay", ' ', true, OfNoUse),
    ("retry-max-time", ' ', true, OfNoUse),
    ("speed-limit", 'Y', true, OfNoUse),
    ("speed-time", 'y', true, OfNoUse),
    ("limit-rate", ' ', true, OfNoUse),
    ("rate", ' ', true, OfNoUse),
    ("parallel-max", ' ', true, OfNoUse),
    ("max-filesize", ' ', true, OfNoUse),
    ("etag-save", ' ', true, OfNoUse),
    ("libcurl", ' ', true, OfNoUse),
    ("insecure", 'k', false, Connection),
    ("http1.0", '0', false, Connection),
    ("http2", ' ', false, Connection),
    ("http2-prior-knowledge", ' ', false, Connection),
    ("http3", ' ', false, Connection),
    ("ipv4", '4', false, Connection),
    ("ipv6", '6', false, Connection),
    ("tlsv1", '1', false, Connection),
    ("tlsv1.2", ' ', false, Connection),
    ("tlsv1.3", ' ', false, Connection),
    ("netrc", 'n', false, Connection),
    ("digest", ' ', false, Connection),
    ("ntlm", ' ', false, Connection),
    ("negotiate", ' ', false, Connection),
    ("anyauth", ' ', false, Connection),
    ("path-as-is", ' ', false, Connection),
    ("connect-timeout", ' ', true, Connection),
    ("max-redirs", ' ', true, Connection),
    ("proxy", 'x', true, Connection),
    ("proxy-user", 'U', true, Connection),
    ("proxy-header", ' ', true, Connection),
    ("noproxy", ' ', true, Connection),
    ("preproxy", ' ', true, Connection),
    ("socks4", ' ', true, Connection),
    ("socks5", ' ', true, Connection),
    ("socks5-hostname", ' ', true, Connection),
    ("cert", 'E', true, Connection),
    ("cert-type", ' ', true, Connection),
    ("key", ' ', true, Connection),
    ("key-type", ' ', true, Connection),
    ("pass", ' ', true, Connection),
    ("cacert", ' ', true, Connection),
    ("capath", ' ', true, Connection),
    ("ciphers", ' ', true, Connection),
    ("tls13-ciphers", ' ', true, Connection),
    ("tls-max", ' ', true, Connection),
    ("curves", ' ', true, Connection),
    ("pinnedpubkey", ' ', true, Connection),
    ("interface", ' ', true, Connection),
    ("local-port", ' ', true, Connection),
    ("resolve", ' ', true, Connection),
    ("connect-to", ' ', true, Connection),
    ("dns-servers", ' ', true, Connection),
    ("doh-url", ' ', true, Connection),
    ("unix-socket", ' ', true, Connection),
    ("abstract-unix-socket", ' ', true, Connection),
    ("keepalive-time", ' ', true, Connection),
    ("expect100-timeout", ' ', true, Connection),
    ("happy-eyeballs-timeout-ms", ' ', true, Connection),
    ("aws-sigv4", ' ', true, Connection),
    ("netrc-file", ' ', true, Connection),
    ("request-target", ' ', true, Connection),
    ("time-cond", 'z', true, Connection),
    ("continue-at", 'C', true, Connection),
    ("etag-compare", ' ', true, Connection),
    ("config", 'K', true, Connection),
    ("variable", ' ', true, Connection),
    ("proto", ' ', true, Connection),
    ("proto-default", ' ', true, Connection),
    ("proto-redir", ' ', true, Connection),
    ("alt-svc", ' ', true, Connection),
    ("hsts", ' ', true, Connection),
];

fn flag(&(long, letter, takes_value, meaning): &(&'static str, char, bool, Meaning)) -> Flag {
    Flag {
        long,
        letter: (letter != ' ').then_some(letter),
        takes_value,
        meaning,
    }
}

/// The flag of a long name.
pub(super) fn by_name(name: &str) -> Option<Flag> {
    KNOWN.iter().find(|(long, ..)| *long == name).map(flag)
}

/// The flag of a letter.
pub(super) fn by_letter(letter: char) -> Option<Flag> {
    KNOWN
        .iter()
        .map(flag)
        .find(|flag| flag.letter == Some(letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_name_and_no_letter_means_two_things() {
        let (mut names, mut letters) = (HashSet::new(), HashSet::new());
        for (long, letter, ..) in KNOWN {
            assert!(names.insert(long), "--{long}");
            assert!(*letter == ' ' || letters.insert(letter), "-{letter}");
        }
    }
}
