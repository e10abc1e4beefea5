//! How well documents are ordered for queries: reciprocal rank, discounted gain and average precision, of a query and on
//! average.

use std::collections::HashMap;

use super::Table;

/// Places that count for MRR and NDCG.
pub(crate) const PLACES: usize = 10;

/// A document's score by the model, and how relevant it is to its query: 0 is not, any other number is a grade.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged {
    pub(crate) score: f32,
    pub(crate) relevance: f64,
}

/// A query with its documents: 16 bytes each.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) text: String,
    /// Where it was read first: file and line.
    pub(crate) place: String,
    documents: Vec<Judged>,
}

/// All queries, in the order in which they were read first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queries {
    all: Vec<Query>,
    /// A query's place among them, by its text.
    places: HashMap<String, usize>,
}

/// What the order of one query's documents is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Order {
    /// The rank of the first relevant document, from 1; of equal scores the irrelevant ones come first.
    pub(crate) first: usize,
    /// Normalized discounted cumulative gain of the first [`PLACES`].
    pub(crate) ndcg: f64,
    pub(crate) average_precision: f64,
}

/// Why a query has no figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undefined {
    NoRelevant,
    SingleDocument,
}

impl Undefined {
    pub(crate) const ALL: [Self; 2] = [Self::NoRelevant, Self::SingleDocument];

    /// What such a query is with or without.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::NoRelevant => "without a relevant document",
            Self::SingleDocument => "with a single document",
        }
    }
}

/// All queries with what their orders are worth, or why that is undefined.
pub(crate) struct Measured<'a> {
    pub(crate) orders: Vec<(&'a Query, Order)>,
    pub(crate) left_out: Vec<(&'a Query, Undefined)>,
}

impl Queries {
    /// Adds a document to the query of this text.
    pub(crate) fn push(&mut self, text: &str, place: &str, document: Judged) {
        let at = self.places.get(text).copied().unwrap_or_else(|| {
            let (text, place) = (text.to_owned(), place.to_owned());
            self.places.insert(text.clone(), self.all.len());
            self.all.push(Query { text, place, documents: Vec::new() });
            self.all.len() - 1
        });
        self.all[at].documents.push(document);
    }

    pub(crate) fn measure(&self) -> Measured<'_> {
        let (mut orders, mut left_out) = (Vec::new(), Vec::new());
        for query in &self.all {
            match query.order() {
                Ok(order) => orders.push((query, order)),
                Err(reason) => left_out.push((query, reason)),
            }
        }
        Measured { orders, left_out }
    }
}

impl Query {
    /// How many documents it has, and how many of them are relevant.
    pub(crate) fn documents(&self) -> [usize; 2] {
        [self.documents.len(), relevant(&self.documents)]
    }

    /// # Errors
    /// Without a relevant document, and with a single one, every order is the same.
    pub(crate) fn order(&self) -> Result<Order, Undefined> {
        match self.documents() {
            [_, 0] => Err(Undefined::NoRelevant),
            [1, _] => Err(Undefined::SingleDocument),
            _ => Ok(Order::of(&self.documents)),
        }
    }
}

impl Order {
    /// Of two documents at least, of which one is relevant.
    pub(super) fn of(documents: &[Judged]) -> Self {
        let mut sorted = documents.to_vec();
        sorted.sort_by(|a, b| b.score.total_cmp(&a.score));
        Self {
            first: first(&sorted),
            ndcg: (gain(&sorted) / ideal_gain(&sorted)).min(1.0),
            average_precision: average_precision(&sorted),
        }
    }

    /// 1/rank of the first relevant document, 0 beyond [`PLACES`].
    pub(crate) fn reciprocal_rank(&self) -> f64 {
        if self.first <= PLACES { 1.0 / self.first as f64 } else { 0.0 }
    }
}

impl<'a> Measured<'a> {
    /// The means over queries, undefined without any.
    pub(crate) fn table(&self) -> Table {
        let mean = |of: fn(&Order) -> f64| match self.orders.len() {
            0 => Err("no query has a relevant document and another one".to_owned()),
            queries => Ok(self.orders.iter().map(|(_, order)| of(order)).sum::<f64>() / queries as f64),
        };
        vec![
            ("mrr_at_10", "MRR@10", mean(Order::reciprocal_rank)),
            ("ndcg_at_10", "NDCG@10", mean(|order| order.ndcg)),
            ("map", "MAP", mean(|order| order.average_precision)),
        ]
    }

    /// How many queries have their first relevant document at each rank: from 1 to [`PLACES`], and beyond.
    pub(crate) fn first_ranks(&self) -> [usize; PLACES + 1] {
        let mut counts = [0; PLACES + 1];
        self.orders.iter().for_each(|(_, order)| counts[order.first.min(PLACES + 1) - 1] += 1);
        counts
    }

    /// The `most` queries of the lowest NDCG, and of those the lowest average precision; none whose order is ideal.
    pub(crate) fn worst(&self, most: usize) -> Vec<(&'a Query, Order)> {
        let is_ideal = |order: &Order| order.ndcg >= 1.0 && order.average_precision >= 1.0;
        let mut worst: Vec<_> = self.orders.iter().copied().filter(|(_, order)| !is_ideal(order)).collect();
        worst.sort_by(|(_, a), (_, b)| {
            a.ndcg.total_cmp(&b.ndcg).then(a.average_precision.total_cmp(&b.average_precision))
        });
        worst.truncate(most);
        worst
    }

    /// The queries that were left out for this reason.
    pub(crate) fn without(&self, reason: Undefined) -> impl Iterator<Item = &'a Query> {
        self.left_out.iter().filter(move |(_, why)| *why == reason).map(|(query, _)| *query)
    }
}

fn relevant(documents: &[Judged]) -> usize {
    documents.iter().filter(|document| document.relevance > 0.0).count()
}

/// Documents of equal scores, the best first.
fn ties(sorted: &[Judged]) -> impl Iterator<Item = &[Judged]> {
    sorted.chunk_by(|a, b| a.score == b.score)
}

fn first(sorted: &[Judged]) -> usize {
    let mut before = 0;
    for equals in ties(sorted) {
        let relevant = relevant(equals);
        before += equals.len() - relevant;
        if relevant > 0 {
            break;
        }
    }
    before + 1
}

/// What a place, from 0, takes from the gain of a document there: nothing of the first, all beyond [`PLACES`].
fn discount(place: usize) -> f64 {
    if place < PLACES { 1.0 / ((place + 2) as f64).log2() } else { 0.0 }
}

/// Discounted cumulative gain (Järvelin and Kekäläinen, 2002), linear in the relevance; equals share the mean of their gains
/// (McSherry and Najork, 2008), as in scikit-learn's `ndcg_score`.
fn gain(sorted: &[Judged]) -> f64 {
    let (most, mut gain, mut place) = (highest(sorted), 0.0, 0);
    for equals in ties(sorted) {
        let mean = equals.iter().map(|document| document.relevance / most).sum::<f64>() / equals.len() as f64;
        gain += mean * (place..place + equals.len()).map(discount).sum::<f64>();
        place += equals.len();
    }
    gain
}

/// That of the best order.
fn ideal_gain(documents: &[Judged]) -> f64 {
    let most = highest(documents);
    let mut gains: Vec<_> = documents.iter().map(|document| document.relevance / most).collect();
    gains.sort_by(|a, b| b.total_cmp(a));
    gains.into_iter().enumerate().map(|(place, gain)| gain * discount(place)).sum()
}

/// The highest relevance, which gains are relative to: their sums do not overflow.
fn highest(documents: &[Judged]) -> f64 {
    documents.iter().map(|document| document.relevance).fold(0.0, f64::max)
}

/// The mean, over relevant documents, of the precision down to each; equals are all there at once, as in scikit-learn's
/// `average_precision_score`.
fn average_precision(sorted: &[Judged]) -> f64 {
    let (mut sum, mut found, mut seen) = (0.0, 0, 0);
    for equals in ties(sorted) {
        let relevant = relevant(equals);
        (found, seen) = (found + relevant, seen + equals.len());
        sum += relevant as f64 * (found as f64 / seen as f64);
    }
    sum / found as f64
}
