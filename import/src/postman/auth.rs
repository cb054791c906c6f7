//! Authorization of a collection, a folder or a request, as headers. Neighbours: `mod.rs` inherits it. Invariant: a header
//! that the request gives itself wins.

use super::{is_dynamic, variables::Variables};
use crate::{
    ImportError,
    hide::basic,
    model::{Draft, Query, Request},
    node::Node,
    value::Value,
    words::Text,
};

/// How requests prove who they are: a kind and its settings.
pub(super) struct Auth {
    kind: String,
    settings: Vec<(String, String)>,
}

impl Auth {
    /// What a node says; `None` where it says nothing, and inherits.
    pub(super) fn read(node: &Node<'_>) -> Result<Option<Auth>, ImportError> {
        let Some(auth) = node.get("auth")? else {
            return Ok(None);
        };
        let Value::Table(_) = auth.value else {
            return Ok(None);
        };
        let kind = auth.string("type")?.unwrap_or_default();
        if kind == "inherit" {
            return Ok(None);
        }
        let mut settings = Vec::new();
        if let Some(list) = auth.get(&kind)? {
            match list.value {
                Value::Table(_) => {
                    for (name, value) in list.entries()? {
                        if let Some(text) = value.value.scalar() {
                            settings.push((name.to_owned(), text.shown()));
                        }
                    }
                }
                _ => {
                    for entry in list.items()? {
                        let name = entry.string("key")?.unwrap_or_default();
                        if let Some(text) =
                            entry.get("value")?.and_then(|value| value.value.scalar())
                        {
                            settings.push((name, text.shown()));
                        }
                    }
                }
            }
        }
        Ok(Some(Auth { kind, settings }))
    }

    fn setting(&self, name: &str) -> Option<&str> {
        let found = self.settings.iter().find(|(have, _)| have == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The value of a setting with its variables; what is not set comes from the environment.
    fn text(
        &self,
        name: &str,
        variable: &str,
        variables: &mut Variables,
        draft: &mut Draft,
    ) -> Text {
        match self.setting(name) {
            None => variables.unset(variable, draft),
            Some(value) => {
                let text = variables.put_in(value, draft);
                match text.as_literal() {
                    Some(literal) => draft.secrets.hide(
                        variable,
                        literal,
                        &format!("{name} of the collection's {} authorization", self.kind),
                    ),
                    None => text,
                }
            }
        }
    }

    /// Gives a request what it needs.
    pub(super) fn apply(
        &self,
        request: &mut Request,
        variables: &mut Variables,
        draft: &mut Draft,
    ) {
        match self.kind.as_str() {
            "noauth" | "" => {}
            "bearer" => {
                let token = self.text("token", "token", variables, draft);
                request.default_header("authorization", with_scheme("Bearer", &token));
            }
            "oauth2" if self.setting("addTokenTo") != Some("queryParams") => {
                let token = self.text("accessToken", "token", variables, draft);
                let scheme = self
                    .setting("headerPrefix")
                    .unwrap_or("Bearer")
                    .trim()
                    .to_owned();
                request.default_header("authorization", with_scheme(&scheme, &token));
            }
            "basic" => {
                let mut credentials =
                    variables.put_in(self.setting("username").unwrap_or_default(), draft);
                credentials.push_str(":");
                credentials
                    .append(&variables.put_in(self.setting("password").unwrap_or_default(), draft));
                let value = basic(&credentials, &mut draft.secrets);
                request.default_header("authorization", value);
            }
            "apikey" => {
                let name = variables.put_in(self.setting("key").unwrap_or("x-api-key"), draft);
                let name = match is_dynamic(&name) {
                    true => "x-api-key".to_owned(),
                    false => name.shown(),
                };
                let key = self.text("value", "api_key", variables, draft);
                if self.setting("in") == Some("query") {
                    add_to_query(&name, key, request);
                } else {
                    request.default_header(&name, key);
                }
            }
            other => draft.notes.about(
                "kinds of authorization that scenarios do not have were left out",
                other,
                "take a token by hand and give it as a header",
            ),
        }
    }
}

fn with_scheme(scheme: &str, token: &Text) -> Text {
    let mut value = Text::literal(format!("{scheme} "));
    value.append(token);
    value
}

/// Adds a name and a value to a query.
pub(crate) fn add_to_query(name: &str, value: Text, request: &mut Request) {
    match &mut request.query {
        Query::Pairs(pairs) => pairs.push((name.to_owned(), value)),
        Query::Raw(raw) => raw.push((Text::literal(name), Some(value))),
    }
}
