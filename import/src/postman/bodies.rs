//! Bodies of a collection, by their modes. Neighbours: `mod.rs` reads requests. Invariant: a mode that is not known, and a
//! file that is not named, gets a note.

use super::{Reader, enabled};
use crate::{
    ImportError, body, document,
    model::{Body, Part, PartFile, Request},
    node::Node,
    value::Value,
    words::Text,
};

impl Reader {
    pub(super) fn body(
        &mut self,
        node: &Node<'_>,
        request: &mut Request,
    ) -> Result<(), ImportError> {
        let mode = node.string("mode")?.unwrap_or_default();
        match mode.as_str() {
            "raw" => self.raw_body(node, request)?,
            "urlencoded" => {
                let mut pairs = Vec::new();
                for field in enabled(node, "urlencoded")? {
                    let value = self.text(&field.string("value")?.unwrap_or_default());
                    pairs.push((field.string("key")?.unwrap_or_default(), value));
                }
                request.body = Body::Form(pairs);
            }
            "formdata" => self.form_data(node, request)?,
            "file" => {
                let source = match node.get("file")? {
                    Some(file) => file.string("src")?,
                    None => None,
                };
                request.body = match source {
                    Some(path) => {
                        self.draft.notes.about(
                            "files are named relative to the scenario file",
                            &path,
                            "put them there",
                        );
                        Body::File(path)
                    }
                    None => Body::LeftOut("the collection names no file".into()),
                };
            }
            "graphql" => self.graphql(node, request)?,
            "" | "none" => {}
            other => self.draft.notes.about(
                "bodies of an unknown mode were left out",
                other,
                "write them by hand",
            ),
        }
        Ok(())
    }

    fn raw_body(&mut self, node: &Node<'_>, request: &mut Request) -> Result<(), ImportError> {
        let raw = node.string("raw")?.unwrap_or_default();
        let language = match node.get("options")? {
            Some(options) => match options.get("raw")? {
                Some(raw) => raw.string("language")?.unwrap_or_default(),
                None => String::new(),
            },
            None => String::new(),
        };
        let by_language = match language.as_str() {
            "json" => Some("application/json"),
            "xml" => Some("application/xml"),
            "html" => Some("text/html"),
            "javascript" => Some("application/javascript"),
            "text" => Some("text/plain"),
            _ => None,
        };
        let own = request.header("content-type").map(Text::shown);
        let content_type = own.or(by_language.map(str::to_owned));
        if raw.len() > body::MOST_BYTES {
            request.body = Body::LeftOut(body::TOO_LONG.into());
            return Ok(());
        }
        let is_json = content_type
            .as_deref()
            .is_none_or(|word| body::is_json(&body::media_type(word)));
        request.body = match document::json(&raw) {
            // Variables within quotes leave it JSON; then they are put into its texts.
            Ok(value @ (Value::Table(_) | Value::List(_))) if is_json => {
                Body::Json(value.map_texts(&mut |text| self.text(&text.shown())))
            }
            _ => {
                let text = self.text(&raw);
                body::from_text(&text, content_type.as_deref())
            }
        };
        if let Some(content_type) = content_type
            && request.body != Body::Empty
        {
            request.default_header("content-type", Text::literal(content_type));
        }
        Ok(())
    }

    fn form_data(&mut self, node: &Node<'_>, request: &mut Request) -> Result<(), ImportError> {
        let mut parts = Vec::new();
        for field in enabled(node, "formdata")? {
            let name = field.string("key")?.unwrap_or_default();
            let media_type = field.string("contentType")?;
            if field.string("type")?.as_deref() != Some("file") {
                let value = self.text(&field.string("value")?.unwrap_or_default());
                parts.push((name, Part::Text(value)));
                continue;
            }
            let path = match field.get("src")? {
                None => None,
                Some(source) => match source.value {
                    Value::List(_) => source.items()?.first().map(Node::as_text).transpose()?,
                    _ => Some(source.as_text()?),
                },
            };
            let Some(path) = path
                .map(|path| path.shown())
                .filter(|path| !path.is_empty())
            else {
                self.draft.notes.about(
                    "form fields whose file is not named were left out",
                    &name,
                    "",
                );
                continue;
            };
            self.draft.notes.about(
                "files are named relative to the scenario file",
                &path,
                "put them there",
            );
            let name_of_file = field.string("fileName")?;
            let file = PartFile {
                path,
                media_type,
                name: name_of_file,
            };
            parts.push((name, Part::File(file)));
        }
        request.body = Body::Multipart(parts);
        Ok(())
    }

    fn graphql(&mut self, node: &Node<'_>, request: &mut Request) -> Result<(), ImportError> {
        let Some(graphql) = node.get("graphql")? else {
            return Ok(());
        };
        let query = self.text(&graphql.string("query")?.unwrap_or_default());
        let mut entries = vec![("query".to_owned(), Value::Text(query))];
        if let Some(operation) = graphql.text("operationName")? {
            entries.push(("operationName".into(), Value::Text(operation)));
        }
        if let Some(variables) = graphql.get("variables")? {
            let value = match variables.value {
                Value::Text(text) if text.shown().trim().is_empty() => None,
                Value::Text(text) => match document::json(&text.shown()) {
                    Ok(value) => Some(value),
                    Err(_) => {
                        self.draft.notes.about(
                            "variables of GraphQL that are no JSON were left out",
                            &variables.key,
                            "",
                        );
                        None
                    }
                },
                value => Some(value.clone()),
            };
            if let Some(value) = value {
                let value = value.map_texts(&mut |text| self.text(&text.shown()));
                entries.push(("variables".into(), value));
            }
        }
        request.body = Body::Json(Value::Table(entries));
        Ok(())
    }
}
