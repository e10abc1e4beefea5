//! A directory of a cross-encoder.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Module, json::Json, kind, limits, modules, unknown};
use crate::{
    config::Config,
    error::{Error, Result},
};

/// What a directory says of a cross-encoder beside its `config.json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CrossEncoder {
    /// The most tokens of a pair.
    pub(crate) max_tokens: Option<usize>,
    /// The class in PyTorch that makes a score of a logit: in files that were packed before it was a part of the configuration.
    #[serde(default, skip_serializing)]
    pub(crate) activation: Option<String>,
}

impl CrossEncoder {
    /// Whether `dir` has a model of one label, and no module after it.
    pub(crate) fn is_one(dir: &Path) -> bool {
        let path = dir.join("modules.json");
        let has_more = path.is_file() && modules(&path).is_ok_and(|modules| modules.len() != 1);
        let config = Config::from_dir(dir);
        !has_more && config.is_ok_and(|config| config.sequence().is_some_and(|head| head.labels.len() == 1))
    }

    /// What is said in `dir`: nothing in a directory of transformers.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let path = dir.join("modules.json");
        if path.is_file() {
            let modules = modules(&path)?;
            let is_plain = |module: &Module| kind(module) == Some("Transformer") && module.path.is_empty();
            if let Some(module) = modules.iter().find(|module| !is_plain(module)) {
                return Err(unknown(&path, module, "Transformer, in a cross-encoder"));
            }
        }
        let (max_tokens, lower_case) = limits(dir)?;
        if lower_case {
            let path = dir.join("sentence_bert_config.json");
            return Err(Error::config(path, "do_lower_case", "true is not supported in a cross-encoder"));
        }
        let path = dir.join("config_sentence_transformers.json");
        if path.is_file() {
            let json = Json::open(&path)?;
            if let Some(name) = json.get("default_prompt_name") {
                return Err(
                    json.error("default_prompt_name", format!("{name} is not supported in a cross-encoder"))
                );
            }
        }
        Ok(Self { max_tokens, activation: None })
    }
}
