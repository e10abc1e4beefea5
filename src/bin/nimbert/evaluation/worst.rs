//! The errors that the model was surest of: the only texts that are kept.

use super::{Outcomes, outcomes::best};

/// How many are kept.
pub(super) const MOST: usize = 20;
/// Characters of a text that are kept.
pub(super) const TEXT: usize = 300;

/// A text whose best label is wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mistake {
    /// File and line.
    pub(crate) place: String,
    pub(crate) text: String,
    /// Its own labels, by index.
    pub(crate) labels: Vec<usize>,
    /// The best label and its score.
    pub(crate) found: (usize, f32),
    /// How far that is above the highest score of an own label.
    margin: f32,
}

/// The worst mistakes, the worst first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Worst(Vec<Mistake>);

impl Worst {
    /// Looks at the row that was added last.
    pub(crate) fn see(&mut self, outcomes: &Outcomes, place: &str, texts: &[String]) {
        let row = outcomes.rows() - 1;
        if outcomes.is_right(row) {
            return;
        }
        let scores = outcomes.scores(row);
        let labels: Vec<_> = (0..scores.len()).filter(|&label| outcomes.has(row, label)).collect();
        let own = labels.iter().map(|&label| scores[label]).fold(0.0, f32::max);
        let found = (best(scores), scores[best(scores)]);
        let margin = found.1 - own;
        if self.0.len() == MOST && self.0.last().is_some_and(|least| least.margin >= margin) {
            return;
        }
        let text = texts.join(" + ").chars().take(TEXT).collect();
        let at = self.0.partition_point(|other| other.margin >= margin);
        self.0.insert(at, Mistake { place: place.to_owned(), text, labels, found, margin });
        self.0.truncate(MOST);
    }

    pub(crate) fn mistakes(&self) -> &[Mistake] {
        &self.0
    }
}
