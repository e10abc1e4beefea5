//! A model against a reference, stage by stage.

use std::fmt::Write;

use anyhow::{Result, anyhow, ensure};
use nimbert::{Embedder, Encoding, Engine, NumberType, Trace};

use super::reference::{Reference, ReferenceRow};
use crate::progress;

/// What a stage may differ by.
///
/// As a part of the stage's largest value. f32: sums of thousands of products in another order than PyTorch's are some 1e-6
/// apart, and the project's own tests hold every checkpoint to 1e-4. The others are limits against damage, not promises: in
/// the tests' checkpoints f16 is up to 0.0018 apart (more where the machine adds in f16), int8 up to 0.07. A wrong scale or
/// a swapped panel gives differences of the size of the values themselves.
fn tolerance(precision: NumberType) -> f32 {
    match precision {
        NumberType::F16 => 1e-2,
        NumberType::Int8 => 0.15,
        _ => 1e-4,
    }
}

/// A stage's worst row.
struct Stage {
    name: String,
    rows: usize,
    /// Largest difference of two values.
    largest: f32,
    /// The row in which that is.
    row: usize,
    /// Largest value in the reference.
    scale: f32,
}

/// A model with what it is made for.
pub(super) enum Subject {
    Logits(Engine),
    Vectors(Embedder),
}

impl Subject {
    pub(super) fn engine(&self) -> &Engine {
        match self {
            Self::Logits(engine) => engine,
            Self::Vectors(embedder) => embedder.engine(),
        }
    }

    /// What it makes of row `number`, if it makes vectors.
    fn vector(&self, number: usize, row: &ReferenceRow) -> Result<Option<Vec<f32>>> {
        let Self::Vectors(embedder) = self else { return Ok(None) };
        let encoding = Encoding {
            token_ids: row.token_ids.clone(),
            token_type_ids: row.token_type_ids.clone(),
            truncated: false,
        };
        let vector = embedder.vectors(&[encoding]).remove(0);
        vector.map(Some).map_err(|error| anyhow!("row {number} of the reference: {error}"))
    }
}

/// What was found.
pub(super) struct Parity {
    stages: Vec<Stage>,
    tolerance: f32,
}

impl Parity {
    pub(super) fn measure(model: &Subject, reference: &Reference) -> Result<Self> {
        let engine = model.engine();
        let bar = progress::steps("comparing");
        bar.set_length(reference.rows.len() as u64);
        let mut stages = Vec::<Stage>::new();
        for (number, row) in reference.rows.iter().enumerate() {
            let trace = engine
                .trace(&row.token_ids, &row.token_type_ids)
                .map_err(|error| anyhow!("row {number} of the reference: {error}"))?;
            let vector = model.vector(number, row)?;
            let ours = stages_of(&trace, vector.as_deref(), row)?;
            for ((name, theirs), ours) in row.stages.iter().zip(ours) {
                ensure!(
                    ours.len() == theirs.len(),
                    "row {number} of the reference: {name} has {} values, the model gives {}",
                    theirs.len(),
                    ours.len()
                );
                let stage = match stages.iter_mut().position(|stage| stage.name == *name) {
                    Some(at) => &mut stages[at],
                    None => {
                        stages.push(Stage {
                            name: name.clone(),
                            rows: 0,
                            largest: 0.0,
                            row: 0,
                            scale: f32::MIN_POSITIVE,
                        });
                        stages.last_mut().expect("just added")
                    }
                };
                stage.see(number, ours, theirs);
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        // A row may lack stages that others have, but embeddings come before layers, and logits last.
        stages.sort_by_key(|stage| order(&stage.name));
        Ok(Self { stages, tolerance: tolerance(engine.precision()) })
    }

    /// The first stage outside its tolerance, for an error.
    pub(super) fn first_bad(&self) -> Option<String> {
        let bad = self.stages.iter().find(|stage| !self.fits(stage))?;
        Some(format!(
            "{} is the first stage outside its tolerance: {:.1e} of its largest value, {} allowed (row {})",
            bad.name,
            bad.relative(),
            self.tolerance,
            bad.row
        ))
    }

    fn fits(&self, stage: &Stage) -> bool {
        stage.relative() <= self.tolerance
    }

    pub(super) fn table(&self) -> String {
        let mut out = format!("{:<12} {:>5} {:>9} {:>9}  verdict\n", "stage", "rows", "largest", "relative");
        for stage in &self.stages {
            let Stage { name, rows, largest, row, .. } = stage;
            let relative = stage.relative();
            let verdict = if self.fits(stage) { "good".to_owned() } else { format!("BAD, row {row}") };
            _ = writeln!(out, "{name:<12} {rows:>5} {largest:>9.1e} {relative:>9.1e}  {verdict}");
        }
        _ = writeln!(out, "(a difference of up to {} of a stage's largest value is good)", self.tolerance);
        out
    }
}

impl Stage {
    fn see(&mut self, row: usize, ours: &[f32], theirs: &[f32]) {
        let far = |(a, b): (&f32, &f32)| if (a - b).is_nan() { f32::INFINITY } else { (a - b).abs() };
        let largest = ours.iter().zip(theirs).map(far).fold(0.0, f32::max);
        self.scale = theirs.iter().fold(self.scale, |most, value| most.max(value.abs()));
        self.rows += 1;
        if largest > self.largest {
            (self.largest, self.row) = (largest, row);
        }
    }

    fn relative(&self) -> f32 {
        self.largest / self.scale
    }
}

/// Ours, for each stage that the row has.
fn stages_of<'a>(trace: &'a Trace, vector: Option<&'a [f32]>, row: &ReferenceRow) -> Result<Vec<&'a [f32]>> {
    let of = |(name, _): &(String, Vec<f32>)| {
        Ok(match name.as_str() {
            "embeddings" => &trace.embeddings[..],
            "pooled" => &trace.pooled,
            "logits" => &trace.logits,
            "embedding" => {
                vector.ok_or_else(|| anyhow!("the reference has vectors, the model makes none"))?
            }
            layer => {
                let number: Option<usize> =
                    layer.strip_prefix("layer.").and_then(|number| number.parse().ok());
                let layer = number.and_then(|number| trace.layers.get(number));
                layer.ok_or_else(|| {
                    anyhow!("the reference has {name}, the model {} layers", trace.layers.len())
                })?
            }
        })
    };
    row.stages.iter().map(of).collect()
}

fn order(stage: &str) -> (usize, usize) {
    match stage {
        "embeddings" => (0, 0),
        "pooled" => (2, 0),
        "logits" => (3, 0),
        "embedding" => (4, 0),
        layer => (1, layer.strip_prefix("layer.").and_then(|number| number.parse().ok()).unwrap_or(0)),
    }
}
