//! Two models' vectors of the same texts.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use nimbert::{Embedder, Options};
use serde_json::{Value, json};

use super::{Compare, report};
use crate::{
    count::count,
    evaluation::{
        Sample,
        agreement::{Cosines, same_nearest},
    },
    progress,
    scoring::{self, Speed},
    texts,
};

/// Texts of which the nearest other one is looked for: each with each other.
const SAMPLE: usize = 1_000;

/// What two models make of the same texts.
struct Vectors {
    cosines: Cosines,
    /// Texts of the sample, and how many of them have the same nearest text.
    nearest: (usize, Option<usize>),
    speeds: [Speed; 2],
}

pub(super) fn run(compare: &Compare, paths: &[PathBuf; 2]) -> Result<()> {
    // Neither a cosine nor what is nearest depends on the vectors' lengths.
    let how = || compare.vectors.how(false);
    let load = |path: &Path, options: Options| {
        progress::during("loading the model", || Ok(Embedder::load(path, options, how())?))
    };
    let [a, b] = compare.load(paths, load)?;
    let [width_a, width_b] = [&a, &b].map(Embedder::dimensions);
    let [name_a, name_b] = paths.each_ref().map(|path| path.display());
    ensure!(
        width_a == width_b,
        "{name_b} has vectors of {width_b} numbers and {name_a} of {width_a}: they do not compare"
    );
    let found = measure(compare, [&a, &b])?;
    let models = [(name_a.to_string(), a.engine()), (name_b.to_string(), b.engine())];
    let data = format!("{}: {}", texts::name(&compare.input), count(found.cosines.texts(), "text"));
    report::show_two(compare.format, &models, &data, &found.speeds, &found.lines(), || found.object())
}

fn measure(compare: &Compare, models: [&Embedder; 2]) -> Result<Vectors> {
    let (mut cosines, mut sample) = (Cosines::default(), Sample::new(SAMPLE));
    let source = compare.texts()?;
    let speeds = scoring::score(models, source, |_, [a, b]| {
        cosines.push(&a.values, &b.values);
        sample.offer(|| Ok([a.values.clone(), b.values.clone()]))
    })?;
    ensure!(cosines.texts() > 0, "{}: no texts", texts::name(&compare.input));
    let sample = sample.into_items();
    Ok(Vectors { cosines, nearest: (sample.len(), same_nearest(&sample)), speeds })
}

impl Vectors {
    fn lines(&self) -> Vec<(&'static str, String)> {
        let (mean, least) = (self.cosines.mean(), self.cosines.least());
        let mut lines = vec![("cosine of B to A", format!("{mean:.6} on average, {least:.6} at least"))];
        if let (texts, Some(same)) = self.nearest {
            let share = 100.0 * same as f64 / texts as f64;
            lines.push(("same nearest text", format!("{share:.2} % of {}", count(texts, "text"))));
        }
        lines
    }

    fn object(&self) -> Value {
        let (texts, same) = self.nearest;
        json!({
            "texts": self.cosines.texts(),
            "mean_cosine": self.cosines.mean(),
            "least_cosine": self.cosines.least(),
            "same_nearest": same.map(|same| same as f64 / texts as f64),
        })
    }
}
