//! `$ref` within one document. Neighbours: everything here asks before it looks at a node. Invariant: a chain of references
//! ends after a bounded number of steps, and one that leads nowhere or to another file is noted.

use crate::{ImportError, node::Node, notes::Notes, value::Value};
use std::{cell::RefCell, collections::HashMap};

/// The longest chain of references.
const LONGEST_CHAIN: usize = 32;

/// Tables of more keys than this are looked up by hash: a description of thousands of schemas refers to them
/// tens of thousands of times.
const FEW_KEYS: usize = 16;

/// The entries of a table by their keys.
type Index<'v> = HashMap<&'v str, &'v Value>;

/// The references of one document.
pub(super) struct References<'v> {
    root: &'v Value,
    indexes: RefCell<HashMap<*const Value, Index<'v>>>,
}

impl<'v> References<'v> {
    pub(super) fn of(root: &'v Value) -> References<'v> {
        let indexes = RefCell::default();
        References { root, indexes }
    }

    /// The node that this one stands for; `None` with a note where there is none.
    pub(super) fn resolve(
        &self,
        node: Node<'v>,
        notes: &mut Notes,
    ) -> Result<Option<Node<'v>>, ImportError> {
        let mut node = node;
        for _ in 0..LONGEST_CHAIN {
            let Value::Table(_) = node.value else {
                return Ok(Some(node));
            };
            let Some(reference) = node.value.get("$ref") else {
                return Ok(Some(node));
            };
            let Some(reference) = reference.as_str() else {
                return Err(node.error(
                    "a `$ref` must be a text",
                    "write it like \"#/components/schemas/Pet\"",
                ));
            };
            let Some(pointer) = reference.strip_prefix('#') else {
                notes.about(
                    "references to other files were not followed",
                    reference,
                    "bundle the description into one file first",
                );
                return Ok(None);
            };
            let Some(value) = self.follow(pointer) else {
                notes.about("references that lead nowhere were left out", reference, "");
                return Ok(None);
            };
            node = Node {
                value,
                key: reference.to_owned(),
            };
        }
        notes.about(
            "references that lead to themselves were left out",
            &node.key,
            "",
        );
        Ok(None)
    }

    /// The value a JSON pointer (RFC 6901) leads to.
    fn follow(&self, pointer: &str) -> Option<&'v Value> {
        let mut value = self.root;
        for part in pointer.split('/').skip(1) {
            let encoded = part.replace('+', "%2B").replace('&', "%26");
            let part = url::form_urlencoded::parse(format!("a={encoded}").as_bytes())
                .next()?
                .1
                .replace("~1", "/")
                .replace("~0", "~");
            value = match value {
                Value::Table(entries) if entries.len() > FEW_KEYS => {
                    let mut indexes = self.indexes.borrow_mut();
                    let index = indexes.entry(value).or_insert_with(|| {
                        // The first of equal keys, as in small tables.
                        let entries = entries.iter().rev();
                        entries.map(|(key, value)| (key.as_str(), value)).collect()
                    });
                    index.get(part.as_str()).copied()?
                }
                Value::Table(_) => value.get(&part)?,
                Value::List(items) => items.get(part.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_finds_keys_with_slashes_and_a_circle_ends() {
        let root: Value = serde_json::from_str(
            r##"{"paths":{"/a b":[7]},"x":{"$ref":"#/y"},"y":{"$ref":"#/x"},"z":{"$ref":"other.yaml#/a"},"w":{"$ref":"#/none"}}"##,
        )
        .unwrap();
        let references = References::of(&root);
        assert_eq!(
            references.follow("/paths/~1a%20b/0"),
            Some(&Value::Integer(7))
        );
        let mut notes = Notes::default();
        for key in ["x", "z", "w"] {
            let node = Node::root(&root).get(key).unwrap().unwrap();
            assert!(
                references.resolve(node, &mut notes).unwrap().is_none(),
                "{key}"
            );
        }
        assert_eq!(notes.into_lines().len(), 3);
    }
}
