//! Finds secrets in requests and puts environment variables in their place. Neighbours: `secrets.rs` knows names and
//! values, `settle.rs` calls this once for a draft. Invariant: afterwards no text of a request, no name, no comment and
//! no note holds the value of a secret, but for those that look like a usual word or a small number.

use crate::{
    body,
    model::{Body, Draft, Part, Query, Request},
    secrets::{Place, Secrets, Sweeper, is_secret_name, is_web_token},
    value::Value,
    words::{Piece, Text},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Hides all secrets of a draft.
pub(crate) fn hide_secrets(draft: &mut Draft) {
    let secrets = &mut draft.secrets;
    for request in draft
        .groups
        .iter_mut()
        .flat_map(|group| &mut group.requests)
    {
        hide_in_request(request, secrets);
    }
    let sweeper = secrets.sweeper();
    for group in &mut draft.groups {
        group.name = group.name.as_ref().map(|name| sweeper.blank(name));
        for request in &mut group.requests {
            sweep_request(request, &sweeper);
        }
    }
    draft.description = draft.description.as_ref().map(|text| sweeper.blank(text));
    draft.name = sweeper.blank(&draft.name);
    for (_, value) in &mut draft.variables {
        *value = sweeper.sweep(value);
    }
}

/// The header `authorization` for a user name and a password.
pub(crate) fn basic(credentials: &Text, secrets: &mut Secrets) -> Text {
    let mut value = Text::literal("Basic ");
    let meaning = "user:password in base64";
    match credentials.as_literal() {
        Some(literal) => {
            let encoded = STANDARD.encode(literal);
            if let Some((_, password)) =
                literal.split_once(':').filter(|(_, rest)| !rest.is_empty())
            {
                // Unused in most inputs; then it is not listed.
                secrets.hide(
                    "password",
                    password,
                    "the password of the basic authorization",
                );
            }
            value.append(&secrets.hide("basic_auth", &encoded, meaning));
        }
        None => {
            secrets.need("BASIC_AUTH", meaning, "x");
            value.append(&Text::variable("BASIC_AUTH"));
        }
    }
    value
}

fn hide_in_request(request: &mut Request, secrets: &mut Secrets) {
    for (name, value) in &mut request.headers {
        if let Some(hidden) = hidden_header(name, value, secrets) {
            *value = hidden;
        }
    }
    let mut path = Text::default();
    for (index, part) in request.path.split('/').iter().enumerate() {
        path.push_str(if index > 0 { "/" } else { "" });
        match part.as_literal().filter(|part| is_web_token(part)) {
            Some(token) => path.append(&secrets.hide("token", token, "a token of a path")),
            None => path.append(part),
        }
    }
    request.path = path;
    match &mut request.query {
        Query::Pairs(pairs) => hide_pairs(pairs, Place::Query, secrets),
        Query::Raw(raw) => {
            for (name, value) in raw {
                let Some(value) = value else { continue };
                hide_text(&name.shown(), value, Place::Query, secrets);
            }
        }
    }
    match &mut request.body {
        Body::Json(value) => hide_value("", value, secrets),
        Body::Form(pairs) => hide_pairs(pairs, Place::Body, secrets),
        Body::Multipart(parts) => {
            for (name, part) in parts {
                if let Part::Text(value) = part {
                    hide_text(name, value, Place::Body, secrets);
                }
            }
        }
        Body::Text(text) => {
            // JSON under another content type, as `curl -d` sends it, is JSON to whoever reads it.
            if let Body::Json(mut value) = body::from_text(text, Some("application/json")) {
                let before = value.clone();
                hide_value("", &mut value, secrets);
                if value != before {
                    *text = value.json();
                }
            }
        }
        Body::Empty | Body::File(_) | Body::LeftOut(_) => {}
    }
}

fn hide_pairs(pairs: &mut [(String, Text)], place: Place, secrets: &mut Secrets) {
    for (name, value) in pairs {
        hide_text(name, value, place, secrets);
    }
}

/// Hides a text if its name or its look tells of a secret.
fn hide_text(name: &str, value: &mut Text, place: Place, secrets: &mut Secrets) {
    let Some(literal) = value.as_literal().filter(|literal| !literal.is_empty()) else {
        return;
    };
    let what = match place {
        Place::Query => "query",
        Place::Cookie => "cookie",
        Place::Header => "header",
        Place::Body => "body",
    };
    if is_secret_name(name, place) || is_web_token(literal) {
        *value = secrets.hide(name, literal, &format!("`{name}` of a {what}"));
    }
}

/// Hides what JSON holds under the names of secrets.
fn hide_value(name: &str, value: &mut Value, secrets: &mut Secrets) {
    match value {
        Value::Text(text) => hide_text(name, text, Place::Body, secrets),
        Value::Integer(_) if is_secret_name(name, Place::Body) => {
            let mut text = value.scalar().expect("a number is a scalar");
            hide_text(name, &mut text, Place::Body, secrets);
            *value = Value::Text(text);
        }
        Value::List(items) => {
            for item in items {
                hide_value(name, item, secrets);
            }
        }
        Value::Table(entries) => {
            for (name, value) in entries {
                hide_value(name, value, secrets);
            }
        }
        _ => {}
    }
}

/// The value of a header without its secrets, if it has any.
fn hidden_header(name: &str, value: &Text, secrets: &mut Secrets) -> Option<Text> {
    let lower = name.to_ascii_lowercase();
    if lower == "cookie" {
        return Some(hidden_cookies(value, secrets));
    }
    let literal = value
        .as_literal()
        .filter(|literal| !literal.trim().is_empty())?;
    let meaning = format!("the header {lower}");
    if !is_secret_name(name, Place::Header)
        && !is_web_token(literal)
        && !literal.starts_with("Bearer ")
    {
        return None;
    }
    let (scheme, rest) = match literal.split_once(' ') {
        Some((scheme, rest)) if lower.contains("authorization") || scheme == "Bearer" => {
            (scheme, rest.trim())
        }
        _ => return Some(secrets.hide(&lower, literal, &meaning)),
    };
    if rest.is_empty() {
        return None;
    }
    let mut hidden = Text::literal(format!("{scheme} "));
    hidden.append(&match scheme.to_ascii_lowercase().as_str() {
        "basic" => {
            if let Some(password) = password_of(rest) {
                secrets.hide(
                    "password",
                    &password,
                    "the password of the basic authorization",
                );
            }
            secrets.hide("basic_auth", rest, "user:password in base64")
        }
        "bearer" | "token" => secrets.hide("token", rest, &format!("the token of {meaning}")),
        _ => secrets.hide(&lower, rest, &meaning),
    });
    Some(hidden)
}

fn password_of(encoded: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (_, password) = text.split_once(':')?;
    (!password.is_empty()).then(|| password.to_owned())
}

fn hidden_cookies(value: &Text, secrets: &mut Secrets) -> Text {
    let mut hidden = Text::default();
    for (index, cookie) in value.split(';').iter().enumerate() {
        hidden.push_str(if index > 0 { "; " } else { "" });
        let cookie = cookie.trim();
        match cookie.split_once(&['=']) {
            Some((name, mut value)) => {
                hide_text(&name.shown(), &mut value, Place::Cookie, secrets);
                hidden.append(&name);
                hidden.push(Piece::Literal("=".into()));
                hidden.append(&value);
            }
            None => hidden.append(&cookie),
        }
    }
    hidden
}

fn sweep_request(request: &mut Request, sweeper: &Sweeper) {
    let sweep_all = |pairs: &mut Vec<(String, Text)>| {
        for (name, value) in pairs {
            *value = sweeper.sweep(value);
            *name = sweeper.blank(name);
        }
    };
    // The base stays: who is asked is no secret. So does a path that would lose its first slash.
    let path = sweeper.sweep(&request.path);
    if matches!(path.pieces(), [Piece::Literal(first), ..] if first.starts_with('/')) {
        request.path = path;
    }
    match &mut request.query {
        Query::Pairs(pairs) => sweep_all(pairs),
        Query::Raw(raw) => {
            for (name, value) in raw {
                *name = sweeper.sweep(name);
                *value = value.as_ref().map(|value| sweeper.sweep(value));
            }
        }
    }
    sweep_all(&mut request.headers);
    match &mut request.body {
        Body::Text(text) => *text = sweeper.sweep(text),
        Body::Json(value) => sweep_value(value, sweeper),
        Body::Form(pairs) => sweep_all(pairs),
        Body::Multipart(parts) => {
            for (name, part) in parts {
                *name = sweeper.blank(name);
                match part {
                    Part::Text(text) => *text = sweeper.sweep(text),
                    Part::File(file) => {
                        file.path = sweeper.blank(&file.path);
                        file.name = file.name.as_ref().map(|name| sweeper.blank(name));
                    }
                }
            }
        }
        Body::File(path) => *path = sweeper.blank(path),
        Body::Empty | Body::LeftOut(_) => {}
    }
    request.name = sweeper.blank(&request.name);
    request.comment = request.comment.as_ref().map(|text| sweeper.blank(text));
}

fn sweep_value(value: &mut Value, sweeper: &Sweeper) {
    match value {
        Value::Text(text) => *text = sweeper.sweep(text),
        Value::List(items) => items.iter_mut().for_each(|item| sweep_value(item, sweeper)),
        Value::Table(entries) => {
            for (key, value) in entries {
                *key = sweeper.blank(key);
                sweep_value(value, sweeper);
            }
        }
        // A number that is a secret elsewhere, such as a PIN.
        Value::Integer(_) | Value::Float(_) => {
            let text = value.scalar().expect("a number is a scalar");
            let swept = sweeper.sweep(&text);
            if swept != text {
                *value = Value::Text(swept);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}
