//! Which parts of a model f16 holds.

use std::{collections::BTreeSet, path::Path};

use super::modules::Modules;
use crate::{
    checkpoint::{numbers, weights::Weights},
    error::Result,
    options::NumberType,
    plan::Part,
};

/// The names of [`Config::quantized_parts`](crate::Config::quantized_parts) of the Hugging Face directory `source` whose every weight f16 holds: what
/// [`PackOptions::keep_f16`](super::PackOptions) may name. Reads all weights.
///
/// # Errors
/// If the model can't be loaded or a weight is missing.
pub fn f16_parts(source: &Path) -> Result<BTreeSet<String>> {
    let modules = Modules::of(source)?;
    let (dir, config) = modules.encoder(source)?;
    let (plan, weights) = (config.plan(), Weights::open_dir(dir)?);
    let fits = |name: &str, shape: &[usize]| -> Result<bool> {
        let values = weights.get(name, shape)?.to_f32()?;
        Ok(numbers::fit(&values, NumberType::F16).is_ok())
    };
    let mut names = BTreeSet::new();
    for part in plan.parts().filter(|part| part.is_quantizable()) {
        let fits = match part {
            Part::Table(table) => fits(&table.name, &[table.rows, table.columns])?,
            Part::Matmul(matmul) => {
                let shape = [matmul.n / matmul.sources.len(), matmul.k];
                let each = matmul.sources.iter().map(|source| fits(&source.weight, &shape));
                each.collect::<Result<Vec<_>>>()?.into_iter().all(|fits| fits)
            }
            Part::Vector(_) => false,
        };
        if fits {
            names.insert(part.name().to_owned());
        }
    }
    Ok(names)
}
