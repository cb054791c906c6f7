//! Postman collections of version 2.1. Neighbours: `variables.rs` puts variables in, `auth.rs` turns authorization into
//! headers. Source: the collection schema, <https://schema.postman.com/collection/json/v2.1.0/draft-07/docs/index.html>.
//! Invariant: what is disabled is left out, what is inherited is put in, scripts are never read.

mod auth;
mod bodies;
mod variables;

use crate::{
    ImportError,
    address::{Address, read_query, sendable},
    document,
    model::{Draft, Group, Query, Request, method},
    node::Node,
    value::Value,
    words::{Piece, Text},
};
use auth::Auth;
use std::collections::HashMap;
use url::form_urlencoded;
use variables::Variables;

const EXPORT: &str = "in Postman choose Export, Collection v2.1";

/// Reads a collection.
pub(crate) fn read(text: &str) -> Result<Draft, ImportError> {
    let tree = document::json(text)?;
    let mut root = Node::root(&tree);
    root.entries()?;
    // The API and some tools wrap it.
    if root.get("info")?.is_none()
        && let Some(inner) = root.get("collection")?
    {
        root = inner;
    }
    check_version(&root)?;
    let info = root.get("info")?;
    let name = info
        .as_ref()
        .map(|info| info.string("name"))
        .transpose()?
        .flatten();
    let mut reader = Reader {
        draft: Draft {
            name: name.unwrap_or_default(),
            ..Draft::default()
        },
        variables: Variables::of(&root)?,
    };
    reader.draft.description = info.as_ref().map(description).transpose()?.flatten();
    reader.note_scripts(&root)?;
    let auth = Auth::read(&root)?;
    let items = match root.get("item")? {
        None => return Err(root.error("the collection has no `item`", EXPORT).at(1, 1)),
        Some(items) => items.items()?,
    };
    reader.items(&items, "", auth.as_ref())?;
    reader.variables.finish(&mut reader.draft);
    Ok(reader.draft)
}

/// Tells other files of Postman apart, so that each gets its own remedy.
fn check_version(root: &Node<'_>) -> Result<(), ImportError> {
    let has = |key: &str| root.value.get(key).is_some();
    if has("_postman_variable_scope") || has("values") && !has("item") {
        return Err(root
            .error(
                "this is a Postman environment, not a collection",
                "export the collection, and export the environment's values as environment variables",
            )
            .at(1, 1));
    }
    let schema = match root.get("info")? {
        Some(info) => info.string("schema")?.unwrap_or_default(),
        None if has("requests") || has("order") => {
            return Err(root
                .error("this is a Postman collection of version 1", EXPORT)
                .at(1, 1));
        }
        None => {
            return Err(root
                .error("this is no Postman collection: it has no `info`", EXPORT)
                .at(1, 1));
        }
    };
    if schema.contains("v2.1") {
        return Ok(());
    }
    let message = match schema
        .split("/collection/")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
    {
        Some(version) => {
            format!(
                "this is a Postman collection of version {}, and 2.1 is what is read",
                version.trim_start_matches('v')
            )
        }
        None => {
            "this is no Postman collection of version 2.1: `info.schema` does not say so".into()
        }
    };
    let mut error = root.error(message, EXPORT).at(1, 1);
    error = error.key("info.schema");
    Err(error)
}

fn description(node: &Node<'_>) -> Result<Option<String>, ImportError> {
    let Some(description) = node.get("description")? else {
        return Ok(None);
    };
    let text = match description.value {
        Value::Table(_) => description.string("content")?,
        _ => Some(description.as_text()?.shown()),
    };
    let line = text.and_then(|text| {
        text.lines()
            .find(|line| !line.trim().is_empty())
            .map(str::to_owned)
    });
    Ok(line.map(|line| line.chars().take(200).collect()))
}

/// What is read so far.
struct Reader {
    draft: Draft,
    variables: Variables,
}

impl Reader {
    fn note_scripts(&mut self, node: &Node<'_>) -> Result<(), ImportError> {
        for event in node.list("event")? {
            let Some(script) = event.get("script")? else {
                continue;
            };
            let lines = match script.value {
                Value::Table(_) => script.get("exec")?.map(|exec| exec.value.clone()),
                _ => None,
            };
            let empty = match &lines {
                Some(Value::List(lines)) => lines
                    .iter()
                    .all(|line| line.as_str().is_some_and(|line| line.trim().is_empty())),
                Some(Value::Text(line)) => line.is_empty(),
                _ => true,
            };
            if !empty {
                let what = node
                    .string("name")?
                    .unwrap_or_else(|| "the collection".into());
                self.draft.notes.about(
                    "scripts were left out",
                    &what,
                    "checks and captures of a step do what most of them do",
                );
            }
        }
        Ok(())
    }

    /// Requests of a folder become a group, folders in it groups of their own.
    fn items(
        &mut self,
        items: &[Node<'_>],
        folder: &str,
        auth: Option<&Auth>,
    ) -> Result<(), ImportError> {
        let mut place = None;
        for item in items {
            let name = item.string("name")?.unwrap_or_default();
            if let Some(inner) = item.get("item")? {
                self.note_scripts(item)?;
                let own = Auth::read(item)?;
                let path = match folder {
                    "" => name,
                    folder => format!("{folder} / {name}"),
                };
                self.items(&inner.items()?, &path, own.as_ref().or(auth))?;
                continue;
            }
            let Some(node) = item.get("request")? else {
                self.draft
                    .notes
                    .about("items without a request were left out", &name, "");
                continue;
            };
            self.note_scripts(item)?;
            let Some(mut request) = self.request(&node, auth)? else {
                continue;
            };
            request.name = name;
            // Requests around a folder stay in one group, where the first of them stands.
            let place = *place.get_or_insert_with(|| {
                self.draft.groups.push(Group {
                    name: (!folder.is_empty()).then(|| folder.to_owned()),
                    ..Group::default()
                });
                self.draft.groups.len() - 1
            });
            self.draft.groups[place].requests.push(request);
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Text {
        self.variables.put_in(text, &mut self.draft)
    }

    fn request(
        &mut self,
        node: &Node<'_>,
        inherited: Option<&Auth>,
    ) -> Result<Option<Request>, ImportError> {
        if let Value::Text(_) = node.value {
            // A request can be nothing but its address.
            let url = node.as_text()?.shown();
            return self.addressed("GET", &url, node);
        }
        let verb = node.string("method")?.unwrap_or_else(|| "GET".into());
        let Some(url) = node.get("url")? else {
            self.draft
                .notes
                .about("requests without an address were left out", &node.key, "");
            return Ok(None);
        };
        let raw = match url.value {
            Value::Table(_) => whole_address(&url)?,
            _ => url.as_text()?.shown(),
        };
        let Some(mut request) = self.addressed(&verb, &raw, &url)? else {
            return Ok(None);
        };
        if let Value::Table(_) = url.value {
            self.path_variables(&url, &mut request)?;
            self.query(&url, &mut request)?;
        }
        for header in enabled(node, "header")? {
            let name = header.string("key")?.unwrap_or_default();
            let value = self.text(&header.string("value")?.unwrap_or_default());
            if !name.trim().is_empty() {
                request.headers.push((name.trim().to_owned(), value));
            }
        }
        let own = Auth::read(node)?;
        if let Some(auth) = own.as_ref().or(inherited) {
            auth.apply(&mut request, &mut self.variables, &mut self.draft);
        }
        if let Some(body) = node.get("body")?
            && !body.is_true("disabled")?
        {
            self.body(&body, &mut request)?;
        }
        request.comment = description(node)?;
        Ok(Some(request))
    }

    /// A request of an address, with the variables in it put in; `None` with a note where it cannot be sent.
    fn addressed(
        &mut self,
        verb: &str,
        raw: &str,
        node: &Node<'_>,
    ) -> Result<Option<Request>, ImportError> {
        let Some(method) = method(verb) else {
            self.draft.notes.about(
                "requests of other methods were left out",
                verb,
                "scenarios have get, post, put, patch, delete, head, options",
            );
            return Ok(None);
        };
        let text = self.variables.put_into_address(raw, &mut self.draft);
        match Address::read(&text) {
            Ok(address)
                if address
                    .base
                    .pieces()
                    .iter()
                    .any(|piece| matches!(piece, Piece::Template(_))) =>
            {
                self.draft
                    .notes
                    .about("requests to a host that is made up were left out", raw, "");
                Ok(None)
            }
            Ok(address) => {
                let mut request = Request::new(method, address.base, address.path);
                request.query = address.query;
                if let Some(credentials) = &address.credentials {
                    let value = crate::hide::basic(credentials, &mut self.draft.secrets);
                    request.headers.push(("authorization".into(), value));
                }
                Ok(Some(request))
            }
            Err(fault) => {
                let bare = raw.split('?').next().unwrap_or_default();
                let what = format!(
                    "{} ({fault})",
                    if bare.is_empty() { &node.key } else { bare }
                );
                self.draft
                    .notes
                    .about("requests without a good address were left out", &what, "");
                Ok(None)
            }
        }
    }

    /// `:id` in a path becomes its value.
    fn path_variables(&mut self, url: &Node<'_>, request: &mut Request) -> Result<(), ImportError> {
        let mut values = HashMap::new();
        for variable in url.list("variable")? {
            let name = variable
                .string("key")?
                .or(variable.string("id")?)
                .unwrap_or_default();
            let value = variable.string("value")?.unwrap_or_default();
            values.entry(name).or_insert(value);
        }
        let mut path = Text::default();
        for (index, part) in request.path.split('/').into_iter().enumerate() {
            path.push_str(if index > 0 { "/" } else { "" });
            let name = part
                .as_literal()
                .and_then(|part| part.strip_prefix(':'))
                .filter(|name| !name.is_empty());
            let Some(name) = name else {
                path.append(&part);
                continue;
            };
            let value = values.get(name).map(String::as_str);
            match value.filter(|value| !value.is_empty()) {
                Some(value) => {
                    let text = self.text(value);
                    path.append(
                        &text.map_literals(&mut |text| Text::literal(text.replace('/', "%2F"))),
                    );
                }
                None => path.append(&self.variables.unset(name, &mut self.draft)),
            }
        }
        request.path = sendable(&path);
        Ok(())
    }

    /// The list of the query wins over the address: it knows what is disabled.
    fn query(&mut self, url: &Node<'_>, request: &mut Request) -> Result<(), ImportError> {
        if url.list("query")?.is_empty() {
            return Ok(());
        }
        let mut raw = Text::default();
        for pair in enabled(url, "query")? {
            raw.push_str(if raw.is_empty() { "" } else { "&" });
            // Postman sends them as they are written; what would end them is encoded.
            let encode =
                |text: &Text| text.map_literals(&mut |text| Text::literal(encode_marks(text)));
            let name = self.text(&pair.string("key")?.unwrap_or_default());
            raw.append(&encode(&name));
            if let Some(value) = pair.string("value")? {
                raw.push_str("=");
                let value = self.text(&value);
                raw.append(&encode(&value));
            }
        }
        request.query = match raw.is_empty() {
            true => Query::default(),
            false => read_query(&raw),
        };
        Ok(())
    }
}

/// The entries of a list that are not disabled.
fn enabled<'v>(node: &Node<'v>, key: &str) -> Result<Vec<Node<'v>>, ImportError> {
    let mut entries = Vec::new();
    if let Some(list) = node.get(key)? {
        // Headers are a text in old exports: lines of `name: value`. They are rare, and said to be wrong.
        for entry in list.items()? {
            if *entry.value != Value::Null && !entry.is_true("disabled")? {
                entries.push(entry);
            }
        }
    }
    Ok(entries)
}

/// The address of `url`: as it was typed, or put together of its parts.
fn whole_address(url: &Node<'_>) -> Result<String, ImportError> {
    if let Some(raw) = url.string("raw")?.filter(|raw| !raw.trim().is_empty()) {
        return Ok(raw);
    }
    let joined = |key: &str, by: &str| -> Result<String, ImportError> {
        let Some(node) = url.get(key)? else {
            return Ok(String::new());
        };
        match node.value {
            Value::List(_) => {
                let parts: Result<Vec<String>, ImportError> = node
                    .items()?
                    .iter()
                    .map(|part| match part.value {
                        Value::Table(_) => Ok(part.string("value")?.unwrap_or_default()),
                        _ => Ok(part.as_text()?.shown()),
                    })
                    .collect();
                Ok(parts?.join(by))
            }
            _ => Ok(node.as_text()?.shown()),
        }
    };
    let mut address = joined("protocol", "")?;
    address.push_str(if address.is_empty() { "" } else { "://" });
    address.push_str(&joined("host", ".")?);
    if let Some(port) = url.string("port")? {
        address.push_str(&format!(":{port}"));
    }
    let path = joined("path", "/")?;
    Ok(format!("{address}/{}", path.trim_start_matches('/')))
}

/// Encodes what would end a name or a value of a query.
fn encode_marks(text: &str) -> String {
    let mut encoded = String::new();
    for c in text.chars() {
        match c {
            '&' | '#' | '+' | '=' => encoded.extend(form_urlencoded::byte_serialize(&[c as u8])),
            c => encoded.push(c),
        }
    }
    encoded
}

/// Whether a text holds something else than itself.
fn is_dynamic(text: &Text) -> bool {
    text.pieces()
        .iter()
        .any(|piece| !matches!(piece, Piece::Literal(_)))
}
