//! Weights of no checkpoint: to measure how fast a model is without having it.

use bytemuck::cast_slice_mut;
use nimbert_kernels::try_zeroed;

use super::weights::{Bytes, Dtype, Tensor};
use crate::{error::Result, memory};

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
    if ["LayerNorm.weight", "layer_norm.weight"].iter().any(|norm| name.ends_with(norm)) {
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
    fn values_have_the_spread_of_untrained_weights() {
        let weights = values("bert.pooler.dense.weight", 1 << 16).unwrap();
        let n = weights.len() as f32;
        let mean = weights.iter().sum::<f32>() / n;
        let deviation = (weights.iter().map(|w| (w - mean).powi(2)).sum::<f32>() / n).sqrt();
        assert!(mean.abs() < 4e-4 && (deviation - 0.02).abs() < 4e-4, "{mean} {deviation}");
        assert_ne!(weights[..8], values("bert.embeddings.word_embeddings.weight", 8).unwrap());
        assert_eq!(values("bert.embeddings.LayerNorm.weight", 2).unwrap(), [1.0; 2]);
        assert_eq!(values("distilbert.transformer.layer.0.sa_layer_norm.weight", 2).unwrap(), [1.0; 2]);
        assert_eq!(values("classifier.bias", 2).unwrap(), [0.0; 2]);
    }
}
