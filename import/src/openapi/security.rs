//! Security schemes as headers, queries and cookies. Neighbours: `mod.rs` calls it for each operation. Invariant: what proves
//! who one is comes from the environment.

use super::references::References;
use crate::{
    ImportError,
    model::{Draft, Query, Request},
    naming::variable_name,
    node::Node,
    value::Value,
    words::Text,
};

/// Gives a request what the operation's `security`, or else the document's, asks for.
pub(super) fn apply<'v>(
    root: &Node<'v>,
    references: &References<'v>,
    operation: &Node<'_>,
    request: &mut Request,
    draft: &mut Draft,
) -> Result<(), ImportError> {
    let asked = match operation.get("security")? {
        Some(security) => security.items()?,
        None => root.list("security")?,
    };
    // Each is enough by itself; the first that asks for something is taken.
    for requirement in asked {
        let names = requirement.entries()?;
        if names.is_empty() {
            continue;
        }
        for (name, _) in names {
            apply_scheme(root, references, name, request, draft)?;
        }
        return Ok(());
    }
    Ok(())
}

fn apply_scheme<'v>(
    root: &Node<'v>,
    references: &References<'v>,
    name: &str,
    request: &mut Request,
    draft: &mut Draft,
) -> Result<(), ImportError> {
    let scheme = match root.get("components")? {
        Some(components) => match components.get("securitySchemes")? {
            Some(schemes) => schemes.get(name)?,
            None => None,
        },
        None => None,
    };
    let scheme = match scheme {
        Some(scheme) => references.resolve(scheme, &mut draft.notes)?,
        None => None,
    };
    let Some(scheme) = scheme else {
        draft.notes.about(
            "security schemes that are not described were left out",
            name,
            "",
        );
        return Ok(());
    };
    let kind = scheme.string("type")?.unwrap_or_default();
    let way = scheme
        .string("scheme")?
        .unwrap_or_default()
        .to_ascii_lowercase();
    match (kind.as_str(), way.as_str()) {
        ("http", "basic") => {
            draft
                .secrets
                .need("BASIC_AUTH", "user:password in base64", "x");
            request.default_header("authorization", with_scheme("Basic", "BASIC_AUTH"));
        }
        ("http", "bearer") | ("oauth2" | "openIdConnect", _) => {
            draft.secrets.need(
                "TOKEN",
                &format!("a token for the security scheme {name}"),
                "x",
            );
            request.default_header("authorization", with_scheme("Bearer", "TOKEN"));
        }
        ("apiKey", _) => {
            let field = scheme.string("name")?.unwrap_or_else(|| "x-api-key".into());
            let variable = match field.eq_ignore_ascii_case("authorization") {
                true => "API_KEY".to_owned(),
                false => variable_name(&field),
            };
            draft.secrets.need(
                &variable,
                &format!("the key for the security scheme {name}"),
                "x",
            );
            let value = Text::variable(&variable);
            match scheme.string("in")?.unwrap_or_default().as_str() {
                "query" => match &mut request.query {
                    Query::Pairs(pairs) => pairs.push((field, value)),
                    Query::Raw(raw) => raw.push((Text::literal(field), Some(value))),
                },
                "cookie" => super::parameters::add_cookie(&field, &value, request),
                _ => request.default_header(&field, value),
            }
        }
        _ => {
            let what = match scheme.value.get("scheme").and_then(Value::as_str) {
                Some(way) => format!("{kind} {way}"),
                None => kind,
            };
            draft.notes.about(
                "security schemes that scenarios do not have were left out",
                &what,
                "give what they need as headers",
            );
        }
    }
    Ok(())
}

fn with_scheme(scheme: &str, variable: &str) -> Text {
    let mut value = Text::literal(format!("{scheme} "));
    value.append(&Text::variable(variable));
    value
}
