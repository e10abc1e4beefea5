//! What the families build their plans of: they have the same parts, under other names.

use nimbert_kernels::Activation;

use crate::{
    config::{Head, Sequence, Shape},
    exec::Operation,
    plan::{self, Matmul, Norm, Table, Tensors, Vector},
};

/// A normalization of hidden states.
pub(super) fn norm(name: &str, encoder: &Shape) -> Norm {
    let [weight, bias] =
        ["weight", "bias"].map(|of| Vector::new(format!("{name}.{of}"), encoder.hidden_size));
    Norm { weight, bias, epsilon: encoder.layer_norm_eps }
}

/// `name` is such as `bert.embeddings`.
pub(super) fn embeddings(name: &str, encoder: &Shape) -> plan::Embeddings {
    let table =
        |of: &str, rows| Table::new(format!("{name}.{of}_embeddings.weight"), rows, encoder.hidden_size);
    plan::Embeddings {
        words: table("word", encoder.vocab_size).quantizable(),
        positions: table("position", encoder.max_position_embeddings),
        padding: encoder.padding_idx,
        token_types: (encoder.type_vocab_size > 0).then(|| table("token_type", encoder.type_vocab_size)),
        norm: norm(&format!("{name}.LayerNorm"), encoder),
    }
}

/// The names of a layer's parts, without `.weight` or `.bias`.
pub(super) struct Layer {
    pub(super) qkv: [String; 3],
    /// The three of them together.
    pub(super) stacked: String,
    pub(super) attention_output: String,
    pub(super) attention_norm: String,
    pub(super) intermediate: String,
    pub(super) output: String,
    pub(super) output_norm: String,
}

impl Layer {
    pub(super) fn plan(self, encoder: &Shape) -> plan::Layer {
        let (hidden, inside) = (encoder.hidden_size, encoder.intermediate_size);
        plan::Layer {
            qkv: Matmul::stacked(self.stacked, &self.qkv, hidden, hidden, Operation::Qkv),
            attention_output: Matmul::new(self.attention_output, hidden, hidden, Operation::AttentionOutput),
            attention_norm: norm(&self.attention_norm, encoder),
            intermediate: Matmul::new(self.intermediate, inside, hidden, Operation::Intermediate),
            output: Matmul::new(self.output, hidden, inside, Operation::Output),
            output_norm: norm(&self.output_norm, encoder),
        }
    }
}

/// A head's matrix, from hidden states to `n` numbers.
pub(super) fn dense(name: impl Into<String>, n: usize, encoder: &Shape) -> Matmul {
    Matmul::new(name.into(), n, encoder.hidden_size, Operation::Head)
}

/// The names of what makes a class of a text's first token: a layer as wide as hidden states, and what gives the logits.
pub(super) struct Classifier<'a> {
    pub(super) pooler: &'a str,
    pub(super) activation: Activation,
    pub(super) classifier: &'a str,
}

/// The names of what makes words of tokens, without `.weight` or `.bias`.
pub(super) struct Words<'a> {
    pub(super) transform: &'a str,
    pub(super) activation: Activation,
    pub(super) norm: &'a str,
    pub(super) decoder: &'a str,
    /// The tensor that a decoder's bias is, too, where it has two names.
    pub(super) bias: Option<&'a str>,
}

/// The heads that all families have: but for these two, their matrices have the same names in all.
pub(super) fn head(
    head: &Head,
    encoder: &Shape,
    embeddings: &plan::Embeddings,
    classifier: &Classifier<'_>,
    words: &Words<'_>,
) -> plan::Head {
    match head {
        Head::Encoder { .. } => plan::Head::None,
        Head::Sequence(Sequence { labels, .. }) => plan::Head::Sequence {
            pooler: dense(classifier.pooler, encoder.hidden_size, encoder),
            activation: classifier.activation,
            classifier: dense(classifier.classifier, labels.len(), encoder).decisive(),
        },
        Head::Token { labels } => {
            plan::Head::Tokens { classifier: dense("classifier", labels.len(), encoder).decisive() }
        }
        Head::Span => plan::Head::Tokens { classifier: dense("qa_outputs", 2, encoder).decisive() },
        Head::Masked { tied } => masked(words, tied.then_some(&embeddings.words), encoder),
    }
}

/// `tied` is the table that the decoder multiplies by, if it has no matrix of its own.
fn masked(words: &Words<'_>, tied: Option<&Table>, encoder: &Shape) -> plan::Head {
    let Words { transform, activation, norm: of_norm, decoder, bias } = *words;
    let own = format!("{decoder}.bias");
    // transformers 4 shares the biases; 5 does where the weights are tied, and else computes with the decoder's own.
    let mut bias: Vec<_> = bias.map(str::to_owned).into_iter().chain([own]).collect();
    if tied.is_none() {
        bias.reverse();
    }
    let weight = tied.map_or_else(|| format!("{decoder}.weight"), |words| words.name.clone());
    plan::Head::Masked {
        transform: dense(transform, encoder.hidden_size, encoder),
        activation,
        norm: norm(of_norm, encoder),
        decoder: dense(decoder, encoder.vocab_size, encoder).found_at(Tensors { weight, bias }),
    }
}
