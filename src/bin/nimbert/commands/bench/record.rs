//! A measurement as JSON: what `--format json` prints, `--save` writes and `--against` reads.

use std::collections::BTreeMap;

use nimbert::{Limits, Work};
use serde::{Deserialize, Serialize};

use super::{
    Report,
    baseline::{Comparison, Ratio},
    forward::Task,
    rounds::Row,
    shape::{Shape, Subject},
};
use crate::{architecture::Architecture, memory};

#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    engine: String,
    pub(super) version: String,
    /// Files from before there were others have none.
    #[serde(default, skip_serializing_if = "Task::is_classify")]
    pub(super) task: Task,
    /// Of vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pooling: Option<String>,
    pub(super) model: String,
    pub(super) architecture: Architecture,
    pub(super) precision: String,
    pub(super) isa: String,
    pub(super) threads: usize,
    pub(super) copy_weights: bool,
    load_ms: f64,
    pub(super) limits: Rates,
    pub(super) shapes: BTreeMap<Shape, Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lengths: Option<Entry>,
    /// Of `lengths`, as the next three.
    #[serde(skip_serializing_if = "Option::is_none")]
    texts: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) batch: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token_counts: Option<Vec<usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_rss_mb: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Against>,
}

/// What the machine allows.
#[derive(Serialize, Deserialize)]
pub(super) struct Rates {
    pub(super) matmul_gops: f64,
    pub(super) attention_gops: f64,
    pub(super) read_gbps: f64,
}

/// The times of a shape, or of the lengths.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) min_ms: f64,
    pub(super) median_ms: f64,
    p99_ms: f64,
    runs: usize,
    tokens_per_s: f64,
    of_limit: f64,
    work: Operations,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile_ms: Option<BTreeMap<String, f64>>,
    /// To the baseline's times.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<Ratio>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured_again: Option<bool>,
}

/// What one run has to do.
#[derive(Serialize, Deserialize)]
struct Operations {
    matmul_gop: f64,
    attention_gop: f64,
    /// Of weights that are read, in units of 10^6 bytes.
    weights_mb: f64,
}

/// What it was compared with, and the verdict.
#[derive(Serialize, Deserialize)]
struct Against {
    file: String,
    version: String,
    tolerance_percent: f64,
    /// The time that decides.
    decides: String,
    slower: Vec<String>,
}

impl Record {
    pub(super) fn new(report: &Report<'_>) -> Self {
        let Report { model, forward, copy_weights, load_ms, limits, rows, lengths } = report;
        let engine = forward.engine();
        let entries = |row: &Row<'_>| match row.subject {
            Subject::Shape(shape) => Some((shape, Entry::new(limits, row))),
            Subject::Lengths => None,
        };
        let mixed = rows.iter().find(|row| matches!(row.subject, Subject::Lengths));
        Self {
            engine: format!("nimbert-{}", engine.precision()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            task: forward.task(),
            pooling: forward.pooling(),
            model: model.clone(),
            architecture: Architecture::new(engine.config()),
            precision: engine.precision().to_string(),
            isa: engine.isa().to_string(),
            threads: engine.threads(),
            copy_weights: *copy_weights,
            load_ms: rounded(*load_ms),
            limits: Rates::new(limits),
            shapes: rows.iter().filter_map(entries).collect(),
            lengths: mixed.map(|row| Entry::new(limits, row)),
            texts: mixed.map(|row| row.workload.texts),
            tokens: mixed.map(|row| row.workload.tokens),
            batch: lengths.as_ref().map(|lengths| lengths.batch),
            token_counts: lengths.as_ref().map(|lengths| lengths.counts.clone()),
            peak_rss_mb: memory::peak().map(|peak| peak >> 20),
            against: None,
        }
    }

    pub(super) fn entry(&self, subject: Subject) -> Option<&Entry> {
        match subject {
            Subject::Shape(shape) => self.shapes.get(&shape),
            Subject::Lengths => self.lengths.as_ref(),
        }
    }

    /// Adds what a comparison has found.
    pub(super) fn compare(&mut self, comparison: &Comparison<'_>) {
        let baseline = comparison.baseline;
        for row in &comparison.rows {
            let entry = match row.subject {
                Subject::Shape(shape) => self.shapes.get_mut(&shape),
                Subject::Lengths => self.lengths.as_mut(),
            };
            if let Some(entry) = entry {
                entry.ratio = Some(row.ratio.rounded());
                entry.measured_again = Some(row.again);
            }
        }
        self.against = Some(Against {
            file: baseline.name(),
            version: baseline.record.version.clone(),
            tolerance_percent: baseline.tolerance,
            decides: "min_ms".to_owned(),
            slower: comparison.slower().map(|row| row.subject.to_string()).collect(),
        });
    }

    pub(super) fn line(&self) -> String {
        serde_json::to_string(self).expect("names and numbers") + "\n"
    }
}

impl Rates {
    pub(super) fn new(limits: &Limits) -> Self {
        let [matmul_gops, attention_gops, read_gbps] =
            [limits.matmul_rate, limits.attention_rate, limits.read_rate].map(|rate| rounded(rate / 1e9));
        Self { matmul_gops, attention_gops, read_gbps }
    }

    pub(super) fn describe(&self) -> String {
        let Self { matmul_gops, attention_gops, read_gbps } = self;
        format!(
            "{matmul_gops:.0} GOP/s in matmuls, {attention_gops:.0} in attention, {read_gbps:.1} GB/s of weights"
        )
    }
}

impl Entry {
    fn new(limits: &Limits, row: &Row<'_>) -> Self {
        let timing = &row.timing;
        let parts = timing.profile().into_iter().map(|(what, ms)| (what.name().to_owned(), rounded(ms)));
        let parts: BTreeMap<_, _> = parts.collect();
        Self {
            min_ms: to_the_nanosecond(timing.min_ms()),
            median_ms: to_the_nanosecond(timing.median_ms()),
            p99_ms: to_the_nanosecond(timing.p99_ms()),
            runs: timing.runs(),
            tokens_per_s: timing.tokens_per_s().round(),
            of_limit: rounded(timing.of_limit(limits)),
            work: Operations::new(timing.work()),
            profile_ms: (!parts.is_empty()).then_some(parts),
            ratio: None,
            measured_again: None,
        }
    }
}

impl Operations {
    fn new(work: &Work) -> Self {
        let [matmul_gop, attention_gop] = [work.matmul, work.attention].map(|count| rounded(count / 1e9));
        Self { matmul_gop, attention_gop, weights_mb: rounded(work.bytes / 1e6) }
    }
}

/// To three decimals: the rest is noise.
pub(super) fn rounded(x: f64) -> f64 {
    (x * 1e3).round() / 1e3
}

/// Milliseconds that a later run is compared with: a small model's are few, and three decimals would be some percent.
fn to_the_nanosecond(ms: f64) -> f64 {
    (ms * 1e6).round() / 1e6
}
