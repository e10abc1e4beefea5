//! From the hidden states of a text's tokens to one vector, as `Pooling` of sentence-transformers 6.2 does.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How the hidden states of a text become one vector of the same size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Pooling {
    /// That of the first token.
    Cls,
    /// The largest value of each column.
    Max,
    /// The mean.
    Mean,
    /// The sum over the square root of the tokens' number.
    MeanSqrtLen,
    /// The mean, in which the i-th token counts i times.
    WeightedMean,
    /// That of the last token.
    Last,
}

impl Pooling {
    /// All of them, in the order in which old configurations concatenate them.
    pub const ALL: [Self; 6] =
        [Self::Cls, Self::Max, Self::Mean, Self::MeanSqrtLen, Self::WeightedMean, Self::Last];

    /// The name in configurations of sentence-transformers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cls => "cls",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::MeanSqrtLen => "mean_sqrt_len_tokens",
            Self::WeightedMean => "weightedmean",
            Self::Last => "lasttoken",
        }
    }

    /// Writes the vector of a text whose tokens are `hidden`, `[tokens, out.len()]`; the first `skipped` do not count, but have
    /// their places. At least one token is left.
    ///
    /// Sums go from the first token to the last, so that they are the same bits in any batch.
    pub(crate) fn pool(self, hidden: &[f32], skipped: usize, out: &mut [f32]) {
        let size = out.len();
        let tokens = || hidden.chunks_exact(size).enumerate().skip(skipped);
        let count = hidden.len() / size - skipped;
        let add = |out: &mut [f32], weight: f32, row: &[f32]| {
            out.iter_mut().zip(row).for_each(|(sum, x)| *sum = x.mul_add(weight, *sum));
        };
        match self {
            Self::Cls => out.copy_from_slice(&hidden[skipped * size..(skipped + 1) * size]),
            Self::Last => out.copy_from_slice(&hidden[hidden.len() - size..]),
            Self::Max => {
                out.fill(f32::NEG_INFINITY);
                for (_, row) in tokens() {
                    // Not `max`, which would pass over what is not a number.
                    out.iter_mut().zip(row).for_each(|(max, &x)| {
                        if x > *max || x.is_nan() {
                            *max = x;
                        }
                    });
                }
            }
            Self::Mean | Self::MeanSqrtLen => {
                out.fill(0.0);
                tokens().for_each(|(_, row)| add(out, 1.0, row));
                let count = count as f32;
                let divisor = if self == Self::Mean { count } else { count.sqrt() };
                out.iter_mut().for_each(|sum| *sum /= divisor);
            }
            Self::WeightedMean => {
                out.fill(0.0);
                let mut weights = 0.0;
                for (place, row) in tokens() {
                    let weight = (place + 1) as f32;
                    weights += weight;
                    add(out, weight, row);
                }
                out.iter_mut().for_each(|sum| *sum /= weights);
            }
        }
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Pooling {
    type Err = String;

    /// The names of sentence-transformers, and `last`.
    fn from_str(name: &str) -> Result<Self, String> {
        let name = if name == "last" { Self::Last.name() } else { name };
        Self::ALL.into_iter().find(|pooling| pooling.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("unknown pooling {name:?}, expected one of {names}")
        })
    }
}

impl TryFrom<String> for Pooling {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<Pooling> for String {
    fn from(pooling: Pooling) -> Self {
        pooling.name().to_owned()
    }
}

/// Divides by the Euclidean length; what has next to none stays as it is (PyTorch's `normalize`).
pub(crate) fn normalize(values: &mut [f32]) {
    let length = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let inverse = 1.0 / length.max(1e-12);
    values.iter_mut().for_each(|x| *x = (f64::from(*x) * inverse) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIDDEN: [f32; 8] = [1.0, -2.0, 3.0, 0.0, -1.0, 5.0, 7.0, 1.0];

    fn pool(pooling: Pooling, skipped: usize) -> [f32; 2] {
        let mut out = [f32::NAN; 2];
        pooling.pool(&HIDDEN, skipped, &mut out);
        out
    }

    #[test]
    fn each_is_what_its_name_says() {
        assert_eq!(pool(Pooling::Cls, 0), [1.0, -2.0]);
        assert_eq!(pool(Pooling::Max, 0), [7.0, 5.0]);
        assert_eq!(pool(Pooling::Mean, 0), [2.5, 1.0]);
        assert_eq!(pool(Pooling::MeanSqrtLen, 0), [5.0, 2.0]);
        assert_eq!(
            pool(Pooling::WeightedMean, 0),
            [(1.0 + 6.0 - 3.0 + 28.0) / 10.0, (-2.0 + 15.0 + 4.0) / 10.0]
        );
        assert_eq!(pool(Pooling::Last, 0), [7.0, 1.0]);
    }

    #[test]
    fn what_is_skipped_keeps_its_place() {
        assert_eq!(pool(Pooling::Cls, 1), [3.0, 0.0]);
        assert_eq!(pool(Pooling::Max, 3), [7.0, 1.0]);
        assert_eq!(pool(Pooling::Mean, 2), [3.0, 3.0]);
        assert_eq!(pool(Pooling::WeightedMean, 2), [(-3.0 + 28.0) / 7.0, (15.0 + 4.0) / 7.0]);
    }

    #[test]
    fn the_largest_passes_on_what_is_not_a_number() {
        let mut out = [0.0];
        Pooling::Max.pool(&[1.0, f32::NAN, 2.0], 0, &mut out);
        assert!(out[0].is_nan());
    }

    #[test]
    fn names_are_read_back() {
        for pooling in Pooling::ALL {
            assert_eq!(pooling.to_string().parse(), Ok(pooling));
        }
        assert_eq!("last".parse(), Ok(Pooling::Last));
        assert!("median".parse::<Pooling>().unwrap_err().contains("expected one of cls, max, mean"));
    }

    #[test]
    fn a_length_of_one_and_nothing_stays_nothing() {
        let mut values = [3.0, 4.0];
        normalize(&mut values);
        assert_eq!(values, [0.6, 0.8]);
        let mut values = [0.0, 0.0];
        normalize(&mut values);
        assert_eq!(values, [0.0, 0.0]);
    }
}
