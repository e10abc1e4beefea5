//! How well a model does on labelled texts: the figures of its card, and whether two models differ in them; on pairs of texts
//! with scores ([`correlation`]), and on documents for queries ([`retrieval`]).
//!
//! Rows are kept as scores and labels, never as texts. What scikit-learn and scipy have is computed as they do it;
//! `tools/metrics_reference.py` and `tools/ranking_reference.py` made the figures that the tests compare with. A figure that the data do not define (the
//! ROC AUC of a label that no row has, for instance) says why, and is never a number.

pub(crate) mod agreement;
mod bootstrap;
mod calibration;
mod charts;
pub(crate) mod correlation;
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
