//! Keeps values that came from the environment, and secrets in a URL, out of files and off the screen.
//! Neighbours: scenario documents name their secrets, `commands/run.rs` masks what it writes and says.
//! Invariants: a secret is found as it is written, percent-encoded, JSON-escaped and inside base64; upper and lower case are the
//! same here (but in base64), for hosts are written small whatever the environment says.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// What stands in a secret's place.
const MASKED: &str = "***";

/// A query parameter whose name holds one of these is taken for a secret.
const SECRET_WORDS: [&str; 6] = ["token", "key", "secret", "passw", "pwd", "auth"];

/// Secrets of fewer characters are masked as they are written alone: `a` in base64 is found everywhere.
const SHORTEST_ENCODED: usize = 4;

/// The secrets of a run.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    secrets: Vec<Secret>,
}

/// A secret, and what it looks like in base64.
#[derive(Clone, Debug)]
struct Secret {
    written: String,
    in_base64: Vec<String>,
}

impl Mask {
    /// Takes the secrets; empty ones hide nothing and are left out.
    pub fn new(secrets: &[String]) -> Mask {
        let secrets = secrets.iter().filter(|secret| !secret.is_empty());
        Mask {
            secrets: secrets.map(|secret| Secret::new(secret)).collect(),
        }
    }

    /// The text with every secret masked.
    pub fn apply(&self, text: &str) -> String {
        self.apply_to_beginning(text, text.len()).0
    }

    /// The beginning of the text with every secret masked, and how many bytes of the text that is: `bytes`, or more where
    /// a secret or a character lies across them.
    pub fn apply_to_beginning(&self, text: &str, bytes: usize) -> (String, usize) {
        // One pass from left to right: a mask already written is never looked at again.
        let mut masked = String::with_capacity(bytes.min(text.len()));
        let mut at = 0;
        while at < bytes {
            let rest = &text[at..];
            let Some(next) = rest.chars().next() else {
                break;
            };
            // The longest, so that a secret which contains another is masked whole.
            let hidden = self.secrets.iter().filter_map(|secret| secret.begins(rest));
            at += match hidden.max() {
                Some(hidden) => {
                    masked.push_str(MASKED);
                    hidden
                }
                None => {
                    masked.push(next);
                    next.len_utf8()
                }
            };
        }
        (masked, at)
    }
}

impl Secret {
    fn new(written: &str) -> Secret {
        let mut in_base64 = Vec::new();
        if is_long_enough(written) {
            for before in 0..3 {
                let mut bytes = vec![0; before];
                bytes.extend_from_slice(written.as_bytes());
                // Six bits a character: those that share bits with what stands around the secret are not its own.
                let own = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
                for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                    in_base64.push(engine.encode(&bytes)[own.clone()].to_owned());
                }
            }
            in_base64.dedup();
        }
        Secret {
            written: written.to_owned(),
            in_base64,
        }
    }

    /// How many bytes of the text's beginning are this secret, in whatever form.
    fn begins(&self, text: &str) -> Option<usize> {
        let as_written = text
            .get(..self.written.len())
            .filter(|begin| begin.eq_ignore_ascii_case(&self.written))
            .map(str::len);
        let encoded = is_long_enough(&self.written)
            .then(|| begins_encoded(text, &self.written, u8::eq_ignore_ascii_case))
            .flatten();
        let in_base64 = self
            .in_base64
            .iter()
            .filter_map(|form| begins_encoded(text, form, u8::eq));
        in_base64.chain(as_written).chain(encoded).max()
    }
}

fn is_long_enough(secret: &str) -> bool {
    secret.chars().nth(SHORTEST_ENCODED - 1).is_some()
}

/// How many bytes of the text's beginning are the secret, each of its characters as it is, percent-encoded or escaped as in JSON:
/// encoders differ in which ones they leave alone.
fn begins_encoded(text: &str, secret: &str, same: fn(&u8, &u8) -> bool) -> Option<usize> {
    let mut rest = text.as_bytes();
    for char in secret.chars() {
        let taken = begins_percent(rest, char)
            .or_else(|| begins_escaped(rest, char))
            .or_else(|| begins_plain(rest, char, same))?;
        rest = &rest[taken..];
    }
    Some(text.len() - rest.len())
}

fn begins_percent(text: &[u8], char: char) -> Option<usize> {
    let mut buffer = [0; 4];
    let bytes = char.encode_utf8(&mut buffer).as_bytes();
    let is_encoded = |(index, byte): (usize, &u8)| {
        let three = text.get(3 * index..3 * index + 3);
        three.is_some_and(|three| three[0] == b'%' && hex(&three[1..]) == Some(u32::from(*byte)))
    };
    match text.first() {
        // In a form, and in queries that are made like one.
        Some(b'+') if char == ' ' => Some(1),
        Some(b'%') if bytes.iter().enumerate().all(is_encoded) => Some(3 * bytes.len()),
        _ => None,
    }
}

fn begins_escaped(text: &[u8], char: char) -> Option<usize> {
    let short = match char {
        '"' | '\\' | '/' => char as u8,
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        _ => b'u',
    };
    match text {
        [b'\\', next, ..] if short != b'u' && *next == short => Some(2),
        [b'\\', b'u', ..] => {
            let mut buffer = [0; 2];
            let units = char.encode_utf16(&mut buffer);
            let is_escaped = |(index, unit): (usize, &u16)| {
                let six = text.get(6 * index..6 * index + 6);
                six.is_some_and(|six| {
                    six.starts_with(b"\\u") && hex(&six[2..]) == Some(u32::from(*unit))
                })
            };
            let all = units.iter().enumerate().all(is_escaped);
            all.then_some(6 * units.len())
        }
        _ => None,
    }
}

fn begins_plain(text: &[u8], char: char, same: fn(&u8, &u8) -> bool) -> Option<usize> {
    let mut buffer = [0; 4];
    let bytes = char.encode_utf8(&mut buffer).as_bytes();
    let begin = text.get(..bytes.len())?;
    let all = begin.iter().zip(bytes).all(|(a, b)| same(a, b));
    all.then_some(bytes.len())
}

/// A number of hexadecimal digits and nothing else.
fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        Some(number * 16 + char::from(*digit).to_digit(16)?)
    })
}

/// A URL with the values of query parameters masked that are named like secrets, such as `?token=…`.
pub fn mask_query(url: &str) -> String {
    let Some((before, query)) = url.split_once('?') else {
        return url.to_owned();
    };
    let masked: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if is_secret_name(name) => format!("{name}={MASKED}"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{before}?{}", masked.join("&"))
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert, proptest};

    fn mask(secrets: &[&str]) -> Mask {
        Mask::new(
            &secrets
                .iter()
                .map(|secret| (*secret).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_secret_within_a_longer_one_does_not_uncover_the_rest() {
        let mask = mask(&["key", "", "monkey-7"]);
        assert_eq!(mask.apply("a monkey-7 and a key"), "a *** and a ***");
    }

    #[test]
    fn a_host_that_was_written_small_is_masked_like_the_value_it_came_from() {
        let mask = mask(&["SECRETbb2"]);
        assert_eq!(
            mask.apply("http://secretbb2.invalid/é"),
            "http://***.invalid/é"
        );
    }

    #[test]
    fn a_secret_is_masked_in_every_form_that_requests_give_it() {
        let secret = "p@ss w\"rd/é+1%\n";
        let mask = mask(&[secret]);
        let unreserved = "p%40ss%20w%22rd%2F%C3%A9%2B1%25%0A";
        for shown in [
            secret.to_owned(),
            unreserved.to_owned(),
            unreserved.to_lowercase(),
            unreserved.replace("%20", "+"),
            unreserved.replace("%40", "@").replace("%2F", "/"),
            serde_json::Value::from(secret)
                .to_string()
                .replace("\"p", "p")
                .replace("\\n\"", "\\n"),
            "p\\u0040ss w\\\"rd\\/\\u00E9+1%\\n".to_owned(),
        ] {
            let said = mask.apply(&format!("a={shown}&b=2"));
            assert_eq!(said, "a=***&b=2", "{shown}");
        }
        assert_eq!(mask.apply("p%40ss%2"), "p%40ss%2", "half of it is not it");
    }

    #[test]
    fn a_secret_inside_base64_is_masked_wherever_it_begins() {
        let secret = "hunter2??>>~~";
        let mask = mask(&[secret]);
        for before in ["", "a", "ab", "abc", "user:"] {
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                let encoded = engine.encode(format!("{before}{secret}!"));
                let said = mask.apply(&encoded);
                // Around it at most three characters share bits with what is no secret.
                let own = said.len() - MASKED.len();
                assert!(said.contains(MASKED), "{encoded}: {said}");
                assert!(own <= (before.len() + 1) * 8 / 6 + 3, "{encoded}: {said}");
            }
        }
        // In a query the signs of base64 are encoded once more.
        let encoded = STANDARD_NO_PAD.encode(secret);
        let in_query = encoded.replace('/', "%2F").replace('+', "%2B");
        assert_ne!(in_query, encoded);
        assert!(mask.apply(&in_query).starts_with(MASKED));
    }

    #[test]
    fn a_short_secret_is_masked_as_it_is_written_alone() {
        assert_eq!(mask(&["a b"]).apply("a b, a+b, a%20b"), "***, a+b, a%20b");
    }

    #[test]
    fn a_secret_across_the_end_of_a_beginning_is_masked_whole() {
        let mask = mask(&["hunter2"]);
        let text = "it is hunter2 and é";
        assert_eq!(mask.apply_to_beginning(text, 8), ("it is ***".into(), 13));
        assert_eq!(mask.apply_to_beginning(text, 6), ("it is ".into(), 6));
        let whole = mask.apply_to_beginning(text, text.len() - 1);
        assert_eq!(whole, ("it is *** and é".into(), text.len()));
    }

    proptest! {
        #[test]
        fn no_form_of_a_secret_is_left_in_any_text(secret in "\\PC{4,12}", before in "[a-z]{0,3}", after in ".{0,5}") {
            let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let json = serde_json::Value::from(secret.as_str()).to_string();
            let json = &json[1..json.len() - 1];
            let mask = mask(&[&secret]);
            for form in [secret.as_str(), &percent, json] {
                let said = mask.apply(&format!("{before}{form}{after}"));
                prop_assert!(said.contains(MASKED), "{form}: {said}");
            }
        }
    }

    #[test]
    fn query_parameters_named_like_secrets_lose_their_values_alone() {
        for (url, shown) in [
            (
                "http://a.test/?q=1&token=t0p&n=2",
                "http://a.test/?q=1&token=***&n=2",
            ),
            (
                "http://a.test/?API_KEY=a=b&x",
                "http://a.test/?API_KEY=***&x",
            ),
            ("a.toml", "a.toml"),
            ("http://a.test/token=1", "http://a.test/token=1"),
        ] {
            assert_eq!(mask_query(url), shown);
        }
    }

    #[test]
    fn a_secret_of_one_star_does_not_mask_masks() {
        assert_eq!(mask(&["*", "über"]).apply("über * all"), "*** *** all");
    }
}
