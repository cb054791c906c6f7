//! Walks a tree and knows where it is, so that an error can name the key. Neighbours: the readers of OpenAPI and
//! Postman. Invariant: what is there and is of another kind is an error, what is not there or null is `None`.

use crate::{ImportError, value::Value, words::Text};

/// A value and the way to it.
#[derive(Clone, Debug)]
pub(crate) struct Node<'v> {
    pub(crate) value: &'v Value,
    pub(crate) key: String,
}

impl<'v> Node<'v> {
    /// The outermost value.
    pub(crate) fn root(value: &'v Value) -> Node<'v> {
        let key = String::new();
        Node { value, key }
    }

    /// An error with this value.
    pub(crate) fn error(
        &self,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> ImportError {
        let error = ImportError::new(message, remedy).key(&self.key);
        match self.key.is_empty() {
            true => error.at(1, 1),
            false => error,
        }
    }

    fn wrong_kind(&self, wanted: &str) -> ImportError {
        let got = match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Table(_) => "an object",
        };
        let message = match self.key.as_str() {
            "" => format!("the document must be {wanted}, and is {got}"),
            key => format!("`{key}` must be {wanted}, and is {got}"),
        };
        self.error(
            message,
            format!("make it {wanted}, or export the file again"),
        )
    }

    /// The value of a key.
    ///
    /// # Errors
    /// When this is no object.
    pub(crate) fn get(&self, key: &str) -> Result<Option<Node<'v>>, ImportError> {
        let Value::Table(_) = self.value else {
            return Err(self.wrong_kind("an object"));
        };
        Ok(self
            .value
            .get(key)
            .filter(|value| **value != Value::Null)
            .map(|value| self.below(value, key)))
    }

    /// A value below this one.
    fn below(&self, value: &'v Value, key: &str) -> Node<'v> {
        let plain = !key.is_empty() && !key.contains(['.', '[', ' ', '"']);
        let key = match (self.key.as_str(), plain) {
            ("", true) => key.to_owned(),
            (path, true) => format!("{path}.{key}"),
            (path, false) => format!("{path}[{key:?}]"),
        };
        Node { value, key }
    }

    /// The text of a key: numbers and booleans are taken for texts.
    pub(crate) fn text(&self, key: &str) -> Result<Option<Text>, ImportError> {
        let Some(node) = self.get(key)? else {
            return Ok(None);
        };
        node.as_text().map(Some)
    }

    /// The text of a key as it is written.
    pub(crate) fn string(&self, key: &str) -> Result<Option<String>, ImportError> {
        Ok(self.text(key)?.map(|text| text.shown()))
    }

    /// This value as a text.
    pub(crate) fn as_text(&self) -> Result<Text, ImportError> {
        self.value.scalar().ok_or_else(|| self.wrong_kind("a text"))
    }

    /// Whether a key says yes.
    pub(crate) fn is_true(&self, key: &str) -> Result<bool, ImportError> {
        Ok(self
            .get(key)?
            .is_some_and(|node| *node.value == Value::Bool(true)))
    }

    /// The values of a list under a key; none when it is not there.
    pub(crate) fn list(&self, key: &str) -> Result<Vec<Node<'v>>, ImportError> {
        match self.get(key)? {
            None => Ok(Vec::new()),
            Some(node) => node.items(),
        }
    }

    /// The values of this list.
    pub(crate) fn items(&self) -> Result<Vec<Node<'v>>, ImportError> {
        let Value::List(items) = self.value else {
            return Err(self.wrong_kind("a list"));
        };
        let node = |(index, value)| Node {
            value,
            key: format!("{}[{index}]", self.key),
        };
        Ok(items.iter().enumerate().map(node).collect())
    }

    /// The keys and values of an object under a key; none when it is not there.
    pub(crate) fn table(&self, key: &str) -> Result<Vec<(&'v str, Node<'v>)>, ImportError> {
        match self.get(key)? {
            None => Ok(Vec::new()),
            Some(node) => node.entries(),
        }
    }

    /// Checks that this is an object.
    pub(crate) fn expect_table(&self) -> Result<(), ImportError> {
        match self.value {
            Value::Table(_) => Ok(()),
            _ => Err(self.wrong_kind("an object")),
        }
    }

    /// The keys and values of this object one by one; none when it is something else.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&'v str, Node<'v>)> {
        let entries: &[(String, Value)] = match self.value {
            Value::Table(entries) => entries,
            _ => &[],
        };
        entries
            .iter()
            .map(|(key, value)| (key.as_str(), self.below(value, key)))
    }

    /// The keys and values of this object.
    pub(crate) fn entries(&self) -> Result<Vec<(&'v str, Node<'v>)>, ImportError> {
        let Value::Table(entries) = self.value else {
            return Err(self.wrong_kind("an object"));
        };
        let node = |(key, value): &'v (String, Value)| (key.as_str(), self.below(value, key));
        Ok(entries.iter().map(node).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_whole_way_to_its_key() {
        let value = serde_json::from_str(r#"{"paths":{"/a b":[{"get":7}]}}"#).unwrap();
        let item = Node::root(&value).table("paths").unwrap().remove(0).1;
        let operation = item.items().unwrap().remove(0).get("get").unwrap().unwrap();
        let error = operation.get("tags").unwrap_err();
        assert_eq!(error.key, r#"paths["/a b"][0].get"#);
        assert!(
            error
                .to_string()
                .contains("must be an object, and is a number"),
            "{error}"
        );
    }
}
