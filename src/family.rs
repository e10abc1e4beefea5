//! The architectures: for each its configuration's keys, its tensors' names, and what is peculiar to it. No other file writes
//! a name such as `bert.`.

mod bert;
mod classes;
mod distilbert;
mod mpnet;
mod parts;
mod roberta;

use std::fmt;

use serde_json::{Value, json};

use crate::{
    config::{Config, File, Shape},
    error::Result,
    plan::Plan,
};
use classes::Classes;

/// What the names of an encoder's tensors may begin with; a checkpoint of the encoder alone leaves it out.
pub(crate) const PREFIXES: [&str; 4] = [bert::PREFIX, roberta::PREFIX, distilbert::PREFIX, mpnet::PREFIX];

/// What `model_type` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// BERT (Devlin et al., 2018).
    Bert,
    /// RoBERTa (Liu et al., 2019).
    Roberta,
    /// XLM-RoBERTa (Conneau et al., 2019): RoBERTa with the words of a hundred languages.
    XlmRoberta,
    /// CamemBERT (Martin et al., 2019): RoBERTa in French.
    Camembert,
    /// DistilBERT (Sanh et al., 2019).
    DistilBert,
    /// MPNet (Song et al., 2020).
    Mpnet,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Bert, Self::Roberta, Self::XlmRoberta, Self::Camembert, Self::DistilBert, Self::Mpnet];

    /// As `config.json` has it, such as `xlm-roberta`.
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Roberta => "roberta",
            Self::XlmRoberta => "xlm-roberta",
            Self::Camembert => "camembert",
            Self::DistilBert => "distilbert",
            Self::Mpnet => "mpnet",
        }
    }

    /// The family of a checkpoint; an old one that names none is BERT's.
    pub(crate) fn of(file: &File<'_>) -> Result<Self> {
        let Some(named) = file.value("model_type") else { return Ok(Self::Bert) };
        Self::ALL.into_iter().find(|family| named == family.model_type()).ok_or_else(|| {
            let known = Self::ALL.map(Self::model_type).join(", ");
            file.error("model_type", format!("{named} is not supported, only {known}"))
        })
    }

    pub(crate) fn config(self, file: &File<'_>) -> Result<Config> {
        refuse_what_is_not_computed(file)?;
        let encoder = match self {
            Self::Bert => bert::shape(file),
            Self::Roberta | Self::XlmRoberta | Self::Camembert => roberta::shape(file),
            Self::DistilBert => distilbert::shape(file),
            Self::Mpnet => mpnet::shape(file),
        }?;
        Ok(Config { family: self, encoder, head: self.classes().head(file)? })
    }

    pub(crate) fn class(self, config: &Config) -> &str {
        self.classes().class(&config.head)
    }

    pub(crate) fn to_json(self, config: &Config) -> String {
        let encoder = &config.encoder;
        let mut json = match self {
            Self::DistilBert => distilbert::to_json(encoder),
            _ => bert::to_json(encoder),
        };
        json["model_type"] = json!(self.model_type());
        if let Some(padding) = encoder.padding_idx {
            json["pad_token_id"] = json!(padding);
        }
        if let Some(buckets) = encoder.relative_attention_num_buckets {
            json["relative_attention_num_buckets"] = json!(buckets);
        }
        self.classes().describe(config, &mut json);
        json.to_string()
    }

    pub(crate) fn plan(self, config: &Config) -> Plan {
        match self {
            Self::Bert => bert::plan(config),
            Self::Roberta | Self::XlmRoberta | Self::Camembert => roberta::plan(config),
            Self::DistilBert => distilbert::plan(config),
            Self::Mpnet => mpnet::plan(config),
        }
    }

    /// Whether transformers gives a model the token types that its tokenizer has. RoBERTa's likes get none as a rule, and those with
    /// one type, or none, can read no others.
    pub(crate) fn takes_token_types(self, encoder: &Shape) -> bool {
        self == Self::Bert || encoder.type_vocab_size > 1
    }

    fn classes(self) -> &'static Classes {
        match self {
            Self::Bert => &bert::CLASSES,
            Self::Roberta => &roberta::ROBERTA,
            Self::XlmRoberta => &roberta::XLM_ROBERTA,
            Self::Camembert => &roberta::CAMEMBERT,
            Self::DistilBert => &distilbert::CLASSES,
            Self::Mpnet => &mpnet::CLASSES,
        }
    }
}

impl fmt::Display for Family {
    /// As people write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bert => "BERT",
            Self::Roberta => "RoBERTa",
            Self::XlmRoberta => "XLM-RoBERTa",
            Self::Camembert => "CamemBERT",
            Self::DistilBert => "DistilBERT",
            Self::Mpnet => "MPNet",
        })
    }
}

/// What any family's file may ask for, and none computes.
fn refuse_what_is_not_computed(file: &File<'_>) -> Result<()> {
    let harmless: [(&str, &[Value]); 6] = [
        ("position_embedding_type", &[json!("absolute")]),
        ("is_decoder", &[json!(false), Value::Null]),
        ("add_cross_attention", &[json!(false), Value::Null]),
        ("is_encoder_decoder", &[json!(false), Value::Null]),
        ("pruned_heads", &[json!({}), Value::Null]),
        ("quantization_config", &[Value::Null]),
    ];
    for (key, accepted) in harmless {
        file.only(key, accepted)?;
    }
    if let Some(code) = file.get("auto_map") {
        // Jina's BERT is one of these: of model_type bert, with other layers.
        return Err(file.error("auto_map", format!("{code} is code that would have to be run")));
    }
    check_tokenizer(file)
}

/// Japanese checkpoints are BERT in all but how they find words, and so are others of which this file names the tokenizer.
fn check_tokenizer(file: &File<'_>) -> Result<()> {
    const KNOWN: [&str; 6] = ["Bert", "DistilBert", "MPNet", "Roberta", "XLMRoberta", "Camembert"];
    const AS_THE_FILE_SAYS: [&str; 2] = ["PreTrainedTokenizerFast", "TokenizersBackend"];
    let Some(named) = file.get("tokenizer_class") else { return Ok(()) };
    let is_known = named.as_str().is_some_and(|name| {
        let stem = name.strip_suffix("Fast").unwrap_or(name).strip_suffix("Tokenizer");
        stem.is_some_and(|stem| KNOWN.contains(&stem)) || AS_THE_FILE_SAYS.contains(&name)
    });
    if is_known {
        return Ok(());
    }
    let known = KNOWN.map(|stem| format!("{stem}Tokenizer")).join(", ");
    Err(file.error("tokenizer_class", format!("{named} is not supported, only {known}")))
}

/// That heads have all of the hidden states' columns.
fn check_heads(file: &File<'_>, [hidden, heads]: [&str; 2], encoder: Shape) -> Result<Shape> {
    let Shape { hidden_size, num_attention_heads, .. } = encoder;
    if hidden_size.is_multiple_of(num_attention_heads) {
        return Ok(encoder);
    }
    Err(file.error(hidden, format!("{hidden_size} is not a multiple of {heads} {num_attention_heads}")))
}
