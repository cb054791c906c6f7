//! Passwords, tokens and keys on their way out of the file and into the environment. Neighbours: readers ask for
//! variables, `settle.rs` hides what it finds in requests. Invariant: the value of a secret stands nowhere in the
//! result; the same value has the same variable.

use crate::{
    naming::variable_name,
    value::json_escaped,
    words::{Piece, Text},
};
use std::collections::{HashMap, HashSet};
use url::form_urlencoded;

/// An environment variable that a scenario needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentVariable {
    /// Its name.
    pub name: String,
    /// What it holds, in a few words.
    pub meaning: String,
    /// A value of the right shape, so that the scenario can be checked before the variable is set.
    pub stand_in: String,
}

/// The most variables of one name and its numbers: whoever has more, such as a new token in each request, needs a
/// capture and not an environment.
const MOST_OF_A_NAME: usize = 9;

/// Secrets shorter than this are replaced only where they are known to be secrets, not wherever they occur.
const SHORTEST_SWEPT: usize = 6;

/// Secrets of this length or more are looked for everywhere even if they look like a word or a number.
const SURELY_SWEPT: usize = 12;

/// The most secrets that are looked for everywhere.
const MOST_SWEPT: usize = 1_000;

/// The variables found so far.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    variables: Vec<EnvironmentVariable>,
    names: HashSet<String>,
    /// The variable of each value.
    by_value: HashMap<String, String>,
    /// How many variables begin with each name.
    counts: HashMap<String, usize>,
}

impl Secrets {
    /// The variable for a secret found under `field`.
    pub(crate) fn hide(&mut self, field: &str, value: &str, meaning: &str) -> Text {
        Text::variable(self.variable_of(field, value, meaning))
    }

    fn variable_of(&mut self, field: &str, value: &str, meaning: &str) -> String {
        if let Some(name) = self.by_value.get(value) {
            return name.clone();
        }
        let stem = variable_name(field);
        let count = self.counts.entry(stem.clone()).or_default();
        *count += 1;
        let name = match *count {
            1 => stem,
            count if count <= MOST_OF_A_NAME => format!("{stem}_{count}"),
            _ => stem,
        };
        self.by_value.insert(value.to_owned(), name.clone());
        self.need(&name, meaning, "x");
        name
    }

    /// A variable that the input names and does not give.
    pub(crate) fn need(&mut self, name: &str, meaning: &str, stand_in: &str) {
        if self.names.insert(name.to_owned()) {
            self.variables.push(EnvironmentVariable {
                name: name.to_owned(),
                meaning: crate::notes::printable(meaning),
                stand_in: stand_in.to_owned(),
            });
            self.counts.entry(name.to_owned()).or_insert(1);
        }
    }

    /// States the shape of a variable that was asked for before its use was known.
    pub(crate) fn set_stand_in(&mut self, name: &str, stand_in: &str) {
        for variable in &mut self.variables {
            if variable.name == name && variable.stand_in == "x" {
                variable.stand_in = stand_in.to_owned();
            }
        }
    }

    /// The variables, without those that no text uses in the end.
    pub(crate) fn into_variables(
        mut self,
        is_used: impl Fn(&str) -> bool,
    ) -> Vec<EnvironmentVariable> {
        self.variables.retain(|variable| is_used(&variable.name));
        self.variables
    }

    /// What finds the secrets in any other text.
    pub(crate) fn sweeper(&self) -> Sweeper {
        let mut by_start: HashMap<[u8; SHORTEST_SWEPT], Vec<(String, String)>> = HashMap::new();
        let mut swept: Vec<_> = self
            .by_value
            .iter()
            .filter(|(value, _)| is_swept(value))
            .collect();
        swept.sort();
        for (value, name) in swept.into_iter().take(MOST_SWEPT) {
            let encoded: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            let mut forms = vec![
                value.clone(),
                json_escaped(value),
                encoded.replace('+', "%20"),
                encoded,
            ];
            forms.sort();
            forms.dedup();
            for form in forms {
                if let Some(start) = form.as_bytes().first_chunk() {
                    by_start
                        .entry(*start)
                        .or_default()
                        .push((form, name.clone()));
                }
            }
        }
        for forms in by_start.values_mut() {
            // The longest first: a secret may begin with another.
            forms.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then(a.cmp(b)));
        }
        Sweeper { by_start }
    }
}

/// Whether a secret is no word or number that stands for something else elsewhere: a password `browse` is no reason to
/// change the path `/browse`.
fn is_swept(value: &str) -> bool {
    let is_word =
        value.chars().all(char::is_alphabetic) || value.chars().all(|c| c.is_ascii_digit());
    value.len() >= SURELY_SWEPT || value.len() >= SHORTEST_SWEPT && !is_word
}

/// Finds secrets in texts, in time that the text bounds whatever the number of secrets.
pub(crate) struct Sweeper {
    by_start: HashMap<[u8; SHORTEST_SWEPT], Vec<(String, String)>>,
}

impl Sweeper {
    /// The text with secrets as variables.
    pub(crate) fn sweep(&self, text: &Text) -> Text {
        if self.by_start.is_empty() {
            return text.clone();
        }
        text.map_literals(&mut |literal| self.sweep_literal(literal))
    }

    /// The text with secrets as `…`, for what cannot hold a variable.
    pub(crate) fn blank(&self, text: &str) -> String {
        self.sweep_literal(text)
            .pieces()
            .iter()
            .map(|piece| match piece {
                Piece::Literal(text) => text.as_str(),
                _ => "…",
            })
            .collect()
    }

    fn sweep_literal(&self, literal: &str) -> Text {
        let mut swept = Text::default();
        let (mut done, mut at) = (0, 0);
        while let Some(start) = literal.as_bytes()[at..].first_chunk() {
            let found = self.by_start.get(start).and_then(|forms| {
                forms
                    .iter()
                    .find(|(form, _)| literal.as_bytes()[at..].starts_with(form.as_bytes()))
            });
            match found {
                Some((form, name)) => {
                    swept.push_str(&literal[done..at]);
                    swept.push(Piece::Variable(name.clone()));
                    at += form.len();
                    done = at;
                }
                None => at += 1,
            }
        }
        swept.push_str(&literal[done..]);
        swept
    }
}

/// Where a name stands: some names tell of a secret in one place and of nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Header,
    Query,
    Body,
    Cookie,
}

/// Words that tell of a secret wherever they stand in a name.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "pass",
    "pwd",
    "pw",
    "pin",
    "ssn",
    "sig",
    "session",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "apikey",
    "jwt",
    "credential",
    "credentials",
    "authorization",
    "otp",
    "cvv",
    "cvc",
    "csrf",
    "xsrf",
    "bearer",
    "signature",
    "sessionid",
    "sid",
    "jsessionid",
    "phpsessid",
    "accesskey",
    "privatekey",
    "cardnumber",
];

/// Endings of words that tell of a secret.
const SECRET_ENDINGS: &[&str] = &[
    "token",
    "password",
    "secret",
    "apikey",
    "sessionid",
    "sessid",
    "passwd",
];

/// Two words that tell of a secret together.
const SECRET_PAIRS: &[(&str, &str)] = &[
    ("api", "key"),
    ("access", "key"),
    ("private", "key"),
    ("auth", "key"),
    ("subscription", "key"),
    ("session", "id"),
    ("session", "key"),
    ("card", "number"),
];

/// Words beside which the others tell of no secret: `max_tokens`, `next_page_token`, `token_type`.
const HARMLESS_WORDS: &[&str] = &[
    "max",
    "page",
    "next",
    "count",
    "type",
    "expires",
    "expiry",
    "length",
    "limit",
    "url",
    "uri",
    "reset",
    "forgot",
    "continuation",
    "method",
];

/// Whether a name says that what it holds is a secret.
pub(crate) fn is_secret_name(name: &str, place: Place) -> bool {
    let words = words_of(name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if has(HARMLESS_WORDS) {
        return false;
    }
    let pair = words
        .windows(2)
        .any(|pair| SECRET_PAIRS.contains(&(pair[0].as_str(), pair[1].as_str())));
    let ending = words
        .iter()
        .any(|word| SECRET_ENDINGS.iter().any(|ending| word.ends_with(ending)));
    let by_place = match place {
        Place::Header => name.eq_ignore_ascii_case("x-auth") || name.eq_ignore_ascii_case("x-key"),
        Place::Query => {
            ["key", "auth", "sig", "code_verifier"].contains(&name.to_ascii_lowercase().as_str())
        }
        Place::Body => false,
        Place::Cookie => {
            let name = name.to_ascii_lowercase();
            [
                "sess", "auth", "sid", "remember", "login", "identity", "ticket",
            ]
            .iter()
            .any(|part| name.contains(part))
        }
    };
    has(SECRET_WORDS) || pair || ending || by_place
}

/// The words of `accessToken`, `access-token`, `ACCESS_TOKEN`, in small letters.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut last_is_small = false;
    for c in name.chars() {
        let starts = c.is_ascii_uppercase() && last_is_small;
        if starts || !c.is_alphanumeric() {
            words.push(String::new());
        }
        last_is_small = c.is_lowercase() || c.is_ascii_digit();
        if c.is_alphanumeric() {
            let word = words.last_mut().expect("one word is there from the start");
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a value looks like a JSON Web Token, whatever it is called.
pub(crate) fn is_web_token(value: &str) -> bool {
    value.starts_with("eyJ")
        && value.len() > 30
        && value.matches('.').count() == 2
        && !value.contains(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_others() {
        use Place::*;
        for (name, place) in [
            ("X-Api-Key", Header),
            ("x-csrf-token", Header),
            ("accessToken", Body),
            ("client_secret", Body),
            ("user[password]", Body),
            ("authtoken", Query),
            ("key", Query),
            ("PHPSESSID", Cookie),
            ("connect.sid", Cookie),
        ] {
            assert!(is_secret_name(name, place), "{name}");
        }
        for (name, place) in [
            ("max_tokens", Body),
            ("nextPageToken", Query),
            ("token_type", Body),
            ("key", Body),
            ("keyword", Query),
            ("monkey", Query),
            ("accept", Header),
            ("theme", Cookie),
            ("compass", Body),
        ] {
            assert!(!is_secret_name(name, place), "{name}");
        }
    }

    #[test]
    fn equal_values_share_a_variable_and_others_get_numbers() {
        let mut secrets = Secrets::default();
        let mut hide = |value: &str| secrets.hide("x-api-key", value, "a key").written();
        assert_eq!(hide("one"), "${API_KEY}");
        assert_eq!(hide("two"), "${API_KEY_2}");
        assert_eq!(hide("one"), "${API_KEY}");
        for value in 0..100 {
            hide(&value.to_string());
        }
        assert_eq!(secrets.into_variables(|_| true).len(), MOST_OF_A_NAME);
    }

    #[test]
    fn a_secret_is_found_in_each_of_its_forms() {
        let mut secrets = Secrets::default();
        secrets.hide("password", "p\"ss w&rd", "");
        secrets.hide("token", "p\"ss w", "");
        let sweep = |text: &str| secrets.sweeper().sweep(&Text::literal(text)).written();
        assert_eq!(sweep("é p\"ss w&rd."), "é ${PASSWORD}.");
        assert_eq!(
            sweep("p%22ss+w%26rd p%22ss%20w%26rd"),
            "${PASSWORD} ${PASSWORD}"
        );
        assert_eq!(sweep("{\"p\\\"ss w&rd\"}"), "{\"${PASSWORD}\"}");
        assert_eq!(sweep("p\"ss w!"), "${TOKEN}!");
        assert_eq!(secrets.sweeper().blank("x p\"ss w&rd y"), "x … y");
    }

    #[test]
    fn a_password_that_is_a_word_does_not_change_other_words() {
        let mut secrets = Secrets::default();
        for word in ["browse", "12345678", "a-b"] {
            secrets.hide("password", word, "");
        }
        let text = "browse 12345678 a-b";
        assert_eq!(secrets.sweeper().blank(text), text);
    }
}
