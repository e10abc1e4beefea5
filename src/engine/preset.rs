//! Models of a known shape with made-up weights: to measure how fast they are without having them.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::{config::Config, tasks::Task, tokenizer::Tokenizer};

/// A shape that [`crate::Engine::preset`] can make up a model of: fine-tuned for a task, its labels are five stars, or nine of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preset {
    /// 12 layers, hidden size 768, 21,128 words: the shape of `bert-base-chinese`.
    BertBaseChinese,
    /// 6 layers, hidden size 768, 30,522 words: the shape of `distilbert-base`.
    DistilBertBase,
    /// 12 layers, hidden size 768, 250,002 words: the shape of `xlm-roberta-base`.
    XlmRobertaBase,
    /// 6 layers, hidden size 384, 30,522 words: the shape of `all-MiniLM-L6`, a BERT.
    AllMiniLmL6,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::BertBaseChinese, Self::DistilBertBase, Self::XlmRobertaBase, Self::AllMiniLmL6];

    /// As the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::BertBaseChinese => "bert-base-chinese",
            Self::DistilBertBase => "distilbert-base",
            Self::XlmRobertaBase => "xlm-roberta-base",
            Self::AllMiniLmL6 => "all-MiniLM-L6",
        }
    }

    /// With the head that a task reads.
    pub(crate) fn config(self, task: Task) -> Config {
        let (class, labels): (_, &[&str]) = match task {
            Task::Classify | Task::Embed => {
                ("ForSequenceClassification", &["Star_1", "Star_2", "Star_3", "Star_4", "Star_5"])
            }
            Task::Rerank => ("ForSequenceClassification", &["LABEL_0"]),
            Task::ZeroShot => ("ForSequenceClassification", &["contradiction", "neutral", "entailment"]),
            Task::Tag => (
                "ForTokenClassification",
                &["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC"],
            ),
            Task::Answer => ("ForQuestionAnswering", &[]),
            Task::FillMask => ("ForMaskedLM", &[]),
        };
        let labels = labels.iter().enumerate().map(|(id, label)| (id.to_string(), json!(label)));
        let (stem, mut json) = self.shape();
        json["architectures"] = json!([format!("{stem}{class}")]);
        json["id2label"] = labels.collect::<Map<_, _>>().into();
        json["problem_type"] = json!((task == Task::Classify).then_some("multi_label_classification"));
        Config::from_json(json.to_string().as_bytes(), Path::new(self.name())).expect("a valid configuration")
    }

    /// How its classes' names begin, and its sizes.
    fn shape(self) -> (&'static str, Value) {
        let bert = |[words, hidden, layers, inside]: [usize; 4]| {
            json!({
                "model_type": "bert",
                "vocab_size": words,
                "hidden_size": hidden,
                "num_hidden_layers": layers,
                "num_attention_heads": 12,
                "intermediate_size": inside,
                "max_position_embeddings": 512,
                "type_vocab_size": 2,
                "layer_norm_eps": 1e-12,
                "hidden_act": "gelu",
            })
        };
        match self {
            Self::BertBaseChinese => ("Bert", bert([21_128, 768, 12, 3_072])),
            Self::AllMiniLmL6 => ("Bert", bert([30_522, 384, 6, 1_536])),
            Self::XlmRobertaBase => {
                let mut json = bert([250_002, 768, 12, 3_072]);
                json["model_type"] = json!("xlm-roberta");
                json["max_position_embeddings"] = json!(514);
                json["type_vocab_size"] = json!(1);
                json["layer_norm_eps"] = json!(1e-5);
                json["pad_token_id"] = json!(PADDING);
                ("XLMRoberta", json)
            }
            Self::DistilBertBase => {
                let json = json!({
                    "model_type": "distilbert",
                    "vocab_size": 30_522,
                    "dim": 768,
                    "n_layers": 6,
                    "n_heads": 12,
                    "hidden_dim": 3_072,
                    "max_position_embeddings": 512,
                    "activation": "gelu",
                });
                ("DistilBert", json)
            }
        }
    }

    /// The special tokens, then as many characters as the model has words.
    pub(crate) fn tokenizer(self) -> Tokenizer {
        let mut special = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"].map(str::to_owned);
        debug_assert_eq!(special[PADDING], "[PAD]");
        if self != Self::XlmRobertaBase {
            special.swap(0, PADDING);
        }
        let words = special.into_iter().chain(('\u{4e00}'..).map(String::from));
        let lines: String =
            words.take(self.config(Task::Classify).encoder.vocab_size).map(|word| word + "\n").collect();
        Tokenizer::from_vocabulary(lines.as_bytes(), Path::new(self.name())).expect("a valid vocabulary")
    }
}

/// The id of padding where positions begin after it.
const PADDING: usize = 1;

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
