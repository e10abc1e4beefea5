//! How well a model does on labelled texts: the figures of its card, and whether two models differ in them; on pairs of texts
//! with scores ([`correlation`]), on documents for queries ([`retrieval`]), on words with tags ([`entities`]) and on questions
//! ([`answers`]).
//!
//! Rows are kept as scores, labels or counts, never as texts. What scikit-learn, scipy, seqeval and SQuAD's scripts have is
//! computed as they do it; `tools/metrics_reference.py`, `tools/ranking_reference.py` and `tools/spans_reference.py` made the
//! figures that the tests compare with. A figure that the data do not define (the ROC AUC of a label that no row has, for
//! instance) says why, and is never a number; seqeval's are 0 where a type is never found, or never there.

pub(crate) mod agreement;
pub(crate) mod answers;
mod bootstrap;
mod calibration;
mod charts;
pub(crate) mod correlation;
pub(crate) mod entities;
mod metrics;
mod outcomes;
pub(crate) mod page;
mod ranking;
pub(crate) mod retrieval;
mod sample;
#[cfg(test)]
mod tests;
mod worst;

pub(crate) use self::{
    bootstrap::{Interval, Resamples},
    calibration::{Bin, reliability},
    metrics::{Figure, Metric, Metrics, Table},
    outcomes::{Decision, LabelSet, Outcomes, decided},
    sample::Sample,
    worst::Worst,
};
