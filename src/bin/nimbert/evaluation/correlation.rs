//! Whether the cosine of two vectors says how alike two texts are: its correlation with scores that people gave.

use super::{Figure, Table};

/// Pairs of texts, by number: 16 bytes each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pairs {
    /// Of the two vectors, from -1 to 1.
    cosines: Vec<f64>,
    /// The pair's own.
    scores: Vec<f64>,
}

/// Where a pair stands among all, by its cosine and by its score: from 1 for the lowest; equals share their mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Standing {
    /// Its place, counted as they were added.
    pub(crate) pair: usize,
    pub(crate) cosine: f64,
    pub(crate) score: f64,
    pub(crate) cosine_rank: f64,
    pub(crate) score_rank: f64,
}

impl Pairs {
    pub(crate) fn push(&mut self, cosine: f64, score: f64) {
        self.cosines.push(cosine);
        self.scores.push(score);
    }

    pub(crate) fn len(&self) -> usize {
        self.cosines.len()
    }

    /// Cosine and score of each.
    pub(super) fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.cosines.iter().copied().zip(self.scores.iter().copied())
    }

    /// The correlation of the ranks (Spearman, 1904), and that of the numbers themselves.
    pub(crate) fn table(&self) -> Table {
        let Self { cosines, scores } = self;
        let spearman = defined(cosines, scores).and_then(|()| pearson(&ranks(cosines), &ranks(scores)));
        let pearson = defined(cosines, scores).and_then(|()| pearson(cosines, scores));
        vec![("spearman", "Spearman's correlation", spearman), ("pearson", "Pearson's correlation", pearson)]
    }

    /// The `most` pairs whose two ranks are farthest apart, the farthest first; none whose ranks are the same.
    pub(crate) fn worst(&self, most: usize) -> Vec<Standing> {
        let (by_cosine, by_score) = (ranks(&self.cosines), ranks(&self.scores));
        let apart = |pair: usize| (by_cosine[pair] - by_score[pair]).abs();
        let mut order: Vec<_> = (0..self.len()).filter(|&pair| apart(pair) > 0.0).collect();
        order.sort_by(|&a, &b| apart(b).total_cmp(&apart(a)));
        order.truncate(most);
        let standing = |pair: usize| Standing {
            pair,
            cosine: self.cosines[pair],
            score: self.scores[pair],
            cosine_rank: by_cosine[pair],
            score_rank: by_score[pair],
        };
        order.into_iter().map(standing).collect()
    }
}

/// Of two vectors. With a vector of zeros it is 0, as in sentence-transformers.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    // The root of the product, not the product of the roots: that of a vector with itself is 1 to the last bit, so that
    // pairs of equal texts are equals. Squares of f32 and their products neither overflow f64 nor vanish in it.
    let length = (dot(a, a) * dot(b, b)).sqrt();
    if length > 0.0 { (dot(a, b) / length).clamp(-1.0, 1.0) } else { 0.0 }
}

/// Why there is no correlation.
fn defined(cosines: &[f64], scores: &[f64]) -> Result<(), String> {
    let is_constant = |values: &[f64]| values.iter().all(|value| *value == values[0]);
    match (cosines, scores) {
        ([] | [_], _) => Err("fewer than two pairs".to_owned()),
        (_, scores) if is_constant(scores) => Err("all scores are equal".to_owned()),
        (cosines, _) if is_constant(cosines) => Err("all cosines are equal".to_owned()),
        _ => Ok(()),
    }
}

/// Pearson's correlation of finite numbers, neither all of `a` equal nor all of `b`.
fn pearson(a: &[f64], b: &[f64]) -> Figure {
    let [a, b] = [a, b].map(deviations);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let length = dot(&a, &a).sqrt() * dot(&b, &b).sqrt();
    let found = (dot(&a, &b) / length).clamp(-1.0, 1.0);
    if found.is_finite() { Ok(found) } else { Err("numbers too close together for f64".to_owned()) }
}

/// From the mean, relative to the largest number: squares of that neither overflow nor vanish.
fn deviations(values: &[f64]) -> Vec<f64> {
    let most = values.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    let mean = values.iter().map(|value| value / most).sum::<f64>() / values.len() as f64;
    values.iter().map(|value| value / most - mean).collect()
}

/// From 1 for the lowest; equals have the mean of their places (scipy's `rankdata`).
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<_> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut ranks, mut before) = (vec![0.0; values.len()], 0);
    // 0.0 and -0.0 stand side by side and are equals.
    for equals in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = before as f64 + (equals.len() + 1) as f64 / 2.0;
        equals.iter().for_each(|&place| ranks[place] = rank);
        before += equals.len();
    }
    ranks
}
