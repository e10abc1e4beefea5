//! `config.json` → [`Config`]. What this engine does not compute is refused here, by key and value.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// The feed-forward layers' activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x · Φ(x)` with the error function: `"gelu"`.
    Gelu,
    /// The tanh approximation of GELU: `"gelu_new"` and `"gelu_pytorch_tanh"`.
    GeluTanh,
    /// `max(x, 0)`: `"relu"`.
    Relu,
}

/// How logits become scores, chosen as the text-classification pipeline of `transformers` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scoring {
    /// The raw value: regression.
    Identity,
    /// Each label by itself: multi-label classification, or a single label.
    Sigmoid,
    /// One label out of several.
    Softmax,
}

/// The shape of a BERT sequence classifier and the meaning of its outputs.
///
/// Every size is at least 1 and small enough for the product of any two to fit in 64 bits.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Rows of the word embedding table.
    pub vocab_size: usize,
    /// Width of the hidden states, a multiple of `num_attention_heads`.
    pub hidden_size: usize,
    /// Encoder layers.
    pub num_hidden_layers: usize,
    /// Attention heads a layer.
    pub num_attention_heads: usize,
    /// Width of the feed-forward layers.
    pub intermediate_size: usize,
    /// Rows of the position embedding table: the most tokens a text can have.
    pub max_position_embeddings: usize,
    /// Rows of the token type embedding table.
    pub type_vocab_size: usize,
    /// What LayerNorm adds to the variance.
    pub layer_norm_eps: f32,
    /// The feed-forward layers' activation.
    pub hidden_act: Activation,
    /// The labels' names, in the order of the logits.
    pub labels: Vec<String>,
    /// How logits become scores.
    pub scoring: Scoring,
    /// `problem_type` as the file has it.
    pub problem_type: Option<String>,
}

impl Config {
    /// Reads the `config.json` of a checkpoint directory.
    ///
    /// # Errors
    /// As [`Config::from_json`], and when the file can't be read.
    pub fn from_dir(dir: &Path) -> Result<Self> {
        let path = dir.join("config.json");
        Self::from_json(&std::fs::read(&path).map_err(Error::io(&path))?, &path)
    }

    /// Reads the text of a `config.json`; `path` only names the file in errors.
    ///
    /// # Errors
    /// JSON that is broken or lacks a size, a value out of range, or one that asks for what is not computed.
    pub fn from_json(json: &[u8], path: &Path) -> Result<Self> {
        let map = serde_json::from_slice(json).map_err(Error::json(path))?;
        let file = File { map: &map, path };
        file.refuse_what_is_not_computed()?;
        let labels = file.labels()?;
        let problem_type = file.problem_type()?;
        let config = Self {
            vocab_size: file.size("vocab_size", 1 << 24, None)?,
            hidden_size: file.size("hidden_size", 1 << 16, None)?,
            num_hidden_layers: file.size("num_hidden_layers", 1 << 10, None)?,
            num_attention_heads: file.size("num_attention_heads", 1 << 16, None)?,
            intermediate_size: file.size("intermediate_size", 1 << 18, None)?,
            max_position_embeddings: file.size("max_position_embeddings", 1 << 20, Some(512))?,
            type_vocab_size: file.size("type_vocab_size", 1 << 16, Some(2))?,
            layer_norm_eps: file.layer_norm_eps()?,
            hidden_act: file.hidden_act()?,
            scoring: Scoring::new(problem_type.as_deref(), labels.len()),
            labels,
            problem_type,
        };
        if !config.hidden_size.is_multiple_of(config.num_attention_heads) {
            let reason = format!(
                "{} is not a multiple of num_attention_heads {}",
                config.hidden_size, config.num_attention_heads
            );
            return Err(file.error("hidden_size", reason));
        }
        Ok(config)
    }

    /// The keys that [`Config::from_json`] reads, as `config.json` would have them: reading them gives this value again.
    pub fn to_json(&self) -> String {
        let hidden_act = match self.hidden_act {
            Activation::Gelu => "gelu",
            Activation::GeluTanh => "gelu_new",
            Activation::Relu => "relu",
        };
        let id2label: Map<_, _> =
            self.labels.iter().enumerate().map(|(id, label)| (id.to_string(), json!(label))).collect();
        json!({
            "architectures": [ARCHITECTURE],
            "model_type": "bert",
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.max_position_embeddings,
            "type_vocab_size": self.type_vocab_size,
            // Widening is exact, so that reading it back gives the same bits.
            "layer_norm_eps": f64::from(self.layer_norm_eps),
            "hidden_act": hidden_act,
            "id2label": id2label,
            "problem_type": self.problem_type,
        })
        .to_string()
    }

    /// Width of one attention head.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }
}

impl Scoring {
    /// The same checks in the same order as the pipeline's `postprocess`: regression wins over a single label.
    fn new(problem_type: Option<&str>, labels: usize) -> Self {
        match problem_type {
            Some("regression") => Self::Identity,
            Some("multi_label_classification") => Self::Sigmoid,
            _ if labels == 1 => Self::Sigmoid,
            _ => Self::Softmax,
        }
    }
}

const ARCHITECTURE: &str = "BertForSequenceClassification";
const MAX_LABELS: usize = 1 << 16;

/// The parsed file, with getters whose errors name the key and its value.
struct File<'a> {
    map: &'a Map<String, Value>,
    path: &'a Path,
}

impl File<'_> {
    fn error(&self, key: &str, reason: impl Into<String>) -> Error {
        Error::config(self.path, key, reason)
    }

    /// A key's value where `null` means the same as an absent key.
    fn get(&self, key: &str) -> Option<&Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    fn refuse_what_is_not_computed(&self) -> Result<()> {
        let harmless: [(&str, &[Value]); 8] = [
            ("model_type", &[json!("bert")]),
            // Japanese checkpoints are BERT in all but how they find words.
            ("tokenizer_class", &[json!("BertTokenizer"), json!("BertTokenizerFast"), Value::Null]),
            ("position_embedding_type", &[json!("absolute")]),
            ("is_decoder", &[json!(false), Value::Null]),
            ("add_cross_attention", &[json!(false), Value::Null]),
            ("is_encoder_decoder", &[json!(false), Value::Null]),
            ("pruned_heads", &[json!({}), Value::Null]),
            ("quantization_config", &[Value::Null]),
        ];
        for (key, accepted) in harmless {
            if let Some(value) = self.map.get(key)
                && !accepted.contains(value)
            {
                return Err(self.error(key, format!("{value} is not supported, only {}", accepted[0])));
            }
        }
        match self.get("architectures") {
            None => Ok(()),
            Some(Value::Array(names)) if names.is_empty() || names.contains(&json!(ARCHITECTURE)) => Ok(()),
            Some(other) => Err(self.error(
                "architectures",
                format!("{other} has no sequence classifier, expected {ARCHITECTURE:?}"),
            )),
        }
    }

    fn size(&self, key: &str, max: usize, default: Option<usize>) -> Result<usize> {
        let Some(value) = self.map.get(key) else {
            return default.ok_or_else(|| self.error(key, "missing"));
        };
        let size = value.as_u64().and_then(|size| usize::try_from(size).ok());
        size.filter(|size| (1..=max).contains(size))
            .ok_or_else(|| self.error(key, format!("{value} is not a whole number from 1 to {max}")))
    }

    fn layer_norm_eps(&self) -> Result<f32> {
        let Some(value) = self.map.get("layer_norm_eps") else { return Ok(1e-12) };
        let eps = value.as_f64().map(|eps| eps as f32);
        eps.filter(|eps| eps.is_finite() && *eps > 0.0)
            .ok_or_else(|| self.error("layer_norm_eps", format!("{value} is not a positive 32-bit number")))
    }

    fn hidden_act(&self) -> Result<Activation> {
        match self.map.get("hidden_act") {
            None => Ok(Activation::Gelu),
            Some(value) => match value.as_str() {
                Some("gelu") => Ok(Activation::Gelu),
                Some("gelu_new" | "gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
                Some("relu") => Ok(Activation::Relu),
                _ => {
                    let expected = "expected \"gelu\", \"gelu_new\", \"gelu_pytorch_tanh\" or \"relu\"";
                    Err(self.error("hidden_act", format!("{value} is not supported, {expected}")))
                }
            },
        }
    }

    fn problem_type(&self) -> Result<Option<String>> {
        let known = ["regression", "single_label_classification", "multi_label_classification"];
        match self.get("problem_type") {
            None => Ok(None),
            Some(Value::String(name)) if known.contains(&name.as_str()) => Ok(Some(name.clone())),
            Some(other) => {
                Err(self.error("problem_type", format!("{other} is not one of {}", known.join(", "))))
            }
        }
    }

    /// From `id2label`, or `LABEL_0`, `LABEL_1`, … for `num_labels` (default 2) as `transformers` names them.
    fn labels(&self) -> Result<Vec<String>> {
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
