//! OpenAPI descriptions, 3.0 and 3.1, in JSON or YAML, in one tolerant reader: the versions differ little in what a request
//! needs. Neighbours: `references.rs` follows `$ref`, `sample.rs` makes values, `security.rs` adds what proves who one
//! is. Invariant: each operation becomes one request or a note.

mod parameters;
mod references;
mod sample;
mod security;

use crate::{
    ImportError, Options,
    address::{Address, sendable},
    body, document,
    model::{Body, Draft, Group, Part, PartFile, Request, method},
    naming::{request_name, variable_name},
    node::Node,
    notes::Notes,
    value::Value,
    words::Text,
};
use references::References;
use sample::Sampler;
use std::{collections::HashMap, rc::Rc};
use url::form_urlencoded;

/// The keys of a path that are operations, in the order in which they are read when the file has no other.
const METHODS: &[&str] = &[
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// Reads a description.
pub(crate) fn read(text: &str, options: &Options) -> Result<Draft, ImportError> {
    let tree = document::json_or_yaml(text)?;
    let root = Node::root(&tree);
    let references = Rc::new(References::of(&tree));
    let mut reader = Reader {
        root: root.clone(),
        draft: Draft::default(),
        sampler: Sampler::new(Rc::clone(&references)),
        references,
        places: HashMap::new(),
        has_base: options.base_url.is_some(),
    };
    check_version(&root, &mut reader.draft.notes)?;
    if let Some(info) = root.get("info")? {
        reader.draft.name = info.string("title")?.unwrap_or_default();
        let description = info.string("summary")?.or(info.string("description")?);
        let line = description
            .as_deref()
            .and_then(|text| text.lines().find(|line| !line.trim().is_empty()));
        reader.draft.description = line.map(|line| line.trim().chars().take(200).collect());
    }
    if root.get("webhooks")?.is_some() {
        reader
            .draft
            .notes
            .add("webhooks were left out: they are requests that the server sends");
    }
    let Some(paths) = root.get("paths")? else {
        return Err(root
            .error(
                "the description has no `paths`",
                "import the file that describes the requests",
            )
            .at(1, 1)
            .key("paths"));
    };
    for (path, item) in paths.entries()? {
        // Extensions.
        if path.starts_with('/') {
            reader.path(path, item)?;
        }
    }
    Ok(reader.draft)
}

fn check_version(root: &Node<'_>, notes: &mut Notes) -> Result<(), ImportError> {
    if let Some(version) = root.string("swagger")? {
        return Err(root
            .error(
                format!("this is Swagger {version}, and OpenAPI 3.0 and 3.1 are what is read"),
                "convert it first, as editor.swagger.io does with Edit, Convert to OpenAPI 3",
            )
            .at(1, 1)
            .key("swagger"));
    }
    let Some(version) = root.string("openapi")? else {
        return Err(root
            .error(
                "this is no OpenAPI description: it has no `openapi`",
                "name the file that begins with openapi: 3.0.3 or the like",
            )
            .at(1, 1)
            .key("openapi"));
    };
    // YAML takes a version without quotes and with one dot for a number.
    let is = |wanted: &str| {
        version == wanted
            || version
                .strip_prefix(wanted)
                .is_some_and(|rest| rest.starts_with('.'))
    };
    if is("3.0") || is("3.1") {
        return Ok(());
    }
    if version.starts_with("3.") || version == "3" {
        notes.add(format!(
            "the description is of version {version}; it was read as 3.1"
        ));
        return Ok(());
    }
    Err(root
        .error(
            format!("this is OpenAPI {version}, and 3.0 and 3.1 are what is read"),
            "convert it to OpenAPI 3.1 first",
        )
        .at(1, 1)
        .key("openapi"))
}

/// What is read so far.
struct Reader<'v> {
    root: Node<'v>,
    draft: Draft,
    references: Rc<References<'v>>,
    sampler: Sampler<'v>,
    /// The group of each tag; the empty one holds operations without.
    places: HashMap<String, usize>,
    /// Whether the caller says where requests go.
    has_base: bool,
}

impl<'v> Reader<'v> {
    fn resolve(&mut self, node: Node<'v>) -> Result<Option<Node<'v>>, ImportError> {
        self.references.resolve(node, &mut self.draft.notes)
    }

    fn path(&mut self, path: &str, item: Node<'v>) -> Result<(), ImportError> {
        let Some(item) = self.resolve(item)? else {
            return Ok(());
        };
        for (verb, operation) in item.entries()? {
            if !METHODS.contains(&verb) {
                continue;
            }
            let Some(request) = self.operation(verb, path, &item, &operation)? else {
                continue;
            };
            let tag = match operation.list("tags")?.first() {
                Some(tag) => tag.as_text()?.shown(),
                None => String::new(),
            };
            let place = *self.places.entry(tag.clone()).or_insert_with(|| {
                self.draft.groups.push(Group {
                    name: (!tag.is_empty()).then_some(tag),
                    ..Group::default()
                });
                self.draft.groups.len() - 1
            });
            self.draft.groups[place].requests.push(request);
        }
        Ok(())
    }

    fn operation(
        &mut self,
        verb: &str,
        path: &str,
        item: &Node<'v>,
        operation: &Node<'v>,
    ) -> Result<Option<Request>, ImportError> {
        operation.entries()?;
        let Some(method) = method(verb) else {
            self.draft.notes.about(
                "operations of other methods were left out",
                &format!("{verb} {path}"),
                "",
            );
            return Ok(None);
        };
        let base = self.base(item, operation)?;
        let mut request = Request::new(method, base, Text::default());
        let summary = operation
            .string("summary")?
            .filter(|text| !text.trim().is_empty());
        let id = operation
            .string("operationId")?
            .filter(|text| !text.trim().is_empty());
        request.name = match (&id, &summary) {
            (Some(id), _) => id.clone(),
            (None, Some(summary)) => summary.clone(),
            (None, None) => request_name(method, path),
        };
        request.comment = id.and(summary);
        let values = self.parameters(item, operation, &mut request)?;
        request.path = self.fill_path(path, &values);
        security::apply(
            &self.root,
            &self.references,
            operation,
            &mut request,
            &mut self.draft,
        )?;
        if let Some(body) = operation.get("requestBody")?
            && let Some(body) = self.resolve(body)?
        {
            self.body(&body, &mut request)?;
        }
        self.responses(operation, &mut request)?;
        Ok(Some(request))
    }

    /// Where requests of an operation go: its own server, the path's, the document's.
    fn base(&mut self, item: &Node<'v>, operation: &Node<'v>) -> Result<Text, ImportError> {
        let mut server = None;
        for node in [operation, item, &self.root] {
            let servers = node.list("servers")?;
            if servers.len() > 1 {
                self.draft
                    .notes
                    .add("of several servers the first was taken; --base-url names another");
            }
            if let Some(first) = servers.into_iter().next() {
                server = Some(first);
                break;
            }
        }
        let Some(server) = server else {
            return Ok(self.unknown_base("", "the description names no server"));
        };
        let url = server.string("url")?.unwrap_or_default();
        let mut whole = Text::default();
        let mut rest = url.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            whole.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            rest = after;
            let variable = match server.get("variables")? {
                Some(variables) => variables.get(name)?,
                None => None,
            };
            let default = match variable {
                Some(variable) => variable.text("default")?,
                None => None,
            };
            match default {
                Some(default) => whole.append(&default),
                None => {
                    let variable = variable_name(name);
                    self.draft.secrets.need(
                        &variable,
                        &format!("`{name}` of the server's address"),
                        "x",
                    );
                    whole.append(&Text::variable(variable));
                }
            }
        }
        whole.push_str(rest);
        let shown = whole.shown();
        if !shown.contains("://") {
            return Ok(self.unknown_base(&shown, "the server is given without a host"));
        }
        match Address::read(&whole) {
            Ok(address) => {
                let mut base = address.base;
                let path = base_path(&address.path.shown());
                base.push_str(path.trim_end_matches('/'));
                Ok(base)
            }
            Err(fault) => Ok(self.unknown_base(
                "",
                &format!("the server {shown:?} cannot be asked ({fault})"),
            )),
        }
    }

    /// The base that only the reader of the file knows.
    fn unknown_base(&mut self, path: &str, why: &str) -> Text {
        if !self.has_base {
            self.draft.notes.add(format!(
                "{why}: export BASE_URL=http://host:port, or import again with --base-url"
            ));
            self.draft.secrets.need(
                "BASE_URL",
                "where requests go: http://host:port",
                "http://127.0.0.1",
            );
        }
        let mut base = Text::variable("BASE_URL");
        let bare = path.split(['?', '#']).next().unwrap_or_default();
        let path = base_path(bare);
        let path = path.trim_matches('/');
        if !path.is_empty() {
            base.push_str("/");
            base.push_str(path);
        }
        base
    }

    fn fill_path(&mut self, path: &str, values: &[(String, Text)]) -> Text {
        let mut filled = Text::default();
        let mut rest = path;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            filled.push_str(before);
            match values.iter().find(|(have, _)| have == name) {
                Some((_, value)) => filled.append(&value.map_literals(&mut |text| {
                    let encoded: String =
                        form_urlencoded::byte_serialize(text.as_bytes()).collect();
                    Text::literal(encoded.replace('+', "%20"))
                })),
                None => {
                    self.draft.notes.about(
                        "path parameters that are not described became 1",
                        name,
                        "",
                    );
                    filled.push_str("1");
                }
            }
            rest = after;
        }
        filled.push_str(rest);
        sendable(&filled)
    }

    fn body(&mut self, node: &Node<'v>, request: &mut Request) -> Result<(), ImportError> {
        let content = node.table("content")?;
        // What can be written best comes first.
        let rank = |media: &str| match media {
            media if body::is_json(media) => 0,
            "application/x-www-form-urlencoded" => 1,
            "multipart/form-data" => 2,
            media if media.starts_with("text/") => 3,
            "*/*" => 4,
            _ => 5,
        };
        let Some((content_type, media)) = content
            .into_iter()
            .min_by_key(|(word, _)| rank(&body::media_type(word)))
        else {
            return Ok(());
        };
        let media_type = body::media_type(content_type);
        let value = self.sampler.of_holder(&media, &mut self.draft.notes)?;
        request.body = match (rank(&media_type), value) {
            (_, None) => Body::LeftOut("the description does not say what the body holds".into()),
            (0 | 4, Some(value)) => Body::Json(value),
            (1, Some(Value::Table(entries))) => {
                let field = |(name, value): (String, Value)| {
                    (name, value.scalar().unwrap_or_else(|| value.json()))
                };
                Body::Form(entries.into_iter().map(field).collect())
            }
            (2, Some(Value::Table(entries))) => self.parts(&media, entries)?,
            (_, Some(Value::Text(text))) if media_type != "application/octet-stream" => {
                Body::Text(text)
            }
            _ => Body::LeftOut(format!("a body of the type {media_type} cannot be made up")),
        };
        if request.body != Body::Empty && media_type != "*/*" {
            request.default_header("content-type", Text::literal(content_type));
        }
        Ok(())
    }

    /// Fields of a multipart body; those that hold bytes are files.
    fn parts(
        &mut self,
        media: &Node<'v>,
        entries: Vec<(String, Value)>,
    ) -> Result<Body, ImportError> {
        let schema = match media.get("schema")? {
            Some(schema) => self.resolve(schema)?,
            None => None,
        };
        let mut parts = Vec::new();
        for (name, value) in entries {
            let property = match &schema {
                Some(schema) => match schema.get("properties")? {
                    Some(properties) => properties.get(&name)?,
                    None => None,
                },
                None => None,
            };
            let property = match property {
                Some(property) => self.resolve(property)?,
                None => None,
            };
            let says = |key: &str| {
                property
                    .as_ref()
                    .and_then(|property| property.value.get(key)?.as_str())
            };
            let part = if says("format") == Some("binary") || says("contentMediaType").is_some() {
                let path = format!("{}.bin", crate::naming::folder_name(&name));
                self.draft.notes.about(
                    "files that bodies need",
                    &path,
                    "put them beside the scenario file",
                );
                Part::File(PartFile {
                    path,
                    media_type: says("contentMediaType").map(str::to_owned),
                    name: None,
                })
            } else {
                Part::Text(value.scalar().unwrap_or_else(|| value.json()))
            };
            parts.push((name, part));
        }
        Ok(Body::Multipart(parts))
    }

    /// The statuses that are good, and what the client accepts.
    fn responses(
        &mut self,
        operation: &Node<'v>,
        request: &mut Request,
    ) -> Result<(), ImportError> {
        for (status, response) in operation.table("responses")? {
            let Ok(status) = status.parse::<u16>() else {
                continue;
            };
            if !(200..300).contains(&status) {
                continue;
            }
            request.statuses.push(status);
            let Some(response) = self.resolve(response)? else {
                continue;
            };
            if let Value::Table(_) = response.value
                && let Some((media_type, _)) = response.table("content")?.first()
            {
                request.default_header("accept", Text::literal(*media_type));
            }
        }
        request.statuses.sort_unstable();
        request.statuses.dedup();
        Ok(())
    }
}

/// A path as it can stand in `base_url`, where no template is taken.
fn base_path(path: &str) -> String {
    let path = sendable(&Text::literal(path)).shown();
    path.replace('{', "%7B")
        .replace('}', "%7D")
        .replace('$', "%24")
}
