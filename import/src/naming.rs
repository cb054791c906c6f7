//! Names: of scenarios, of requests by the pattern of their path, of environment variables. Neighbours: the readers and
//! `settle.rs`. Invariant: each name made here is one that a scenario file takes.

use loadforge_scenarios::Method;

/// The most characters of a name in tables and charts.
const LONGEST: usize = 100;

/// A name that can be a folder, as scenarios need one.
pub(crate) fn folder_name(text: &str) -> String {
    let keep = |c: char| {
        if c.is_ascii_alphanumeric() || "_.".contains(c) {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let mut name = String::new();
    for c in text.chars().map(keep) {
        if c != '-' || !name.ends_with('-') {
            name.push(c);
        }
        if name.len() == LONGEST {
            break;
        }
    }
    match name.trim_matches(['-', '_', '.']) {
        "" => "imported".into(),
        name => name.into(),
    }
}

/// A line of text that a task or a request can be named: `{{x}}` and `${x}` become `{x}`. `None` where nothing is left.
pub(crate) fn line_name(text: &str) -> Option<String> {
    let mut name = String::new();
    for c in text.chars() {
        let c = match c {
            c if c.is_control() || c.is_whitespace() => ' ',
            c => c,
        };
        while c == '{' && name.ends_with('$') {
            name.pop();
        }
        let repeats = matches!(c, ' ' | '{' | '}') && name.ends_with(c);
        if !repeats {
            name.push(c);
        }
    }
    let name = name.trim();
    let end = name.char_indices().nth(LONGEST).map(|(end, _)| end);
    let name = end.map_or(name.to_owned(), |end| {
        format!("{}…", name[..end].trim_end())
    });
    (!name.is_empty()).then_some(name)
}

/// The name of a request by its path: `GET /users/{id}/orders`.
pub(crate) fn request_name(method: Method, path: &str) -> String {
    let pattern = path_pattern(path);
    line_name(&format!("{} {pattern}", method.as_str())).expect("a method stands in front")
}

/// The path with every part that names one of many as `{id}`.
pub(crate) fn path_pattern(path: &str) -> String {
    let part = |part: &str| {
        if is_id(part) {
            "{id}".to_owned()
        } else {
            part.to_owned()
        }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Whether a part of a path names one of many: a number, a date, a UUID, long hexadecimal, a long mix as of base64.
fn is_id(part: &str) -> bool {
    let count = |is: fn(&u8) -> bool| part.bytes().filter(is).count();
    let digits = count(u8::is_ascii_digit);
    if digits == 0 {
        // `%7Bid%7D` and ids of letters alone cannot be told from words.
        return part.contains('@') && part.contains('.');
    }
    let only = |also: &[u8]| {
        part.bytes()
            .all(|byte| byte.is_ascii_digit() || also.contains(&byte))
    };
    let is_hex = part
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let is_mixed = part
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_=.~+".contains(&byte));
    let has_upper = count(u8::is_ascii_uppercase) > 0;
    let has_lower = count(u8::is_ascii_lowercase) > 0;
    only(b"-.,:") && !part.starts_with('.')
        || is_hex && part.len() >= 8 && digits >= 2
        || is_mixed && part.len() >= 16 && (has_upper && has_lower || digits * 5 >= part.len()) && digits >= 2
        // ULIDs and the like: capitals and digits.
        || is_mixed && part.len() >= 20 && has_upper && digits >= 2
        || part.contains('@') && part.contains('.')
}

/// Names that shells and programs use themselves: taken for a secret they would hold something else.
const TAKEN: &[&str] = &[
    "PATH", "HOME", "USER", "SHELL", "PWD", "LANG", "TERM", "HOST", "HOSTNAME", "LOGNAME",
    "EDITOR", "DISPLAY", "UID", "EUID", "PPID", "IFS", "PS1", "TMPDIR", "MAIL", "RANDOM",
    "SECONDS", "LINES", "COLUMNS", "CI",
];

/// The name of an environment variable for what a header, a field or a variable of this name holds.
pub(crate) fn variable_name(text: &str) -> String {
    let mut name = String::new();
    let mut last_is_small = false;
    for c in text.chars().take(LONGEST) {
        if c.is_ascii_uppercase() && last_is_small {
            name.push('_');
        }
        last_is_small = c.is_ascii_lowercase() || c.is_ascii_digit();
        match c.is_ascii_alphanumeric() {
            true => name.push(c.to_ascii_uppercase()),
            false if name.ends_with('_') || name.is_empty() => {}
            false => name.push('_'),
        }
    }
    let name = name.trim_matches('_');
    let name = name.strip_prefix("X_").unwrap_or(name);
    match name {
        "" => "VALUE".into(),
        name if name.starts_with(|c: char| c.is_ascii_digit()) => format!("VALUE_{name}"),
        name if TAKEN.contains(&name) => format!("{name}_VALUE"),
        name => name.into(),
    }
}

/// The name of a scenario's own variable.
pub(crate) fn template_name(text: &str) -> String {
    variable_name(text).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_name_one_of_many_are_told_from_words() {
        for (path, pattern) in [
            ("/users/17/orders/8f3a9c21d0", "/users/{id}/orders/{id}"),
            ("/a/3fa85f64-5717-4562-b3fc-2c963f66afa6.json", "/a/{id}"),
            ("/o/507f1f77bcf86cd799439011", "/o/{id}"),
            ("/v1/users/me", "/v1/users/me"),
            ("/api/v2.1/oauth2/token", "/api/v2.1/oauth2/token"),
            ("/d/2026-11-21", "/d/{id}"),
            ("/f/dQw4w9WgXcQ7aB3xYz12", "/f/{id}"),
            ("/01ARZ3NDEKTSV4RRFFQ69G5FAV/x", "/{id}/x"),
            (
                "/product-list/red-shoes-for-winter",
                "/product-list/red-shoes-for-winter",
            ),
            ("/u/ann@shop.test", "/u/{id}"),
            ("/", "/"),
        ] {
            assert_eq!(path_pattern(path), pattern, "{path}");
        }
    }

    #[test]
    fn a_name_is_a_line_without_templates() {
        assert_eq!(
            line_name(" Get\n{{user}} ${ID} ").as_deref(),
            Some("Get {user} {ID}")
        );
        assert_eq!(line_name("{$${a").as_deref(), Some("{a"));
        assert_eq!(line_name("\n\t "), None);
        assert_eq!(
            line_name(&"a".repeat(500)).unwrap().chars().count(),
            LONGEST + 1
        );
    }

    #[test]
    fn names_of_variables_are_good_and_not_taken() {
        for (text, name) in [
            ("x-api-key", "API_KEY"),
            ("accessToken", "ACCESS_TOKEN"),
            ("path", "PATH_VALUE"),
            ("2fa", "VALUE_2FA"),
            ("é", "VALUE"),
            ("a..b", "A_B"),
        ] {
            assert_eq!(variable_name(text), name, "{text}");
        }
    }

    #[test]
    fn a_folder_name_is_made_of_any_text() {
        assert_eq!(folder_name("Shop API (v2)"), "shop-api-v2");
        assert_eq!(folder_name("///"), "imported");
    }
}
