//! BERT (Devlin et al., 2018), as Hugging Face has it: `model_type` bert.

use serde_json::{Map, Value, json};

use super::Family;
use crate::{
    config::{Config, File, Head, Sequence, Shape},
    error::Result,
    exec::Operation,
    plan::{self, Matmul, Norm, Plan, Table, Vector},
    tasks::Scoring,
};

/// What the names of the encoder's tensors begin with; a checkpoint of the encoder alone leaves it out.
pub(super) const PREFIX: &str = "bert.";
const CLASSIFIER: &str = "BertForSequenceClassification";
const ENCODER: &str = "BertModel";
/// Classes whose encoder is read; what else they have is not.
const OTHERS: [&str; 7] = [
    ENCODER,
    "BertForMaskedLM",
    "BertForPreTraining",
    "BertForTokenClassification",
    "BertForQuestionAnswering",
    "BertForNextSentencePrediction",
    "BertForMultipleChoice",
];

pub(super) fn config(file: &File<'_>) -> Result<Config> {
    refuse_what_is_not_computed(file)?;
    let head = read_head(file)?;
    let encoder = Shape {
        vocab_size: file.size("vocab_size", 1 << 24, None)?,
        hidden_size: file.size("hidden_size", 1 << 16, None)?,
        num_hidden_layers: file.size("num_hidden_layers", 1 << 10, None)?,
        num_attention_heads: file.size("num_attention_heads", 1 << 16, None)?,
        intermediate_size: file.size("intermediate_size", 1 << 18, None)?,
        max_position_embeddings: file.size("max_position_embeddings", 1 << 20, Some(512))?,
        type_vocab_size: file.size("type_vocab_size", 1 << 16, Some(2))?,
        layer_norm_eps: file.layer_norm_eps()?,
        hidden_act: file.hidden_act()?,
    };
    let Shape { hidden_size, num_attention_heads, .. } = encoder;
    if !hidden_size.is_multiple_of(num_attention_heads) {
        let reason = format!("{hidden_size} is not a multiple of num_attention_heads {num_attention_heads}");
        return Err(file.error("hidden_size", reason));
    }
    Ok(Config { family: Family::Bert, encoder, head })
}

fn refuse_what_is_not_computed(file: &File<'_>) -> Result<()> {
    let harmless: [(&str, &[Value]); 7] = [
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
        file.only(key, accepted)?;
    }
    Ok(())
}

/// A sequence classifier, unless another class is named.
fn read_head(file: &File<'_>) -> Result<Head> {
    let named = match file.get("architectures") {
        Some(Value::Array(names)) if names.is_empty() || names.contains(&json!(CLASSIFIER)) => None,
        other => other,
    };
    if let Some(named) = named {
        let known = |name: &&str| named.as_array().is_some_and(|names| names.contains(&json!(name)));
        return match OTHERS.into_iter().find(known) {
            Some(class) => Ok(Head::Encoder { class: class.to_owned() }),
            None => {
                let reason = format!("{named} is none of {CLASSIFIER}, {}", OTHERS.join(", "));
                Err(file.error("architectures", reason))
            }
        };
    }
    let (labels, problem_type) = (file.labels()?, file.problem_type()?);
    let scoring = Scoring::new(problem_type.as_deref(), labels.len());
    Ok(Head::Sequence(Sequence { labels, scoring, problem_type, activation: file.activation()? }))
}

pub(super) fn class(config: &Config) -> &str {
    match &config.head {
        Head::Sequence(_) => CLASSIFIER,
        Head::Encoder { class } => class,
    }
}

pub(super) fn to_json(config: &Config) -> String {
    let encoder = &config.encoder;
    let class = match &config.head {
        // A classifier that was left out is none to who reads this.
        Head::Encoder { class } if class == CLASSIFIER => ENCODER,
        _ => class(config),
    };
    let mut json = json!({
        "architectures": [class],
        "model_type": "bert",
        "vocab_size": encoder.vocab_size,
        "hidden_size": encoder.hidden_size,
        "num_hidden_layers": encoder.num_hidden_layers,
        "num_attention_heads": encoder.num_attention_heads,
        "intermediate_size": encoder.intermediate_size,
        "max_position_embeddings": encoder.max_position_embeddings,
        "type_vocab_size": encoder.type_vocab_size,
        // Widening is exact, so that reading it back gives the same bits.
        "layer_norm_eps": f64::from(encoder.layer_norm_eps),
        "hidden_act": encoder.hidden_act.name(),
    });
    if let Head::Sequence(Sequence { labels, problem_type, activation, .. }) = &config.head {
        let id2label = labels.iter().enumerate().map(|(id, label)| (id.to_string(), json!(label)));
        json["id2label"] = id2label.collect::<Map<_, _>>().into();
        json["problem_type"] = json!(problem_type);
        if let Some(activation) = activation {
            json["sentence_transformers"] = json!({ "activation_fn": activation });
        }
    }
    json.to_string()
}

pub(super) fn plan(config: &Config) -> Plan {
    let encoder = &config.encoder;
    let layers =
        (0..encoder.num_hidden_layers).map(|i| layer(&format!("{PREFIX}encoder.layer.{i}"), encoder));
    Plan {
        embeddings: embeddings(&format!("{PREFIX}embeddings"), encoder),
        layers: layers.collect(),
        head: head(config),
    }
}

fn embeddings(name: &str, encoder: &Shape) -> plan::Embeddings {
    let columns = encoder.hidden_size;
    let table = |of: &str, rows| Table::new(format!("{name}.{of}_embeddings.weight"), rows, columns);
    plan::Embeddings {
        words: table("word", encoder.vocab_size).quantizable(),
        positions: table("position", encoder.max_position_embeddings),
        token_types: table("token_type", encoder.type_vocab_size),
        norm: norm(name, encoder),
    }
}

/// `name` is such as `bert.encoder.layer.0`.
fn layer(name: &str, encoder: &Shape) -> plan::Layer {
    let (hidden, inside) = (encoder.hidden_size, encoder.intermediate_size);
    let attention = format!("{name}.attention");
    let qkv = ["query", "key", "value"].map(|of| format!("{attention}.self.{of}"));
    let dense = |name: String, n, k, operation| Matmul::new(format!("{name}.dense"), n, k, operation);
    plan::Layer {
        qkv: Matmul::stacked(format!("{attention}.self.qkv"), qkv, hidden, hidden, Operation::Qkv),
        attention_output: dense(format!("{attention}.output"), hidden, hidden, Operation::AttentionOutput),
        attention_norm: norm(&format!("{attention}.output"), encoder),
        intermediate: dense(format!("{name}.intermediate"), inside, hidden, Operation::Intermediate),
        output: dense(format!("{name}.output"), hidden, inside, Operation::Output),
        output_norm: norm(&format!("{name}.output"), encoder),
    }
}

fn head(config: &Config) -> plan::Head {
    let (hidden, Head::Sequence(sequence)) = (config.encoder.hidden_size, &config.head) else {
        return plan::Head::None;
    };
    let pooler = Matmul::new(format!("{PREFIX}pooler.dense"), hidden, hidden, Operation::Head);
    let classifier = Matmul::new("classifier".to_owned(), sequence.labels.len(), hidden, Operation::Head);
    plan::Head::Sequence { pooler, classifier: classifier.decisive() }
}

fn norm(name: &str, encoder: &Shape) -> Norm {
    let [weight, bias] =
        ["weight", "bias"].map(|of| Vector::new(format!("{name}.LayerNorm.{of}"), encoder.hidden_size));
    Norm { weight, bias, epsilon: encoder.layer_norm_eps }
}
