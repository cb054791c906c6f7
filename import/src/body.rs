//! What a request carries, out of its text and its content type. Neighbours: all readers. Invariant: a body becomes JSON or
//! a form only where the same bytes, but for blanks and encoding, come out of it again.

use crate::{address::read_form, document, model::Body, value::Value, words::Text};

/// The longest body that is written into a scenario file.
pub(crate) const MOST_BYTES: usize = 256 << 10;

/// What is said of one that is longer.
pub(crate) const TOO_LONG: &str =
    "the body is longer than 256 KiB: save it to a file and name it here with body_file";

/// A body of this text; its content type says how it is read.
pub(crate) fn from_text(text: &Text, content_type: Option<&str>) -> Body {
    if text.is_empty() {
        return Body::Empty;
    }
    let media_type = content_type.map(media_type).unwrap_or_default();
    if let Some(literal) = text.as_literal() {
        if literal.len() > MOST_BYTES {
            return Body::LeftOut(TOO_LONG.into());
        }
        let looks_json = literal.trim_start().starts_with(['{', '[']);
        if (is_json(&media_type) || media_type.is_empty() && looks_json)
            && let Ok(value) = document::json(literal)
        {
            return Body::Json(value);
        }
    }
    if media_type == "application/x-www-form-urlencoded"
        && let Some(pairs) = read_form(text)
    {
        return Body::Form(pairs);
    }
    Body::Text(text.clone())
}

/// A content type without its parameters, in small letters.
pub(crate) fn media_type(content_type: &str) -> String {
    let bare = content_type.split(';').next().unwrap_or_default();
    bare.trim().to_ascii_lowercase()
}

/// Whether a media type means JSON.
pub(crate) fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

/// The name of the GraphQL operation in a body, which tells requests of one path apart.
pub(crate) fn operation_name(body: &Body) -> Option<&str> {
    let Body::Json(value) = body else { return None };
    value.get("query")?;
    value.get("operationName").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_by_its_content_type() {
        let read = |text: &str, content_type| from_text(&Text::literal(text), content_type);
        assert!(matches!(
            read("{\"a\":1}", Some("application/json; charset=utf-8")),
            Body::Json(_)
        ));
        assert!(matches!(read("{\"a\":1}", None), Body::Json(_)));
        assert!(matches!(
            read("{\"a\":1", Some("application/json")),
            Body::Text(_)
        ));
        assert!(matches!(
            read("a=1&b=2", Some("application/x-www-form-urlencoded")),
            Body::Form(_)
        ));
        assert!(matches!(
            read("a", Some("application/x-www-form-urlencoded")),
            Body::Text(_)
        ));
        assert!(matches!(
            read("<a/>", Some("application/xml")),
            Body::Text(_)
        ));
        assert!(matches!(
            read(&"x".repeat(MOST_BYTES + 1), None),
            Body::LeftOut(_)
        ));
        assert_eq!(read("", None), Body::Empty);
    }
}
