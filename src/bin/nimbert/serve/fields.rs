//! A JSON object, taken apart: every key that is asked for is looked at, and what is left over is named.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::failure::Failure;

/// What is left of an object.
#[derive(Debug)]
pub(super) struct Fields {
    /// How its keys are called in errors: empty for the body itself, else `parameters.` and the like.
    path: String,
    map: Map<String, Value>,
}

impl Fields {
    /// Of the body of a request.
    pub(super) fn of_body(value: Value) -> Result<Self, Failure> {
        Self::new(value, "")
    }

    /// Of the object under a key.
    pub(super) fn new(value: Value, key: &str) -> Result<Self, Failure> {
        match value {
            Value::Object(map) => {
                let path = if key.is_empty() { String::new() } else { format!("{key}.") };
                Ok(Self { path, map })
            }
            other => {
                let what = if key.is_empty() { "the body".to_owned() } else { format!("`{key}`") };
                Err(Failure::validation(format!("{what} is {}, expected an object", kind(&other))))
            }
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// The value of a key; null is as good as none.
    pub(super) fn take<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, Failure> {
        let Some(value) = self.map.remove(key).filter(|value| !value.is_null()) else { return Ok(None) };
        let read = serde_json::from_value(value);
        read.map(Some).map_err(|error| Failure::validation(format!("`{}{key}`: {error}", self.path)))
    }

    pub(super) fn need<T: DeserializeOwned>(&mut self, key: &str) -> Result<T, Failure> {
        self.take(key)?
            .ok_or_else(|| Failure::validation(format!("`{}{key}` is missing{}", self.path, self.there())))
    }

    /// The object under a key; an empty one if there is none.
    pub(super) fn object(&mut self, key: &str) -> Result<Self, Failure> {
        let value: Option<Value> = self.take(key)?;
        Self::new(value.unwrap_or_else(|| Value::Object(Map::new())), &format!("{}{key}", self.path))
    }

    /// What the keys are that nobody has asked for.
    pub(super) fn end(self, known: &str) -> Result<(), Failure> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(key) => Err(Failure::validation(format!(
                "`{}{}` is not known here; what is: {known}",
                self.path,
                shown(key)
            ))),
        }
    }

    /// With what is in `other`; null is as good as nothing, and nothing else may be in both.
    pub(super) fn or(mut self, other: Self) -> Result<Self, Failure> {
        for (key, value) in other.map {
            let twice = format!("`{}` is there twice: also as `{}{0}`", shown(&key), other.path);
            let own = self.map.entry(key).or_insert(Value::Null);
            if own.is_null() {
                *own = value;
            } else if !value.is_null() {
                return Err(Failure::validation(twice));
            }
        }
        Ok(self)
    }

    fn there(&self) -> String {
        let keys: Vec<_> = self.map.keys().take(8).map(|key| format!("`{}`", shown(key))).collect();
        if keys.is_empty() { String::new() } else { format!("; there is {}", keys.join(", ")) }
    }
}

/// As much of a key as an error has room for.
fn shown(key: &str) -> String {
    crate::shorten::shorten(key, 60)
}

/// What a value is, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
