//! Keeps values that came from the environment, and secrets in a URL, out of files and off the screen.
//! Neighbours: scenario documents name their secrets, `commands/run.rs` masks what it writes and says.
//! Invariant: upper and lower case are the same here, for hosts are written small whatever the environment says.

/// What stands in a secret's place.
const MASKED: &str = "***";

/// A query parameter whose name holds one of these is taken for a secret.
const SECRET_WORDS: [&str; 6] = ["token", "key", "secret", "passw", "pwd", "auth"];

/// The secrets of a run.
#[derive(Clone, Debug, Default)]
pub struct Mask {
    /// Longest first, so that a secret which contains another is masked whole.
    secrets: Vec<String>,
}

impl Mask {
    /// Takes the secrets; empty ones hide nothing and are left out.
    pub fn new(secrets: &[String]) -> Mask {
        let mut secrets: Vec<String> = secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .cloned()
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Mask { secrets }
    }

    /// The text with every secret masked.
    pub fn apply(&self, text: &str) -> String {
        // One pass from left to right: a mask already written is never looked at again.
        let mut masked = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let hidden = self.secrets.iter().find(|secret| begins_with(rest, secret));
            let taken = match hidden {
                Some(secret) => {
                    masked.push_str(MASKED);
                    secret.len()
                }
                None => {
                    masked.push(next);
                    next.len_utf8()
                }
            };
            rest = &rest[taken..];
        }
        masked
    }
}

fn begins_with(text: &str, secret: &str) -> bool {
    let begin = text.get(..secret.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(secret))
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
