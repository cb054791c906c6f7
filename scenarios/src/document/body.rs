//! A request's body as the file says it: text, a file, JSON, a form or several parts. Neighbours: `step.rs` asks for it.
//! Invariant: a body without values to be put in is made once and shared by all users.

use super::{
    reader::{Node, Table, quoted},
    run::Chunk,
    step::Gathered,
    values,
};
use crate::{
    Body,
    multipart::{push_end, push_part_head},
    template::{Encoding, Template},
};
use bytes::Bytes;
use toml::de::DeValue;

/// The keys that give a request a body.
pub(super) const BODIES: &[&str] = &["body", "body_file", "json", "form", "multipart"];

/// What stands between the parts of a multipart body. No part that is read from the file may hold it.
const BOUNDARY: &str = "loadforge-part-7MA4YWxkTrZu0gW";

/// A body, and the content type that it has unless a header says otherwise.
pub(super) struct ReadBody {
    pub(super) body: Body,
    /// What has to be put together for each request; then `body` is empty.
    pub(super) chunks: Vec<Chunk>,
    pub(super) content_type: Option<String>,
}

/// Reads the body of a request, if it has one.
pub(super) fn read(table: &Table<'_>, gathered: &mut Gathered) -> Option<ReadBody> {
    let mut found = BODIES
        .iter()
        .filter_map(|key| table.get(key).map(|node| (*key, node)));
    let Some((key, node)) = found.next() else {
        return Some(of_chunks(Vec::new(), None));
    };
    if let Some((second_key, second)) = found.next() {
        second.problem(
            format!("a request has one body, and `{second_key}` is its second beside `{key}`"),
            "keep one of body, body_file, json, form and multipart",
        );
        return None;
    }
    let names = &mut gathered.names;
    match key {
        "body" => {
            let text = node.template("body = \"text\"", names, Encoding::Plain)?;
            Some(of_chunks(vec![Chunk::Filled(text)], None))
        }
        "json" => {
            let json = values::json(&node, names)?;
            Some(of_chunks(
                vec![Chunk::Filled(json)],
                Some("application/json"),
            ))
        }
        "form" => read_form(&node, gathered),
        "multipart" => read_multipart(&node, gathered),
        _ => {
            let bytes = read_file(&node, gathered)?;
            Some(of_chunks(vec![Chunk::Bytes(bytes)], None))
        }
    }
}

/// A body of these chunks: made now when nothing has to be put in.
fn of_chunks(chunks: Vec<Chunk>, content_type: Option<&str>) -> ReadBody {
    let content_type = content_type.map(str::to_owned);
    let is_fixed = chunks.iter().all(|chunk| match chunk {
        Chunk::Bytes(_) => true,
        Chunk::Filled(template) => template.as_text().is_some(),
    });
    if !is_fixed {
        return ReadBody {
            body: Body::Empty,
            chunks,
            content_type,
        };
    }
    let body = match chunks.as_slice() {
        [] => Body::Empty,
        // A file alone is sent from where it is mapped.
        [Chunk::Bytes(bytes)] => Body::Shared(bytes.clone()),
        chunks => {
            let mut bytes = Vec::new();
            for chunk in chunks {
                match chunk {
                    Chunk::Bytes(more) => bytes.extend_from_slice(more),
                    Chunk::Filled(template) => {
                        bytes.extend_from_slice(template.as_text().unwrap_or("").as_bytes());
                    }
                }
            }
            Body::Shared(bytes.into())
        }
    };
    ReadBody {
        body,
        chunks: Vec::new(),
        content_type,
    }
}

fn read_file(node: &Node<'_>, gathered: &mut Gathered) -> Option<Bytes> {
    let text = node.text("body_file = \"order.json\"")?;
    match gathered.body_files.bytes(&text.value) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            node.problem(
                format!("the file {} cannot be used: {error}", quoted(text.written)),
                "name a file that can be read, relative to the scenario file",
            );
            None
        }
    }
}

/// `application/x-www-form-urlencoded`, with `+` for a blank as forms have it.
fn read_form(node: &Node<'_>, gathered: &mut Gathered) -> Option<ReadBody> {
    const EXAMPLE: &str = "form = { user = \"ann\" }";
    let encoded = |text: &str| {
        let mut encoded = String::new();
        Encoding::Form.push(text, &mut encoded);
        encoded
    };
    let mut form = Template::default();
    let pairs = values::pairs(node, EXAMPLE, &mut gathered.names, Encoding::Form)?;
    for (index, (name, mut value)) in pairs.into_iter().enumerate() {
        let between = if index > 0 { "&" } else { "" };
        form.append(Template::of_text(format!("{between}{}=", encoded(name))));
        let encode = |text: &str| Ok::<_, ()>(encoded(text));
        value.map_texts(encode).ok()?;
        form.append(value);
    }
    let content_type = "application/x-www-form-urlencoded";
    Some(of_chunks(vec![Chunk::Filled(form)], Some(content_type)))
}

/// `multipart = { title = "a text", picture = { file = "cat.png", type = "image/png" } }`.
fn read_multipart(node: &Node<'_>, gathered: &mut Gathered) -> Option<ReadBody> {
    const EXAMPLE: &str = "multipart = { title = \"a text\", picture = { file = \"cat.png\", type = \"image/png\" } }";
    let mut chunks = Vec::new();
    let push_text = |bytes: Vec<u8>, chunks: &mut Vec<Chunk>| {
        chunks.push(Chunk::Bytes(bytes.into()));
    };
    for (name, part) in node.entries(EXAMPLE)? {
        for item in part.one_or_more() {
            let mut head = Vec::new();
            if let DeValue::Table(_) = item.value {
                let table = item.table(&["file", "type", "name"], EXAMPLE)?;
                table.missing(&["file"], "this part names no file", EXAMPLE);
                let file = table.get("file")?;
                let bytes = read_file(&file, gathered)?;
                let path = file.text("file = \"cat.png\"")?.value;
                let own = path.rsplit('/').next().unwrap_or(&path).to_owned();
                let shown = match table.get("name") {
                    None => own,
                    Some(node) => node.text("name = \"cat.png\"")?.value,
                };
                let content_type = match table.get("type") {
                    None => "application/octet-stream".to_owned(),
                    Some(node) => node.text("type = \"image/png\"")?.value,
                };
                push_part_head(BOUNDARY, name, Some(&shown), Some(&content_type), &mut head);
                push_text(head, &mut chunks);
                chunks.push(Chunk::Bytes(bytes));
            } else {
                let text = values::scalar(&item, EXAMPLE, &mut gathered.names, Encoding::Plain)?;
                push_part_head(BOUNDARY, name, None, None, &mut head);
                push_text(head, &mut chunks);
                chunks.push(Chunk::Filled(text));
            }
            push_text(b"\r\n".to_vec(), &mut chunks);
        }
    }
    let mut end = Vec::new();
    push_end(BOUNDARY, &mut end);
    push_text(end, &mut chunks);
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    Some(of_chunks(chunks, Some(&content_type)))
}
