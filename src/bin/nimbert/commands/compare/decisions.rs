//! Two models' entities, answers or words for masks, of the same texts.

use std::{
    iter,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
use nimbert::Options;
use serde_json::{Value, json};

use super::{Compare, report};
use crate::{
    count::count,
    evaluation::agreement,
    progress,
    scoring::{self, Decides, Source, Speed},
    texts,
};

/// What two models decide.
#[derive(Default)]
struct Found {
    decisions: agreement::Decisions,
    /// Of the logits' distances, and how many logits there are.
    sum: f64,
    logits: usize,
    largest: f32,
    speeds: [Speed; 2],
}

pub(super) fn run<M: Decides>(compare: &Compare, paths: &[PathBuf; 2], source: Source) -> Result<()> {
    let load =
        |path: &Path, options: Options| progress::during("loading the model", || Ok(M::open(path, options)?));
    let [a, b] = compare.load(paths, load)?;
    let found = measure([&a, &b], source)?;
    ensure!(found.decisions.texts() > 0, "{}: no texts", texts::name(&compare.input));
    let [name_a, name_b] = paths.each_ref().map(|path| path.display().to_string());
    let models = [(name_a, a.engine()), (name_b, b.engine())];
    let data = format!("{}: {}", texts::name(&compare.input), count(found.decisions.texts(), "text"));
    let lines = found.lines(M::AGREEMENT, M::DECISIONS);
    report::show_two(compare.format, &models, &data, &found.speeds, &lines, || found.object(M::DECISIONS))
}

fn measure<M: Decides>(models: [&M; 2], source: Source) -> Result<Found> {
    let mut found = Found::default();
    found.speeds = scoring::score(models, source, |row, [a, b]| {
        found.decisions.push(&M::decisions(a), &M::decisions(b));
        let [ours, theirs] = [a, b].map(M::numbers);
        ensure!(
            ours.len() == theirs.len(),
            "{}: the models read it as {} and {} numbers: they do not compare",
            row.place,
            ours.len(),
            theirs.len()
        );
        for apart in iter::zip(ours, theirs).map(|(a, b)| (a - b).abs()) {
            found.sum += f64::from(apart);
            found.largest = found.largest.max(apart);
        }
        found.logits += ours.len();
        Ok(())
    })?;
    Ok(found)
}

impl Found {
    fn mean(&self) -> f64 {
        self.sum / self.logits.max(1) as f64
    }

    fn lines(&self, agreement: &'static str, what: &str) -> Vec<(&'static str, String)> {
        let [a, b] = self.decisions.of;
        let share = match self.decisions.f1() {
            Ok(share) => format!("{:.2} % ({a} {what} of A, {b} of B)", 100.0 * share),
            Err(reason) => format!("undefined: {reason}"),
        };
        let same = 100.0 * self.decisions.same_texts();
        vec![
            (agreement, share),
            ("the same in all", format!("{same:.2} % of the texts")),
            ("logits apart", format!("{:.4} on average, {:.4} at most", self.mean(), self.largest)),
        ]
    }

    fn object(&self, what: &str) -> Value {
        json!({
            "texts": self.decisions.texts(),
            what: self.decisions.of,
            "agreement": self.decisions.f1().ok(),
            "same_texts": self.decisions.same_texts(),
            "mean_logit_difference": self.mean(),
            "largest_logit_difference": self.largest,
        })
    }
}
