//! What other families call the parts of a BERT: tests/data/families.json, which tools/families.py reads, too.

use std::fs;

use serde_json::Value;

use crate::data;

/// The names of one family.
pub(crate) struct Family(Value);

impl Family {
    /// That of a configuration.
    pub(crate) fn of(config: &Value) -> Self {
        let text = fs::read(data("families.json")).expect("the families are committed");
        let mut families: Value = serde_json::from_slice(&text).expect("the families are JSON");
        let name = config["model_type"].as_str().unwrap_or("bert");
        let parts = families.get_mut(name).expect("a family that is written").take();
        // A name in place of the parts: all is as in that family.
        Self(parts.as_str().map_or(parts.clone(), |other| families[other].take()))
    }

    /// What the names of the encoder's tensors begin with.
    pub(crate) fn prefix(&self) -> &str {
        self.0["prefix"].as_str().expect("a prefix")
    }

    /// The key for what BERT has under `key`.
    pub(crate) fn key<'a>(&'a self, key: &'a str) -> &'a str {
        self.0["keys"][key].as_str().unwrap_or(key)
    }

    /// The name of a tensor that is called `name` in a BERT.
    pub(crate) fn own_name(&self, name: &str) -> String {
        ["names", "prefixes"].iter().fold(name.to_owned(), |name, pairs| {
            let pairs = self.0[pairs].as_array().expect("pairs").iter();
            let mut pairs = pairs.map(|pair| [0, 1].map(|i| pair[i].as_str().expect("a name")));
            let pair = pairs.find(|[old, _]| name.contains(old));
            pair.map_or_else(|| name.clone(), |[old, new]| name.replacen(old, new, 1))
        })
    }
}
