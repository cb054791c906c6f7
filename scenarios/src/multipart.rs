//! Bodies with several parts (RFC 7578), as pages with file uploads send them. Neighbours: `request_builder.rs` and `document/`.
//! Invariant: no name or file name can end its header early.

/// The parts of a `multipart/form-data` body, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Multipart {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
    bytes: Vec<u8>,
}

impl Multipart {
    /// A body without parts, to be filled.
    pub fn new() -> Multipart {
        Multipart::default()
    }

    /// Adds a field with a text.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Multipart {
        self.parts.push(Part {
            name: name.to_owned(),
            file_name: None,
            content_type: None,
            bytes: value.as_bytes().to_vec(),
        });
        self
    }

    /// Adds a file: the field's name, the file's own name, its content type and its bytes.
    #[must_use]
    pub fn file(
        mut self,
        name: &str,
        file_name: &str,
        content_type: &str,
        bytes: &[u8],
    ) -> Multipart {
        self.parts.push(Part {
            name: name.to_owned(),
            file_name: Some(file_name.to_owned()),
            content_type: Some(content_type.to_owned()),
            bytes: bytes.to_vec(),
        });
        self
    }

    /// Writes the body behind what is in `body`; `boundary` must not stand in any part.
    pub(crate) fn write(&self, boundary: &str, body: &mut Vec<u8>) {
        for part in &self.parts {
            push_part_head(
                boundary,
                &part.name,
                part.file_name.as_deref(),
                part.content_type.as_deref(),
                body,
            );
            body.extend_from_slice(&part.bytes);
            body.extend_from_slice(b"\r\n");
        }
        push_end(boundary, body);
    }
}

/// Writes what stands before the bytes of a part.
pub(crate) fn push_part_head(
    boundary: &str,
    name: &str,
    file_name: Option<&str>,
    content_type: Option<&str>,
    body: &mut Vec<u8>,
) {
    let mut push = |texts: &[&str]| {
        for text in texts {
            body.extend_from_slice(text.as_bytes());
        }
    };
    push(&[
        "--",
        boundary,
        "\r\ncontent-disposition: form-data; name=\"",
    ]);
    push(&[&escaped(name), "\""]);
    if let Some(file_name) = file_name {
        push(&["; filename=\"", &escaped(file_name), "\""]);
    }
    if let Some(content_type) = content_type {
        push(&[
            "\r\ncontent-type: ",
            &content_type.replace(['\r', '\n'], " "),
        ]);
    }
    push(&["\r\n\r\n"]);
}

/// Writes what stands behind the last part.
pub(crate) fn push_end(boundary: &str, body: &mut Vec<u8>) {
    body.extend_from_slice(b"--");
    body.extend_from_slice(boundary.as_bytes());
    body.extend_from_slice(b"--\r\n");
}

/// Quotes and line breaks as browsers write them (WHATWG HTML, multipart/form-data encoding algorithm).
fn escaped(text: &str) -> String {
    text.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_written_as_browsers_write_them() {
        let parts = Multipart::new().text("title", "a\r\nb").file(
            "up\"load",
            "x.png",
            "image/png",
            b"\x89PNG",
        );
        let mut body = Vec::new();
        parts.write("B", &mut body);
        let wanted = b"--B\r\ncontent-disposition: form-data; name=\"title\"\r\n\r\na\r\nb\r\n\
            --B\r\ncontent-disposition: form-data; name=\"up%22load\"; filename=\"x.png\"\r\n\
            content-type: image/png\r\n\r\n\x89PNG\r\n--B--\r\n";
        assert_eq!(body, wanted.to_vec());
    }
}
