//! RoBERTa (Liu et al., 2019), and its likes XLM-RoBERTa and CamemBERT: `model_type` roberta, xlm-roberta and camembert. BERT's
//! encoder, whose positions begin after the id of padding; a classifier has two layers of its own, and no pooler.

use nimbert_kernels::Activation;

use super::{
    bert,
    classes::{Classes, classes},
    parts::{self, Classifier, Words},
};
use crate::{
    config::{Config, File, Shape},
    error::Result,
    plan::Plan,
};

/// What the names of the encoder's tensors begin with, in all three; a checkpoint of the encoder alone leaves it out.
pub(super) const PREFIX: &str = "roberta.";

pub(super) const ROBERTA: Classes = classes!("Roberta", None, &["RobertaForMultipleChoice"]);
pub(super) const XLM_ROBERTA: Classes = classes!("XLMRoberta", None, &["XLMRobertaForMultipleChoice"]);
pub(super) const CAMEMBERT: Classes = classes!("Camembert", None, &["CamembertForMultipleChoice"]);

pub(super) fn shape(file: &File<'_>) -> Result<Shape> {
    let padding = file.id("pad_token_id", 1)?;
    check_positions(file, Shape { padding_idx: Some(padding), ..bert::shape(file)? })
}

/// That there are positions after the id of padding, as many as the special tokens around a text need.
pub(super) fn check_positions(file: &File<'_>, encoder: Shape) -> Result<Shape> {
    let (rows, first) =
        (encoder.max_position_embeddings, encoder.padding_idx.map_or(0, |id| id as usize + 1));
    if rows < first + 2 {
        let reason =
            format!("{rows}, of which tokens have none below {first}: they begin after the id of padding");
        return Err(file.error("max_position_embeddings", reason));
    }
    Ok(encoder)
}

pub(super) fn plan(config: &Config) -> Plan {
    let encoder = &config.encoder;
    let embeddings = parts::embeddings(&format!("{PREFIX}embeddings"), encoder);
    Plan {
        relative: None,
        layers: bert::layers(PREFIX, encoder),
        head: parts::head(&config.head, encoder, &embeddings, &CLASSIFIER, &WORDS),
        embeddings,
    }
}

pub(super) const CLASSIFIER: Classifier<'_> = Classifier {
    pooler: "classifier.dense",
    activation: Activation::Tanh,
    classifier: "classifier.out_proj",
};

pub(super) const WORDS: Words<'_> = Words {
    transform: "lm_head.dense",
    // Whatever `hidden_act` is.
    activation: Activation::Gelu,
    norm: "lm_head.layer_norm",
    decoder: "lm_head.decoder",
    bias: Some("lm_head.bias"),
};
