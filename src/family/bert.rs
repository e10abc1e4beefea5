//! BERT (Devlin et al., 2018), as Hugging Face has it: `model_type` bert.

use nimbert_kernels::Activation;
use serde_json::{Value, json};

use super::{
    check_heads,
    classes::{Classes, classes},
    parts::{self, Classifier, Words},
};
use crate::{
    config::{Config, File, Shape},
    error::Result,
    plan::{self, Plan},
};

/// What the names of the encoder's tensors begin with; a checkpoint of the encoder alone leaves it out.
pub(super) const PREFIX: &str = "bert.";

pub(super) const CLASSES: Classes =
    classes!("Bert", Some("BertForPreTraining"), &["BertForNextSentencePrediction", "BertForMultipleChoice"]);

/// By the keys that most families have.
pub(super) fn shape(file: &File<'_>) -> Result<Shape> {
    let encoder = Shape {
        vocab_size: file.size("vocab_size", 1 << 24, None)?,
        hidden_size: file.size("hidden_size", 1 << 16, None)?,
        num_hidden_layers: file.size("num_hidden_layers", 1 << 10, None)?,
        num_attention_heads: file.size("num_attention_heads", 1 << 16, None)?,
        intermediate_size: file.size("intermediate_size", 1 << 18, None)?,
        max_position_embeddings: file.size("max_position_embeddings", 1 << 20, Some(512))?,
        padding_idx: None,
        relative_attention_num_buckets: None,
        type_vocab_size: file.size("type_vocab_size", 1 << 16, Some(2))?,
        layer_norm_eps: file.layer_norm_eps()?,
        hidden_act: file.hidden_act("hidden_act")?,
    };
    check_heads(file, ["hidden_size", "num_attention_heads"], encoder)
}

/// The keys that [`shape`] reads.
pub(super) fn to_json(encoder: &Shape) -> Value {
    let mut json = json!({
        "vocab_size": encoder.vocab_size,
        "hidden_size": encoder.hidden_size,
        "num_hidden_layers": encoder.num_hidden_layers,
        "num_attention_heads": encoder.num_attention_heads,
        "intermediate_size": encoder.intermediate_size,
        "max_position_embeddings": encoder.max_position_embeddings,
        // Widening is exact, so that reading it back gives the same bits.
        "layer_norm_eps": f64::from(encoder.layer_norm_eps),
        "hidden_act": encoder.hidden_act.name(),
    });
    if encoder.type_vocab_size > 0 {
        json["type_vocab_size"] = json!(encoder.type_vocab_size);
    }
    json
}

pub(super) fn plan(config: &Config) -> Plan {
    let encoder = &config.encoder;
    let embeddings = parts::embeddings(&format!("{PREFIX}embeddings"), encoder);
    let classifier = Classifier {
        pooler: &format!("{PREFIX}pooler.dense"),
        activation: Activation::Tanh,
        classifier: "classifier",
    };
    // Of what there is under `cls.seq_relationship` nothing is read.
    let words = Words {
        transform: "cls.predictions.transform.dense",
        activation: encoder.hidden_act.into(),
        norm: "cls.predictions.transform.LayerNorm",
        decoder: "cls.predictions.decoder",
        bias: Some("cls.predictions.bias"),
    };
    Plan {
        relative: None,
        layers: layers(PREFIX, encoder),
        head: parts::head(&config.head, encoder, &embeddings, &classifier, &words),
        embeddings,
    }
}

/// Those of RoBERTa have the same names after another prefix.
pub(super) fn layers(prefix: &str, encoder: &Shape) -> Vec<plan::Layer> {
    let layer = |i| {
        let name = format!("{prefix}encoder.layer.{i}");
        let attention = format!("{name}.attention");
        let names = parts::Layer {
            qkv: ["query", "key", "value"].map(|of| format!("{attention}.self.{of}")),
            stacked: format!("{attention}.self.qkv"),
            attention_output: format!("{attention}.output.dense"),
            attention_norm: format!("{attention}.output.LayerNorm"),
            intermediate: format!("{name}.intermediate.dense"),
            output: format!("{name}.output.dense"),
            output_norm: format!("{name}.output.LayerNorm"),
        };
        names.plan(encoder)
    };
    (0..encoder.num_hidden_layers).map(layer).collect()
}
