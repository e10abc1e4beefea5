//! The parsed file, with getters whose errors name the key and its value.

use std::path::Path;

use serde_json::{Map, Value};

use super::Activation;
use crate::error::{Error, Result};

const MAX_LABELS: usize = 1 << 16;

/// A `config.json`.
pub(crate) struct File<'a> {
    map: &'a Map<String, Value>,
    path: &'a Path,
}

impl<'a> File<'a> {
    pub(super) fn new(map: &'a Map<String, Value>, path: &'a Path) -> Self {
        Self { map, path }
    }

    pub(crate) fn error(&self, key: &str, reason: impl Into<String>) -> Error {
        Error::config(self.path, key, reason)
    }

    /// A key's value where `null` means the same as an absent key.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A key's value, `null` too.
    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        self.map.get(key)
    }

    /// Refuses a value of `key` that asks for what is not computed; `accepted` are those that do not, the usual one first.
    pub(crate) fn only(&self, key: &str, accepted: &[Value]) -> Result<()> {
        match self.map.get(key) {
            Some(value) if !accepted.contains(value) => {
                Err(self.error(key, format!("{value} is not supported, only {}", accepted[0])))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn size(&self, key: &str, max: usize, default: Option<usize>) -> Result<usize> {
        let Some(value) = self.map.get(key) else {
            return default.ok_or_else(|| self.error(key, "missing"));
        };
        let size = value.as_u64().and_then(|size| usize::try_from(size).ok());
        size.filter(|size| (1..=max).contains(size))
            .ok_or_else(|| self.error(key, format!("{value} is not a whole number from 1 to {max}")))
    }

    /// An id of a token.
    pub(crate) fn id(&self, key: &str, default: u32) -> Result<u32> {
        const MOST: u32 = 1 << 24;
        let Some(value) = self.map.get(key) else { return Ok(default) };
        let id = value.as_u64().and_then(|id| u32::try_from(id).ok()).filter(|&id| id < MOST);
        id.ok_or_else(|| self.error(key, format!("{value} is not a whole number from 0 to {}", MOST - 1)))
    }

    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(self.error(key, format!("{other} is neither true nor false"))),
        }
    }

    pub(crate) fn layer_norm_eps(&self) -> Result<f32> {
        let Some(value) = self.map.get("layer_norm_eps") else { return Ok(1e-12) };
        let eps = value.as_f64().map(|eps| eps as f32);
        eps.filter(|eps| eps.is_finite() && *eps > 0.0)
            .ok_or_else(|| self.error("layer_norm_eps", format!("{value} is not a positive 32-bit number")))
    }

    /// Of feed-forward layers, under the key that a family has for it.
    pub(crate) fn hidden_act(&self, key: &str) -> Result<Activation> {
        match self.map.get(key) {
            None => Ok(Activation::Gelu),
            Some(value) => match value.as_str() {
                Some("gelu") => Ok(Activation::Gelu),
                Some("gelu_new" | "gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
                Some("relu") => Ok(Activation::Relu),
                _ => {
                    let expected = "expected \"gelu\", \"gelu_new\", \"gelu_pytorch_tanh\" or \"relu\"";
                    Err(self.error(key, format!("{value} is not supported, {expected}")))
                }
            },
        }
    }

    pub(crate) fn problem_type(&self) -> Result<Option<String>> {
        let known = ["regression", "single_label_classification", "multi_label_classification"];
        match self.get("problem_type") {
            None => Ok(None),
            Some(Value::String(name)) if known.contains(&name.as_str()) => Ok(Some(name.clone())),
            Some(other) => {
                Err(self.error("problem_type", format!("{other} is not one of {}", known.join(", "))))
            }
        }
    }

    /// A name, if there is one.
    pub(super) fn name(&self, key: &str) -> Result<Option<String>> {
        let name = self
            .get(key)
            .map(|value| value.as_str().ok_or_else(|| self.error(key, format!("{value} is no name"))));
        Ok(name.transpose()?.map(str::to_owned))
    }

    /// What sentence-transformers leaves in a cross-encoder's file, today or before its version 4.
    pub(crate) fn activation(&self) -> Result<Option<String>> {
        match self.get("sentence_transformers") {
            Some(Value::Object(map)) if map.contains_key("activation_fn") => {
                File::new(map, self.path).name("activation_fn")
            }
            _ => self.name("sbert_ce_default_activation_function"),
        }
    }

    /// From `id2label`, or `LABEL_0`, `LABEL_1`, … for `num_labels` (default 2) as `transformers` names them.
    pub(crate) fn labels(&self) -> Result<Vec<String>> {
        let stated = self.get("num_labels").map(|_| self.size("num_labels", MAX_LABELS, None)).transpose()?;
        let Some(value) = self.get("id2label") else {
            return Ok((0..stated.unwrap_or(2)).map(|id| format!("LABEL_{id}")).collect());
        };
        let error = |reason: String| self.error("id2label", reason);
        let map = value.as_object().ok_or_else(|| error(format!("{value} is not an object")))?;
        if map.is_empty() || map.len() > MAX_LABELS {
            return Err(error(format!("{} labels, expected 1 to {MAX_LABELS}", map.len())));
        }
        if let Some(stated) = stated.filter(|stated| *stated != map.len()) {
            return Err(error(format!("{} labels, but num_labels is {stated}", map.len())));
        }
        let mut labels = vec![None; map.len()];
        for (id, label) in map {
            let slot = id.parse().ok().and_then(|id: usize| labels.get_mut(id));
            let slot = slot.filter(|slot| slot.is_none());
            let slot =
                slot.ok_or_else(|| error(format!("ids are not 0 to {}, each once: {id:?}", map.len() - 1)))?;
            *slot = Some(match label {
                Value::String(name) => name.clone(),
                Value::Number(number) => number.to_string(),
                other => return Err(error(format!("{id}: {other} is not a name"))),
            });
        }
        // As many ids as slots, each slot taken once: none is left over.
        Ok(labels.into_iter().flatten().collect())
    }
}
