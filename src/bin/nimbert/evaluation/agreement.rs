//! How much two models agree that make vectors, or that order documents: no labels are needed.

use std::collections::HashMap;

use super::{Figure, correlation::cosine};

/// Two models' vectors of the same texts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cosines {
    texts: usize,
    sum: f64,
    least: f64,
}

impl Default for Cosines {
    fn default() -> Self {
        Self { texts: 0, sum: 0.0, least: 1.0 }
    }
}

impl Cosines {
    pub(crate) fn push(&mut self, a: &[f32], b: &[f32]) {
        let cosine = cosine(a, b);
        self.texts += 1;
        self.sum += cosine;
        self.least = self.least.min(cosine);
    }

    pub(crate) fn texts(&self) -> usize {
        self.texts
    }

    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.texts as f64
    }

    pub(crate) fn least(&self) -> f64 {
        self.least
    }
}

/// What two models decide of the same texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Decisions {
    /// How many decisions the first makes, and the second.
    pub(crate) of: [usize; 2],
    /// How many both make.
    both: usize,
    texts: usize,
    /// Texts of which they decide the same.
    same_texts: usize,
}

impl Decisions {
    /// What both decide of a text, neither of them anything twice.
    pub(crate) fn push<D: PartialEq>(&mut self, first: &[D], second: &[D]) {
        let both = first.iter().filter(|decision| second.contains(decision)).count();
        self.of = [self.of[0] + first.len(), self.of[1] + second.len()];
        self.both += both;
        self.texts += 1;
        self.same_texts += usize::from(both == first.len() && both == second.len());
    }

    pub(crate) fn texts(&self) -> usize {
        self.texts
    }

    /// The harmonic mean of how many of the first's the second makes, and the other way round. Of models that decide as often as each
    /// other, the share of which they decide the same.
    pub(crate) fn f1(&self) -> Figure {
        match self.of[0] + self.of[1] {
            0 => Err("neither decides anything".to_owned()),
            all => Ok(2.0 * self.both as f64 / all as f64),
        }
    }

    /// The share of texts of which both decide the same. There is a text.
    pub(crate) fn same_texts(&self) -> f64 {
        self.same_texts as f64 / self.texts as f64
    }
}

/// Of how many texts the nearest other one is the same in both models' vectors. `None` of fewer than three, where there is
/// no choice.
pub(crate) fn same_nearest(vectors: &[[Vec<f32>; 2]]) -> Option<usize> {
    let nearest = |model: usize, text: usize| {
        let others = (0..vectors.len()).filter(|&other| other != text);
        let cosine = |other: usize| cosine(&vectors[text][model], &vectors[other][model]);
        others.max_by(|&a, &b| cosine(a).total_cmp(&cosine(b)))
    };
    (vectors.len() > 2)
        .then(|| (0..vectors.len()).filter(|&text| nearest(0, text) == nearest(1, text)).count())
}

/// Two models' scores of the same documents, by query.
#[derive(Debug, Clone, Default)]
pub(crate) struct Orders {
    /// Of each query, in the order in which they were met.
    queries: Vec<Vec<[f32; 2]>>,
    /// A query's place among them, by its text.
    places: HashMap<String, usize>,
}

impl Orders {
    /// Adds a document of the query of this text.
    pub(crate) fn push(&mut self, query: &str, scores: [f32; 2]) {
        let at = self.places.get(query).copied().unwrap_or_else(|| {
            self.places.insert(query.to_owned(), self.queries.len());
            self.queries.push(Vec::new());
            self.queries.len() - 1
        });
        self.queries[at].push(scores);
    }

    pub(crate) fn queries(&self) -> usize {
        self.queries.len()
    }

    /// Of the pairs of a query's documents that the first model orders, the share that the second orders the same.
    pub(crate) fn agreement(&self) -> Figure {
        let [mut same, mut all] = [0, 0];
        for documents in &self.queries {
            let [same_here, all_here] = pairs(documents);
            (same, all) = (same + same_here, all + all_here);
        }
        if all == 0 {
            return Err("no query has two documents of different scores".to_owned());
        }
        Ok(same as f64 / all as f64)
    }

    /// The share of queries whose best document is the same, of equals the first. There is a query.
    pub(crate) fn same_best(&self) -> f64 {
        let best = |documents: &[[f32; 2]], model: usize| {
            let score = |place: usize| documents[place][model];
            (0..documents.len()).rev().max_by(|&a, &b| score(a).total_cmp(&score(b)))
        };
        let same = self.queries.iter().filter(|documents| best(documents, 0) == best(documents, 1)).count();
        same as f64 / self.queries.len() as f64
    }
}

/// Of pairs that the first of two scores orders: how many the second orders the same, and how many there are. In n log n steps,
/// by counting inversions (Knight, 1966).
fn pairs(scores: &[[f32; 2]]) -> [u64; 2] {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|[a, b], [c, d]| a.total_cmp(c).then(b.total_cmp(d)));
    let tied = |is_tied: fn(&[f32; 2], &[f32; 2]) -> bool, sorted: &[[f32; 2]]| -> u64 {
        sorted.chunk_by(is_tied).map(|equals| choose_two(equals.len())).sum()
    };
    let ordered = choose_two(sorted.len()) - tied(|x, y| x[0] == y[0], &sorted);
    let tied_in_both = tied(|x, y| x == y, &sorted);
    let mut second: Vec<_> = sorted.iter().map(|scores| scores[1]).collect();
    let inversions = inversions(&mut second);
    // It is sorted now.
    let tied_in_second: u64 = second.chunk_by(|x, y| x == y).map(|equals| choose_two(equals.len())).sum();
    [ordered - inversions - (tied_in_second - tied_in_both), ordered]
}

fn choose_two(n: usize) -> u64 {
    let n = n as u64;
    n * n.saturating_sub(1) / 2
}

/// Sorts, and counts the pairs of which the first was larger.
fn inversions(values: &mut [f32]) -> u64 {
    if values.len() < 2 {
        return 0;
    }
    let middle = values.len() / 2;
    let (low, high) = values.split_at_mut(middle);
    let mut count = inversions(low) + inversions(high);
    let (mut merged, mut left, mut right) = (Vec::with_capacity(values.len()), 0, middle);
    while left < middle && right < values.len() {
        if values[right] < values[left] {
            count += (middle - left) as u64;
            merged.push(values[right]);
            right += 1;
        } else {
            merged.push(values[left]);
            left += 1;
        }
    }
    merged.extend_from_slice(&values[left..middle]);
    let done = merged.len();
    values[..done].copy_from_slice(&merged);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_those_of_all_pairs_looked_at() {
        let mut state = 1_u32;
        let mut random = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        for round in 0..300 {
            let grades = 1 + random(6);
            let scores: Vec<_> =
                (0..round % 17).map(|_| [random(grades) as f32, random(grades) as f32 - 2.0]).collect();
            let (mut same, mut all) = (0, 0);
            for (i, x) in scores.iter().enumerate() {
                for y in &scores[i + 1..] {
                    all += u64::from(x[0] != y[0]);
                    same += u64::from(x[0] != y[0] && x[1] != y[1] && (x[0] < y[0]) == (x[1] < y[1]));
                }
            }
            assert_eq!(pairs(&scores), [same, all], "{scores:?}");
        }
    }

    #[test]
    fn decisions_agree_as_far_as_both_make_them() {
        let mut found = Decisions::default();
        found.push::<u8>(&[], &[]);
        assert!(found.f1().is_err());
        found.push(&["a", "b", "c"], &["c", "a", "x"]);
        found.push(&["d"], &["d", "e"]);
        assert_eq!((found.of, found.texts(), found.same_texts()), ([4, 5], 3, 1.0 / 3.0));
        assert_eq!(found.f1(), Ok(6.0 / 9.0));
    }

    #[test]
    fn orders_are_of_each_query_by_itself() {
        let mut orders = Orders::default();
        assert!(orders.agreement().is_err());
        for (query, scores) in [("a", [1.0, 9.0]), ("b", [3.0, 1.0]), ("a", [2.0, 8.0]), ("b", [2.0, 0.5])] {
            orders.push(query, scores);
        }
        assert_eq!((orders.queries(), orders.agreement(), orders.same_best()), (2, Ok(0.5), 0.5));
    }

    #[test]
    fn the_nearest_text_is_another_one() {
        let vector = |angle: f32| vec![angle.cos(), angle.sin()];
        let same = |angles: [[f32; 2]; 3]| same_nearest(&angles.map(|pair| pair.map(vector)));
        assert_eq!(same([[0.0, 0.0], [0.1, 0.1], [1.0, 1.0]]), Some(3));
        // In the second model's vectors the last two have changed places; of the first the nearest is another one.
        assert_eq!(same([[0.0, 0.0], [0.1, 0.9], [1.0, 0.1]]), Some(0));
        assert_eq!(same([[0.0, 0.0], [0.1, 0.1], [0.15, 1.0]]), Some(2));
        assert_eq!(same_nearest(&[[vector(0.0), vector(1.0)], [vector(0.5), vector(0.0)]]), None);
    }
}
