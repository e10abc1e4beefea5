//! A file with one object, with getters whose errors name the key and its value.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// A module's configuration.
pub(super) struct Json {
    path: PathBuf,
    map: Map<String, Value>,
}

impl Json {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(Error::io(path))?;
        let map = serde_json::from_slice(&bytes).map_err(Error::json(path))?;
        Ok(Self { path: path.to_owned(), map })
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn error(&self, key: &str, reason: impl Into<String>) -> Error {
        Error::config(&self.path, key, reason)
    }

    pub(super) fn size(&self, key: &str) -> Result<usize> {
        let value = self.get(key).ok_or_else(|| self.error(key, "missing"))?;
        let size = value.as_u64().filter(|size| (1..=1 << 20).contains(size));
        size.map(|size| size as usize)
            .ok_or_else(|| self.error(key, format!("{value} is not a whole number from 1 to {}", 1 << 20)))
    }

    pub(super) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => {
                value.as_bool().ok_or_else(|| self.error(key, format!("{value} is neither true nor false")))
            }
        }
    }
}
