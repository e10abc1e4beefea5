//! `config.json` → [`Config`]: which family, an encoder of which shape, and what its head answers.

mod file;

use std::path::Path;

use nimbert_kernels as kernels;

pub(crate) use self::file::File;
use crate::{
    error::{Error, Result},
    family::Family,
    plan::Plan,
    tasks::Scoring,
};

/// The feed-forward layers' activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// `x · Φ(x)` with the error function: `"gelu"`.
    Gelu,
    /// The tanh approximation of GELU: `"gelu_new"` and `"gelu_pytorch_tanh"`.
    GeluTanh,
    /// `max(x, 0)`: `"relu"`.
    Relu,
}

impl Activation {
    /// As `hidden_act` of a `config.json` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_new",
            Self::Relu => "relu",
        }
    }
}

impl From<Activation> for kernels::Activation {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Gelu => Self::Gelu,
            Activation::GeluTanh => Self::GeluTanh,
            Activation::Relu => Self::Relu,
        }
    }
}

/// What a checkpoint is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Whose tensors and quirks it has.
    pub family: Family,
    /// The encoder's sizes.
    pub encoder: Shape,
    /// What is computed from the encoder's hidden states.
    pub head: Head,
}

/// The sizes of an encoder, by the names that BERT's `config.json` has for them.
///
/// Every size is at least 1 and small enough for the product of any two to fit in 64 bits.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Shape {
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
    /// Rows of the position embedding table.
    pub max_position_embeddings: usize,
    /// Of a family whose positions are counted as RoBERTa's: the id of padding, after which they begin. Padding in a text has this
    /// position itself, and is not counted.
    pub padding_idx: Option<u32>,
    /// Of a family whose attention has a bias by distance, as MPNet's: rows of its table.
    pub relative_attention_num_buckets: Option<usize>,
    /// Rows of the token type embedding table; 0 where there is none.
    pub type_vocab_size: usize,
    /// What LayerNorm adds to the variance.
    pub layer_norm_eps: f32,
    /// The feed-forward layers' activation.
    pub hidden_act: Activation,
}

impl Shape {
    /// The most tokens a text can have.
    pub fn max_tokens(&self) -> usize {
        self.max_position_embeddings - self.padding_idx.map_or(0, |padding| padding as usize + 1)
    }

    /// Width of one attention head.
    pub fn head_size(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }
}

/// A model's last part.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Head {
    /// `…ForSequenceClassification`: a few numbers for each text.
    Sequence(Sequence),
    /// `…ForTokenClassification`: a few numbers for each token, one for each of these labels.
    Token {
        /// The labels' names, in the order of the logits.
        labels: Vec<String>,
    },
    /// `…ForQuestionAnswering`: of each token, how well an answer starts and how well it ends there.
    Span,
    /// `…ForMaskedLM`: of a token, how likely each word stands there.
    Masked {
        /// Whether its last matrix is the table of words.
        tied: bool,
    },
    /// No head, or one that is not computed here: of such a model there is the encoder.
    Encoder {
        /// The class that `architectures` names.
        class: String,
    },
}

/// The outputs of a sequence classifier, and what they mean.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sequence {
    /// The labels' names, in the order of the logits.
    pub labels: Vec<String>,
    /// How logits become scores.
    pub scoring: Scoring,
    /// `problem_type` as the file has it.
    pub problem_type: Option<String>,
    /// Of a cross-encoder: the class in PyTorch that makes scores of its logits, if the files name one.
    pub activation: Option<String>,
}

impl Config {
    /// Reads the `config.json` of a checkpoint directory, and of a classifier the activation that sentence-transformers may have
    /// left in `config_sentence_transformers.json`, which has the last word there.
    ///
    /// # Errors
    /// As [`Config::from_json`], and when a file can't be read.
    pub fn from_dir(dir: &Path) -> Result<Self> {
        let read = |path: &Path| std::fs::read(path).map_err(Error::io(path));
        let path = dir.join("config.json");
        let mut config = Self::from_json(&read(&path)?, &path)?;
        let path = dir.join("config_sentence_transformers.json");
        if let Head::Sequence(sequence) = &mut config.head
            && path.is_file()
        {
            let map = serde_json::from_slice(&read(&path)?).map_err(Error::json(&path))?;
            let said = File::new(&map, &path).name("activation_fn")?;
            sequence.activation = said.or(sequence.activation.take());
        }
        Ok(config)
    }

    /// Reads the text of a `config.json`; `path` only names the file in errors.
    ///
    /// # Errors
    /// JSON that is broken or lacks a size, a value out of range, or one that asks for what is not computed.
    pub fn from_json(json: &[u8], path: &Path) -> Result<Self> {
        let map = serde_json::from_slice(json).map_err(Error::json(path))?;
        let file = File::new(&map, path);
        Family::of(&file)?.config(&file)
    }

    /// The keys that [`Config::from_json`] reads, as `config.json` would have them: reading them gives this value again.
    pub fn to_json(&self) -> String {
        self.family.to_json(self)
    }

    /// The class of the model, as transformers calls it.
    pub fn class(&self) -> &str {
        self.family.class(self)
    }

    /// The same model without its head.
    pub(crate) fn encoder_alone(self) -> Self {
        let head = Head::Encoder { class: self.class().to_owned() };
        Self { head, ..self }
    }

    /// A sequence classifier's labels and scoring.
    pub fn sequence(&self) -> Option<&Sequence> {
        match &self.head {
            Head::Sequence(sequence) => Some(sequence),
            _ => None,
        }
    }

    /// The labels' names, of a classifier of texts or of tokens.
    pub fn labels(&self) -> &[String] {
        match &self.head {
            Head::Sequence(Sequence { labels, .. }) | Head::Token { labels } => labels,
            Head::Span | Head::Masked { .. } | Head::Encoder { .. } => &[],
        }
    }

    /// The names of what an int8 file has in int8, in file order: the word embeddings, then the matrices of each layer, and
    /// last those of the head, but for a classifier's.
    pub fn quantized_parts(&self) -> Vec<String> {
        self.plan().parts().filter(|part| part.is_quantizable()).map(|part| part.name().to_owned()).collect()
    }

    /// All named parts of a model of this configuration.
    pub(crate) fn plan(&self) -> Plan {
        self.family.plan(self)
    }
}
