//! The sizes of a model, for reading and in JSON.

use std::fmt;

use indicatif::HumanCount;
use nimbert::{Config, Family};
use serde::{Deserialize, Serialize};

use crate::count::count;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Architecture {
    #[serde(rename = "type")]
    kind: String,
    layers: usize,
    hidden_size: usize,
    heads: usize,
    intermediate_size: usize,
    activation: String,
    vocabulary: usize,
    positions: usize,
}

impl Architecture {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            kind: config.family.model_type().to_owned(),
            layers: config.encoder.num_hidden_layers,
            hidden_size: config.encoder.hidden_size,
            heads: config.encoder.num_attention_heads,
            intermediate_size: config.encoder.intermediate_size,
            activation: config.encoder.hidden_act.name().to_owned(),
            vocabulary: config.encoder.vocab_size,
            positions: config.encoder.max_position_embeddings,
        }
    }

    /// All sizes, those of the tables too, which a shorter description leaves out.
    pub(crate) fn in_full(&self) -> String {
        let (words, positions) = (count(self.vocabulary, "word"), count(self.positions, "position"));
        format!("{self}, {words}, {positions}")
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, layers, hidden_size, heads, intermediate_size, activation, .. } = self;
        let [hidden, inside] = [*hidden_size, *intermediate_size].map(|n| HumanCount(n as u64));
        let named = Family::ALL.into_iter().find(|family| family.model_type() == kind);
        let kind = named.map_or_else(|| kind.clone(), |family| family.to_string());
        let (layers, heads) = (count(*layers, "layer"), count(*heads, "head"));
        write!(f, "{kind}, {layers}, hidden {hidden}, {heads}, intermediate {inside}, {activation}")
    }
}
