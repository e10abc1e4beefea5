//! Two cross-encoders' scores of the same documents.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use nimbert::{Options, Reranker};
use serde_json::{Value, json};

use super::{Compare, report};
use crate::{
    count::count,
    evaluation::agreement::Orders,
    progress,
    scoring::{self, Speed, expect_query_and_document},
    texts,
};

/// What two models say of the same documents.
#[derive(Default)]
struct Ranks {
    orders: Orders,
    documents: usize,
    /// Of the scores' distances.
    sum: f64,
    largest: f32,
    speeds: [Speed; 2],
}

pub(super) fn run(compare: &Compare, paths: &[PathBuf; 2]) -> Result<()> {
    let load = |path: &Path, options: Options| {
        progress::during("loading the model", || Ok(Reranker::load(path, options)?))
    };
    let [a, b] = compare.load(paths, load)?;
    let mut found = Ranks::default();
    let source = compare.asked(["query", "document"])?;
    found.speeds = scoring::score([&a, &b], source, |row, [a, b]| {
        expect_query_and_document(row)?;
        let apart = (a.score - b.score).abs();
        found.orders.push(&row.fields[0], [a.score, b.score]);
        found.documents += 1;
        found.sum += f64::from(apart);
        found.largest = found.largest.max(apart);
        Ok(())
    })?;
    ensure!(found.documents > 0, "{}: no texts", texts::name(&compare.input));
    let [name_a, name_b] = paths.each_ref().map(|path| path.display().to_string());
    let models = [(name_a, a.engine()), (name_b, b.engine())];
    let data = format!("{}: {}", texts::name(&compare.input), count(found.documents, "document"));
    report::show_two(compare.format, &models, &data, &found.speeds, &found.lines(), || found.object())
}

impl Ranks {
    fn mean(&self) -> f64 {
        self.sum / self.documents as f64
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let agreement = match self.orders.agreement() {
            Ok(share) => format!("{:.2} % of the pairs of a query's documents", 100.0 * share),
            Err(reason) => format!("undefined: {reason}"),
        };
        vec![
            ("same order", agreement),
            ("same best document", format!("{:.2} % of the queries", 100.0 * self.orders.same_best())),
            ("scores apart", format!("{:.4} on average, {:.4} at most", self.mean(), self.largest)),
        ]
    }

    fn object(&self) -> Value {
        json!({
            "documents": self.documents,
            "queries": self.orders.queries(),
            "order_agreement": self.orders.agreement().ok(),
            "same_best": self.orders.same_best(),
            "mean_score_difference": self.mean(),
            "largest_score_difference": self.largest,
        })
    }
}
