//! Which parts of a model f16 holds.

use std::{collections::BTreeSet, path::Path};

use super::{WORDS, plan::Part};
use crate::{config::Config, error::Result, numbers, options::Precision, weights::Weights};

/// The names of [`Config::quantized_parts`] of the Hugging Face directory `source` whose every weight f16 holds: what
/// [`PackOptions::keep_f16`](super::PackOptions) may name. Reads all weights.
///
/// # Errors
/// If the model can't be loaded or a weight is missing.
pub fn f16_parts(source: &Path) -> Result<BTreeSet<String>> {
    let config = Config::from_dir(source)?;
    let weights = Weights::open_dir(source)?;
    let fits = |name: &str, shape: &[usize]| -> Result<bool> {
        let values = weights.get(&format!("{name}.weight"), shape)?.to_f32()?;
        Ok(numbers::fit(&values, Precision::F16).is_ok())
    };
    let mut names = BTreeSet::new();
    for part in Part::all(&config) {
        let (name, fits) = match part {
            Part::Words => (WORDS.to_owned(), fits(WORDS, &[config.vocab_size, config.hidden_size])?),
            Part::Matmul { name, sources, n, k } => {
                let shape = [n / sources.len(), k];
                let all = sources.iter().map(|source| fits(source, &shape)).collect::<Result<Vec<_>>>()?;
                (name, all.into_iter().all(|fits| fits))
            }
            Part::Rows { .. } | Part::Vector { .. } | Part::Vocabulary => continue,
        };
        if fits {
            names.insert(name);
        }
    }
    Ok(names)
}
