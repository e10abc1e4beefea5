//! What a model said of labelled texts, in a few bytes a row.

use nimbert::{Classification, Scoring};

/// From this score on a label of a multi-label model counts as given, as in the model cards of `transformers` users.
pub(super) const THRESHOLD: f32 = 0.5;

/// How scores become predicted labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Every label with a score of at least [`THRESHOLD`]: multi-label models, and models of one label.
    Threshold,
    /// The best label.
    Best,
}

impl Decision {
    /// `None` for regression: it has no labels to be right or wrong about.
    pub(crate) fn of(scoring: Scoring) -> Option<Self> {
        match scoring {
            Scoring::Sigmoid => Some(Self::Threshold),
            Scoring::Softmax => Some(Self::Best),
            Scoring::Identity => None,
        }
    }
}

/// The labels that a text has, by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabelSet(Vec<u8>);

impl LabelSet {
    /// None of `labels` labels.
    pub(crate) fn new(labels: usize) -> Self {
        Self(vec![0; labels.div_ceil(8)])
    }

    pub(crate) fn insert(&mut self, label: usize) {
        self.0[label / 8] |= 1 << (label % 8);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|byte| byte.count_ones() as usize).sum()
    }

    pub(crate) fn contains(&self, label: usize) -> bool {
        contains(&self.0, label)
    }
}

fn contains(bits: &[u8], label: usize) -> bool {
    bits[label / 8] & (1 << (label % 8)) != 0
}

/// Scores and true labels, row by row; with L labels a row takes `4 L + ⌈L/8⌉` bytes.
#[derive(Debug, Clone)]
pub(crate) struct Outcomes {
    /// The labels' names.
    labels: Vec<String>,
    decision: Decision,
    /// Where labels are ratings, each one's place in their order.
    ranks: Option<Vec<usize>>,
    /// `[rows, labels]`
    scores: Vec<f32>,
    /// `[rows, ⌈labels/8⌉]`
    truth: Vec<u8>,
    /// Of all rows.
    loss: f64,
}

impl Outcomes {
    /// Without rows. `ranks` gives each label's place in their order, if they have one.
    pub(crate) fn new(labels: &[String], decision: Decision, ranks: Option<Vec<usize>>) -> Self {
        Self { labels: labels.to_vec(), decision, ranks, scores: Vec::new(), truth: Vec::new(), loss: 0.0 }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, answer: &Classification, truth: &LabelSet) {
        self.push_row(&answer.scores, &answer.logits, truth);
    }

    pub(super) fn push_row(&mut self, scores: &[f32], logits: &[f32], truth: &LabelSet) {
        self.scores.extend(scores);
        self.truth.extend(&truth.0);
        self.loss += match self.decision {
            Decision::Threshold => binary_cross_entropy(logits, truth),
            Decision::Best => cross_entropy(logits, truth),
        };
    }

    /// Gives back the room for rows that do not come.
    pub(crate) fn end(&mut self) {
        self.scores.shrink_to_fit();
        self.truth.shrink_to_fit();
    }

    pub(crate) fn rows(&self) -> usize {
        self.scores.len() / self.labels()
    }

    /// Bytes that each row takes.
    #[cfg(test)]
    pub(super) fn bytes_per_row(&self) -> usize {
        size_of::<f32>() * self.labels() + self.bytes()
    }

    /// How many there are.
    pub(crate) fn labels(&self) -> usize {
        self.labels.len()
    }

    pub(super) fn name(&self, label: usize) -> &str {
        &self.labels[label]
    }

    pub(crate) fn decision(&self) -> Decision {
        self.decision
    }

    pub(super) fn ranks(&self) -> Option<&[usize]> {
        self.ranks.as_deref()
    }

    /// Mean over rows, and over labels where each is decided by itself.
    pub(super) fn loss(&self) -> f64 {
        let each = if self.decision == Decision::Threshold { self.labels() } else { 1 };
        self.loss / (self.rows() * each) as f64
    }

    pub(crate) fn scores(&self, row: usize) -> &[f32] {
        &self.scores[row * self.labels()..(row + 1) * self.labels()]
    }

    /// Whether the row's text has this label.
    pub(crate) fn has(&self, row: usize, label: usize) -> bool {
        contains(&self.truth[row * self.bytes()..(row + 1) * self.bytes()], label)
    }

    /// The row's only label, if it has exactly one.
    pub(crate) fn only_label(&self, row: usize) -> Option<usize> {
        let mut labels = (0..self.labels()).filter(|&label| self.has(row, label));
        labels.next().filter(|_| labels.next().is_none())
    }

    /// Whether the model gives each label.
    pub(super) fn given(&self, row: usize) -> impl Iterator<Item = bool> {
        let best = if self.decision == Decision::Best { self.best(row) } else { 0 };
        self.scores(row).iter().enumerate().map(move |(label, &score)| match self.decision {
            Decision::Threshold => score >= THRESHOLD,
            Decision::Best => label == best,
        })
    }

    /// The label with the highest score; of equals, the first.
    pub(crate) fn best(&self, row: usize) -> usize {
        best(self.scores(row))
    }

    /// Whether the best label is one that the text has. The only label of a model of one is best where it is given.
    pub(crate) fn is_right(&self, row: usize) -> bool {
        if self.labels() == 1 { self.is_exact(row) } else { self.has(row, self.best(row)) }
    }

    /// How sure the model is of what [`Outcomes::is_right`] asks about.
    pub(super) fn confidence(&self, row: usize) -> f32 {
        let score = self.scores(row)[self.best(row)];
        if self.labels() == 1 { score.max(1.0 - score) } else { score }
    }

    /// Whether a label of the text is at most one place from the best one, in the order of `ranks`.
    pub(super) fn is_near(&self, row: usize, ranks: &[usize]) -> bool {
        let best = ranks[self.best(row)];
        (0..self.labels()).any(|label| self.has(row, label) && ranks[label].abs_diff(best) <= 1)
    }

    /// Whether the labels given are exactly those that the text has.
    pub(super) fn is_exact(&self, row: usize) -> bool {
        self.given(row).enumerate().all(|(label, given)| given == self.has(row, label))
    }

    fn bytes(&self) -> usize {
        self.labels().div_ceil(8)
    }
}

/// What a model says of a text, for asking whether two models agree: the best label; of a model of one label, whether it
/// is given.
pub(crate) fn decided(scores: &[f32]) -> usize {
    match scores {
        [score] => usize::from(*score >= THRESHOLD),
        _ => best(scores),
    }
}

/// The place of the highest; of equals, the first.
pub(crate) fn best(scores: &[f32]) -> usize {
    (1..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best })
}

/// Summed over the labels, as PyTorch's `BCEWithLogitsLoss` before its mean.
fn binary_cross_entropy(logits: &[f32], truth: &LabelSet) -> f64 {
    let one = |(label, &logit): (usize, &f32)| {
        let x = f64::from(logit);
        let y = if truth.contains(label) { x } else { 0.0 };
        x.max(0.0) - y + (-x.abs()).exp().ln_1p()
    };
    logits.iter().enumerate().map(one).sum()
}

/// Of the row's label, as PyTorch's `CrossEntropyLoss` of one row; of several, their mean.
fn cross_entropy(logits: &[f32], truth: &LabelSet) -> f64 {
    let logits: Vec<_> = logits.iter().map(|&logit| f64::from(logit)).collect();
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total = most + logits.iter().map(|x| (x - most).exp()).sum::<f64>().ln();
    let of = logits.iter().enumerate().filter(|(label, _)| truth.contains(*label));
    of.map(|(_, x)| total - x).sum::<f64>() / truth.len().max(1) as f64
}
