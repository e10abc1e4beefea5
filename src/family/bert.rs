//! BERT (Devlin et al., 2018), as Hugging Face has it: `model_type` bert.

use serde_json::{Map, Value, json};

use super::Family;
use crate::{
    config::{Config, File, Head, Sequence, Shape},
    error::Result,
    exec::Operation,
    plan::{self, Matmul, Norm, Plan, Table, Tensors, Vector},
    tasks::Scoring,
};

/// What the names of the encoder's tensors begin with; a checkpoint of the encoder alone leaves it out.
pub(super) const PREFIX: &str = "bert.";
const CLASSIFIER: &str = "BertForSequenceClassification";
const TAGGER: &str = "BertForTokenClassification";
const READER: &str = "BertForQuestionAnswering";
const MASKED: &str = "BertForMaskedLM";
const ENCODER: &str = "BertModel";
/// What it was trained as: a masked language model, and something that is not read.
const PRETRAINED: &str = "BertForPreTraining";
/// Classes whose encoder is read; what else they have is not.
const OTHERS: [&str; 3] = [ENCODER, "BertForNextSentencePrediction", "BertForMultipleChoice"];

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

/// That of the class which is named, or of a sequence classifier where none is.
fn read_head(file: &File<'_>) -> Result<Head> {
    let named = match file.get("architectures") {
        Some(Value::Array(names)) if names.is_empty() => None,
        other => other,
    };
    let is = |class: &str| match named {
        None => class == CLASSIFIER,
        Some(named) => named.as_array().is_some_and(|names| names.contains(&json!(class))),
    };
    if is(CLASSIFIER) {
        let (labels, problem_type) = (file.labels()?, file.problem_type()?);
        let scoring = Scoring::new(problem_type.as_deref(), labels.len());
        return Ok(Head::Sequence(Sequence {
            labels,
            scoring,
            problem_type,
            activation: file.activation()?,
        }));
    }
    if is(TAGGER) {
        return Ok(Head::Token { labels: file.labels()? });
    }
    if is(READER) {
        return Ok(Head::Span);
    }
    if is(MASKED) || is(PRETRAINED) {
        return Ok(Head::Masked { tied: file.flag("tie_word_embeddings", true)? });
    }
    if let Some(class) = OTHERS.into_iter().find(|class| is(class)) {
        return Ok(Head::Encoder { class: class.to_owned() });
    }
    let known = [CLASSIFIER, TAGGER, READER, MASKED, PRETRAINED].into_iter().chain(OTHERS);
    let known: Vec<_> = known.collect();
    let named = named.unwrap_or(&Value::Null);
    Err(file.error("architectures", format!("{named} is none of {}", known.join(", "))))
}

pub(super) fn class(config: &Config) -> &str {
    match &config.head {
        Head::Sequence(_) => CLASSIFIER,
        Head::Token { .. } => TAGGER,
        Head::Span => READER,
        Head::Masked { .. } => MASKED,
        Head::Encoder { class } => class,
    }
}

pub(super) fn to_json(config: &Config) -> String {
    let encoder = &config.encoder;
    let class = match &config.head {
        // A head that was left out is none to who reads this.
        Head::Encoder { class } if !OTHERS.contains(&class.as_str()) => ENCODER,
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
    let labels = config.labels();
    if !labels.is_empty() {
        let id2label = labels.iter().enumerate().map(|(id, label)| (id.to_string(), json!(label)));
        json["id2label"] = id2label.collect::<Map<_, _>>().into();
    }
    match &config.head {
        Head::Sequence(Sequence { problem_type, activation, .. }) => {
            json["problem_type"] = json!(problem_type);
            if let Some(activation) = activation {
                json["sentence_transformers"] = json!({ "activation_fn": activation });
            }
        }
        Head::Masked { tied } => json["tie_word_embeddings"] = json!(tied),
        Head::Token { .. } | Head::Span | Head::Encoder { .. } => {}
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
        words: words(encoder),
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
        qkv: Matmul::stacked(format!("{attention}.self.qkv"), &qkv, hidden, hidden, Operation::Qkv),
        attention_output: dense(format!("{attention}.output"), hidden, hidden, Operation::AttentionOutput),
        attention_norm: norm(&format!("{attention}.output"), encoder),
        intermediate: dense(format!("{name}.intermediate"), inside, hidden, Operation::Intermediate),
        output: dense(format!("{name}.output"), hidden, inside, Operation::Output),
        output_norm: norm(&format!("{name}.output"), encoder),
    }
}

fn head(config: &Config) -> plan::Head {
    let encoder = &config.encoder;
    let hidden = encoder.hidden_size;
    let matmul = |name: &str, n| Matmul::new(name.to_owned(), n, hidden, Operation::Head);
    match &config.head {
        Head::Encoder { .. } => plan::Head::None,
        Head::Sequence(Sequence { labels, .. }) => plan::Head::Sequence {
            pooler: matmul(&format!("{PREFIX}pooler.dense"), hidden),
            classifier: matmul("classifier", labels.len()).decisive(),
        },
        Head::Token { labels } => {
            plan::Head::Tokens { classifier: matmul("classifier", labels.len()).decisive() }
        }
        Head::Span => plan::Head::Tokens { classifier: matmul("qa_outputs", 2).decisive() },
        Head::Masked { tied } => masked(*tied, encoder),
    }
}

/// `cls.predictions`; of what it has under `seq_relationship` nothing is read.
fn masked(tied: bool, encoder: &Shape) -> plan::Head {
    let (hidden, name) = (encoder.hidden_size, "cls.predictions");
    let transform = format!("{name}.transform");
    let decoder = format!("{name}.decoder");
    // transformers 4 shares the biases; 5 does where the weights are tied, and else computes with the second.
    let mut bias = vec![format!("{name}.bias"), format!("{decoder}.bias")];
    if !tied {
        bias.reverse();
    }
    let weight = if tied { words(encoder).name } else { format!("{decoder}.weight") };
    let tensors = Tensors { weight, bias };
    plan::Head::Masked {
        norm: norm(&transform, encoder),
        transform: Matmul::new(format!("{transform}.dense"), hidden, hidden, Operation::Head),
        activation: encoder.hidden_act,
        decoder: Matmul::new(decoder, encoder.vocab_size, hidden, Operation::Head).found_at(tensors),
    }
}

fn words(encoder: &Shape) -> Table {
    let name = format!("{PREFIX}embeddings.word_embeddings.weight");
    Table::new(name, encoder.vocab_size, encoder.hidden_size).quantizable()
}

fn norm(name: &str, encoder: &Shape) -> Norm {
    let [weight, bias] =
        ["weight", "bias"].map(|of| Vector::new(format!("{name}.LayerNorm.{of}"), encoder.hidden_size));
    Norm { weight, bias, epsilon: encoder.layer_norm_eps }
}
