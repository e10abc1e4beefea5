//! Models of a known shape with made-up weights: to measure how fast they are without having them.

use std::path::Path;

use bytemuck::cast_slice_mut;
use nimbert_kernels::try_zeroed;
use serde_json::json;

use crate::{
    config::Config,
    error::Result,
    memory,
    tokenizer::Tokenizer,
    weights::{Bytes, Dtype, Tensor},
};

/// A shape that [`crate::Engine::preset`] can make up a model of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preset {
    /// 12 layers, hidden size 768, 21,128 words, five star labels: the shape of a fine-tuned `bert-base-chinese`.
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

    pub(crate) fn config(self) -> Config {
        let json = match self {
            Self::BertBaseChinese => json!({
                "model_type": "bert",
                "architectures": ["BertForSequenceClassification"],
                "vocab_size": 21_128,
                "hidden_size": 768,
                "num_hidden_layers": 12,
                "num_attention_heads": 12,
                "intermediate_size": 3_072,
                "max_position_embeddings": 512,
                "type_vocab_size": 2,
                "layer_norm_eps": 1e-12,
                "hidden_act": "gelu",
                "id2label": { "0": "Star_1", "1": "Star_2", "2": "Star_3", "3": "Star_4", "4": "Star_5" },
                "problem_type": "multi_label_classification",
            }),
        };
        Config::from_json(json.to_string().as_bytes(), Path::new(self.name())).expect("a valid configuration")
    }

    /// The special tokens, then as many characters as the model has words.
    pub(crate) fn tokenizer(self) -> Tokenizer {
        let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
        let words = special.into_iter().chain(('\u{4e00}'..).map(String::from));
        let lines: String = words.take(self.config().vocab_size).map(|word| word + "\n").collect();
        Tokenizer::from_vocabulary(lines.as_bytes(), Path::new(self.name())).expect("a valid vocabulary")
    }
}

/// Made-up values of the tensor `name`, spread as BERT's are at the start of its training; the same on every machine.
pub(crate) fn values(name: &str, len: usize) -> Result<Vec<f32>> {
    let mut values = memory::zeros(len)?;
    fill(name, &mut values);
    Ok(values)
}

/// [`values`] as a table.
pub(crate) fn table(name: &str, rows: usize, columns: usize) -> Result<Tensor> {
    let mut lines = try_zeroed::<f32>(rows * columns).map_err(memory::refused::<f32>(rows * columns))?;
    fill(name, &mut cast_slice_mut(&mut lines)[..rows * columns]);
    let bytes = Bytes::from_lines(lines).slice(0..4 * rows * columns);
    Ok(Tensor { dtype: Dtype::F32, shape: vec![rows, columns], bytes })
}

fn fill(name: &str, out: &mut [f32]) {
    if name.ends_with("LayerNorm.weight") {
        return out.fill(1.0);
    }
    if name.ends_with(".bias") {
        return out.fill(0.0);
    }
    /// Of the sum of four uniform 16-bit integers, which is close to a normal distribution: mean and deviation.
    const MEAN: i32 = 131_070;
    const DEVIATION: f32 = 37_837.2;
    let seed = name.bytes().fold(0, |seed: u64, byte| mix(seed ^ u64::from(byte)));
    for (place, out) in (1..).zip(out) {
        let bits = mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(place)));
        let sum: i32 = [0, 16, 32, 48].iter().map(|shift| ((bits >> shift) & 0xffff) as i32).sum();
        *out = (sum - MEAN) as f32 * (0.02 / DEVIATION);
    }
}

/// SplitMix64's output function (Steele, Lea and Flood, 2014).
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_a_configuration_and_a_word_for_every_embedding() {
        for preset in Preset::ALL {
            let (config, tokenizer) = (preset.config(), preset.tokenizer());
            assert_eq!(tokenizer.vocab_size(), config.vocab_size);
            let encoding = tokenizer.encode("一丁", None, 8, crate::OnLong::Error).expect("two words");
            assert_eq!(encoding.token_ids.len(), 4);
        }
    }

    #[test]
    fn values_have_the_spread_of_untrained_weights() {
        let weights = values("bert.pooler.dense.weight", 1 << 16).unwrap();
        let n = weights.len() as f32;
        let mean = weights.iter().sum::<f32>() / n;
        let deviation = (weights.iter().map(|w| (w - mean).powi(2)).sum::<f32>() / n).sqrt();
        assert!(mean.abs() < 4e-4 && (deviation - 0.02).abs() < 4e-4, "{mean} {deviation}");
        assert_ne!(weights[..8], values("bert.embeddings.word_embeddings.weight", 8).unwrap());
        assert_eq!(values("bert.embeddings.LayerNorm.weight", 2).unwrap(), [1.0; 2]);
        assert_eq!(values("classifier.bias", 2).unwrap(), [0.0; 2]);
    }
}
