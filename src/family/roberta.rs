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
    with_padding(file, bert::shape(file)?, file.id("pad_token_id", 1)?)
}

/// Positions begin after this id, of which there must be some left.
pub(super) fn with_padding(file: &File<'_>, encoder: Shape, padding: u32) -> Result<Shape> {
    let (rows, first) = (encoder.max_position_embeddings, padding as usize + 1);
    // As many as `[CLS]` and `[SEP]` need.
    if rows < first + 2 {
        let reason =
            format!("{rows}, of which the first {first} are none of tokens, as padding has the id {padding}");
        return Err(file.error("max_position_embeddings", reason));
    }
    Ok(Shape { padding_idx: Some(padding), ..encoder })
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
