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
}

/// The mistakes whose best label's score is farthest above the highest score of an own one, the farthest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Worst(Top<f32, Mistake>);

/// The [`MOST`] items of the highest keys, the highest first; of equals those that came first.
#[derive(Debug, Clone)]
pub(super) struct Top<K, T>(Vec<(K, T)>);

impl<K, T> Default for Top<K, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: PartialOrd, T> Top<K, T> {
    /// Makes the item if it is to be kept.
    pub(super) fn offer(&mut self, key: K, item: impl FnOnce() -> T) {
        let at = self.0.partition_point(|(other, _)| *other >= key);
        if at < MOST {
            self.0.insert(at, (key, item()));
            self.0.truncate(MOST);
        }
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &T> {
        self.0.iter().map(|(_, item)| item)
    }
}

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
        self.0.offer(found.1 - own, || {
            let text = texts.join(" + ").chars().take(TEXT).collect();
            Mistake { place: place.to_owned(), text, labels, found }
        });
    }

    pub(crate) fn mistakes(&self) -> impl ExactSizeIterator<Item = &Mistake> {
        self.0.iter()
    }
}
