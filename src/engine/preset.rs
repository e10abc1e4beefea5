//! Models of a known shape with made-up weights: to measure how fast they are without having them.

use std::path::Path;

use serde_json::{Map, json};

use crate::{config::Config, tasks::Task, tokenizer::Tokenizer};

/// A shape that [`crate::Engine::preset`] can make up a model of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preset {
    /// 12 layers, hidden size 768, 21,128 words: the shape of `bert-base-chinese`, fine-tuned for a task. Its labels are five stars, or nine
    /// of tokens.
    BertBaseChinese,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::BertBaseChinese];

    /// As the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::BertBaseChinese => "bert-base-chinese",
        }
    }

    /// With the head that a task reads.
    pub(crate) fn config(self, task: Task) -> Config {
        let (class, labels): (_, &[&str]) = match task {
            Task::Classify | Task::Embed => {
                ("BertForSequenceClassification", &["Star_1", "Star_2", "Star_3", "Star_4", "Star_5"])
            }
            Task::Rerank => ("BertForSequenceClassification", &["LABEL_0"]),
            Task::ZeroShot => ("BertForSequenceClassification", &["contradiction", "neutral", "entailment"]),
            Task::Tag => (
                "BertForTokenClassification",
                &["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"],
            ),
            Task::Answer => ("BertForQuestionAnswering", &[]),
            Task::FillMask => ("BertForMaskedLM", &[]),
        };
        let labels = labels.iter().enumerate().map(|(id, label)| (id.to_string(), json!(label)));
        let json = match self {
            Self::BertBaseChinese => json!({
                "model_type": "bert",
                "architectures": [class],
                "vocab_size": 21_128,
                "hidden_size": 768,
                "num_hidden_layers": 12,
                "num_attention_heads": 12,
                "intermediate_size": 3_072,
                "max_position_embeddings": 512,
                "type_vocab_size": 2,
                "layer_norm_eps": 1e-12,
                "hidden_act": "gelu",
                "id2label": labels.collect::<Map<_, _>>(),
                "problem_type": (task == Task::Classify).then_some("multi_label_classification"),
            }),
        };
        Config::from_json(json.to_string().as_bytes(), Path::new(self.name())).expect("a valid configuration")
    }

    /// The special tokens, then as many characters as the model has words.
    pub(crate) fn tokenizer(self) -> Tokenizer {
        let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
        let words = special.into_iter().chain(('\u{4e00}'..).map(String::from));
        let lines: String =
            words.take(self.config(Task::Classify).encoder.vocab_size).map(|word| word + "\n").collect();
        Tokenizer::from_vocabulary(lines.as_bytes(), Path::new(self.name())).expect("a valid vocabulary")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_a_configuration_and_a_word_for_every_embedding() {
        for preset in Preset::ALL {
            let (config, tokenizer) = (preset.config(Task::Classify), preset.tokenizer());
            assert_eq!(tokenizer.vocab_size(), config.encoder.vocab_size);
            let encoding = tokenizer.encode("一丁", None, 8, crate::OnLong::Error).expect("two words");
            assert_eq!(encoding.token_ids.len(), 4);
        }
    }
}
