//! Directories of sentence-transformers: which modules follow the encoder, how it is asked, and in how many tokens.
//!
//! Old and new forms of the files, as versions 2 to 6 write them. A module or a value that is not computed is refused by name.
//! A packed file has the same in its metadata.

mod cross_encoder;
mod dense;
mod json;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::json::Json;
pub(crate) use self::{
    cross_encoder::CrossEncoder,
    dense::{Dense, DenseActivation},
};
use super::packed::PackedModel;
use crate::{
    config::Config,
    error::{Error, Result},
    tasks::{Pooling, Similarity},
};

/// What follows the encoder, and what goes before a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sentence {
    /// The directory in which the encoder and its tokenizer are, if it is one.
    #[serde(skip)]
    pub(crate) encoder: PathBuf,
    /// The most tokens of a text, if the directory says so: not more than the encoder has positions for.
    pub(crate) max_tokens: Option<usize>,
    /// Whether texts become lower-case before they are tokenized.
    pub(crate) lower_case: bool,
    /// Concatenated in this order.
    pub(crate) pooling: Vec<Pooling>,
    /// Whether the tokens of a prompt are pooled like the others.
    pub(crate) include_prompt: bool,
    pub(crate) steps: Vec<Step>,
    pub(crate) prompts: BTreeMap<String, String>,
    pub(crate) default_prompt: Option<String>,
    /// Only written where it says something, so that earlier readers refuse no other file.
    #[serde(default, skip_serializing_if = "Similarity::is_usual")]
    pub(crate) similarity: Similarity,
}

/// After pooling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(crate) enum Step {
    Dense(Dense),
    Normalize,
}

/// Of a dense layer: more than any model has.
const MOST_OUTPUTS: usize = 1 << 20;

#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Sentence {
    /// What `modules.json` in `dir` tells of, or nothing where there is none.
    pub(crate) fn open(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join("modules.json");
        if !path.is_file() {
            return Ok(None);
        }
        let mut modules = modules(&path)?.into_iter();
        let mut next = |wanted: &str| match modules.next() {
            Some(module) if kind(&module) == Some(wanted) => Ok(module),
            Some(module) => Err(unknown(&path, &module, wanted)),
            None => Err(Error::config(&path, wanted, "the module is missing")),
        };
        let encoder = dir.join(next("Transformer")?.path);
        let pooling = Json::open(&dir.join(next("Pooling")?.path).join("config.json"))?;
        let (max_tokens, lower_case) = limits(&encoder)?;
        let modes = modes(&pooling)?;
        let shape = Config::from_dir(&encoder)?.encoder;
        let (hidden, positions) = (shape.hidden_size, shape.max_tokens());
        for key in ["embedding_dimension", "word_embedding_dimension"] {
            if let Some(size) = pooling.get(key).filter(|size| **size != hidden) {
                return Err(pooling.error(key, format!("{size} is not the encoder's hidden size, {hidden}")));
            }
        }
        let (mut steps, mut width) = (Vec::new(), hidden * modes.len());
        for module in modules {
            match kind(&module) {
                Some("Normalize") => steps.push(Step::Normalize),
                Some("Dense") => {
                    let dense = Dense::open(&dir.join(&module.path), width)?;
                    width = dense.outputs;
                    steps.push(Step::Dense(dense));
                }
                _ => return Err(unknown(&path, &module, "Dense or Normalize")),
            }
        }
        let include_prompt = pooling.flag("include_prompt", true)?;
        let Asked { prompts, default_prompt, similarity } = Asked::open(dir)?;
        let pooling = modes;
        let max_tokens = max_tokens.map(|most| most.min(positions));
        Ok(Some(Self {
            encoder,
            max_tokens,
            lower_case,
            pooling,
            include_prompt,
            steps,
            prompts,
            default_prompt,
            similarity,
        }))
    }

    /// Of a model that says nothing about vectors.
    pub(crate) fn plain(pooling: Pooling) -> Self {
        Self {
            encoder: PathBuf::new(),
            max_tokens: None,
            lower_case: false,
            pooling: vec![pooling],
            include_prompt: true,
            steps: Vec::new(),
            prompts: BTreeMap::new(),
            default_prompt: None,
            similarity: Similarity::default(),
        }
    }

    /// With the dense layers' weights in a packed file, if all that is said there fits together.
    pub(super) fn of_packed(mut self, model: &PackedModel, name: &Path) -> Result<Self> {
        let wrong = |reason: String| Err(Error::weights(name, format!("sentence: {reason}")));
        let encoder = &model.config.encoder;
        if self.pooling.is_empty() || self.pooling.len() > Pooling::ALL.len() {
            return wrong(format!("{} poolings", self.pooling.len()));
        }
        if let Some(missing) = self.default_prompt.as_ref().filter(|name| !self.prompts.contains_key(*name)) {
            return wrong(format!("default_prompt: {missing:?} is not in prompts"));
        }
        self.max_tokens = self.max_tokens.map(|most| most.min(encoder.max_tokens()));
        let mut width = encoder.hidden_size * self.pooling.len();
        for (i, step) in self.steps.iter_mut().enumerate() {
            if let Step::Dense(dense) = step {
                if dense.inputs != width || !(1..=MOST_OUTPUTS).contains(&dense.outputs) {
                    return wrong(format!("step {i}: from {} to {} numbers", dense.inputs, dense.outputs));
                }
                dense.read_packed(model, i)?;
                width = dense.outputs;
            }
        }
        Ok(self)
    }
}

fn modules(path: &Path) -> Result<Vec<Module>> {
    serde_json::from_slice(&fs::read(path).map_err(Error::io(path))?).map_err(Error::json(path))
}

/// The class of a module of sentence-transformers itself.
fn kind(module: &Module) -> Option<&str> {
    module.kind.strip_prefix("sentence_transformers.")?.rsplit('.').next()
}

fn unknown(path: &Path, module: &Module, wanted: &str) -> Error {
    Error::config(path, "type", format!("{:?} is not supported here, only {wanted}", module.kind))
}

/// `max_seq_length` and `do_lower_case`.
fn limits(encoder: &Path) -> Result<(Option<usize>, bool)> {
    let path = encoder.join("sentence_bert_config.json");
    if !path.is_file() {
        return Ok((None, false));
    }
    let json = Json::open(&path)?;
    let max_tokens = json.get("max_seq_length").map(|_| json.size("max_seq_length")).transpose()?;
    Ok((max_tokens, json.flag("do_lower_case", false)?))
}

fn modes(json: &Json) -> Result<Vec<Pooling>> {
    const OLD: [(&str, Pooling); 6] = [
        ("pooling_mode_cls_token", Pooling::Cls),
        ("pooling_mode_max_tokens", Pooling::Max),
        ("pooling_mode_mean_tokens", Pooling::Mean),
        ("pooling_mode_mean_sqrt_len_tokens", Pooling::MeanSqrtLen),
        ("pooling_mode_weightedmean_tokens", Pooling::WeightedMean),
        ("pooling_mode_lasttoken", Pooling::Last),
    ];
    let one = |value: &Value| match value.as_str().map(str::parse) {
        Some(Ok(pooling)) => Ok(pooling),
        Some(Err(reason)) => Err(json.error("pooling_mode", reason)),
        None => Err(json.error("pooling_mode", format!("{value} is not a name"))),
    };
    let modes = match json.get("pooling_mode") {
        Some(Value::Array(names)) => names.iter().map(one).collect::<Result<Vec<_>>>()?,
        Some(name) => vec![one(name)?],
        None => {
            let mut modes = Vec::new();
            for (key, pooling) in OLD {
                if json.flag(key, false)? {
                    modes.push(pooling);
                }
            }
            modes
        }
    };
    if modes.is_empty() {
        return Err(json.error("pooling_mode", "no mode is named"));
    }
    Ok(modes)
}

/// `config_sentence_transformers.json`
#[derive(Default)]
struct Asked {
    prompts: BTreeMap<String, String>,
    default_prompt: Option<String>,
    similarity: Similarity,
}

impl Asked {
    fn open(dir: &Path) -> Result<Self> {
        let path = dir.join("config_sentence_transformers.json");
        if !path.is_file() {
            return Ok(Self::default());
        }
        let json = Json::open(&path)?;
        let mut prompts = BTreeMap::new();
        let named = json.get("prompts").and_then(Value::as_object);
        for (name, prompt) in named.into_iter().flatten().filter(|(_, prompt)| !prompt.is_null()) {
            let prompt = prompt
                .as_str()
                .ok_or_else(|| json.error("prompts", format!("{name}: {prompt} is no text")))?;
            prompts.insert(name.clone(), prompt.to_owned());
        }
        let default_prompt = match json.get("default_prompt_name") {
            None => None,
            Some(Value::String(name)) if prompts.contains_key(name) => Some(name.clone()),
            Some(other) => {
                return Err(json.error("default_prompt_name", format!("{other} is not in prompts")));
            }
        };
        let similarity = match json.get("similarity_fn_name") {
            None => Similarity::default(),
            Some(name) => Similarity::deserialize(name).map_err(|_| {
                let known = Similarity::ALL.map(Similarity::name).join(", ");
                json.error("similarity_fn_name", format!("{name} is none of {known}"))
            })?,
        };
        Ok(Self { prompts, default_prompt, similarity })
    }
}
