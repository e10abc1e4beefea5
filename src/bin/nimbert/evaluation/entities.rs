//! How many entities a model finds: precision, recall and F1 as seqeval has them.

use std::collections::BTreeMap;

use super::{
    Figure, Table,
    worst::{TEXT, Top},
};
use crate::tags::{Scheme, Span, Tag, spans};

/// A sentence's words with their own tags, with the model's, and with how sure the model is of those.
pub(crate) struct Sentence<'a> {
    /// File and line.
    pub(crate) place: &'a str,
    pub(crate) words: &'a [String],
    pub(crate) own: Vec<Tag<'a>>,
    pub(crate) found: Vec<Tag<'a>>,
    pub(crate) scores: Vec<f32>,
}

/// An entity that was missed, or found where there is another one or none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mistake {
    /// File and line.
    pub(crate) place: String,
    /// Its start.
    pub(crate) sentence: String,
    /// Type and words of the data's entity there, and of the model's.
    pub(crate) own: Option<(String, String)>,
    pub(crate) found: Option<(String, String)>,
    /// How sure the model is of its tags there, on average.
    pub(crate) score: f32,
}

/// How many entities there are, how many were found, and how many of those are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) own: usize,
    pub(crate) found: usize,
    right: usize,
}

/// Precision, recall and F1. seqeval has 0 for what is undefined.
pub(crate) type Rates = [f64; 3];

/// All sentences, counted.
#[derive(Debug, Default)]
pub(crate) struct Entities {
    scheme: Option<Scheme>,
    /// In the order of their names.
    kinds: BTreeMap<String, Counts>,
    words: usize,
    right_words: usize,
    /// The mistakes that the model was surest of.
    worst: Top<f32, Mistake>,
}

impl Counts {
    pub(crate) fn rates(self) -> Rates {
        let share = |whole| if whole == 0 { 0.0 } else { self.right as f64 / whole as f64 };
        let (precision, recall) = (share(self.found), share(self.own));
        let sum = precision + recall;
        [precision, recall, if sum == 0.0 { 0.0 } else { 2.0 * precision * recall / sum }]
    }
}

impl Entities {
    pub(crate) fn new(scheme: Option<Scheme>) -> Self {
        Self { scheme, ..Self::default() }
    }

    /// Adds a sentence; of each word it has both tags.
    pub(crate) fn push(&mut self, sentence: &Sentence<'_>) {
        let [own, found] = [&sentence.own, &sentence.found].map(|tags| spans(tags, self.scheme));
        self.words += sentence.words.len();
        self.right_words +=
            sentence.own.iter().zip(&sentence.found).filter(|(own, found)| own == found).count();
        for span in &own {
            self.count(span.kind).own += 1;
        }
        for span in &found {
            let there = span.first_overlap(&own);
            let counts = self.count(span.kind);
            counts.found += 1;
            if there == Some(span) {
                counts.right += 1;
            } else {
                self.worst.offer(sentence.score(span), || sentence.mistake(there, Some(span)));
            }
        }
        for span in own.iter().filter(|span| span.first_overlap(&found).is_none()) {
            self.worst.offer(sentence.score(span), || sentence.mistake(Some(span), None));
        }
    }

    fn count(&mut self, kind: &str) -> &mut Counts {
        self.kinds.entry(kind.to_owned()).or_default()
    }

    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// Each type, in the order of their names.
    pub(crate) fn kinds(&self) -> impl ExactSizeIterator<Item = (&str, Counts)> {
        self.kinds.iter().map(|(kind, counts)| (kind.as_str(), *counts))
    }

    /// The worst first.
    pub(crate) fn mistakes(&self) -> impl ExactSizeIterator<Item = &Mistake> {
        self.worst.iter()
    }

    /// Over all entities; the means over types, plain and weighted by how many entities each has; of words the right tags.
    pub(crate) fn table(&self) -> Table {
        let figure = |value: f64| match self.kinds.len() {
            0 => Err("there is no entity, and none is found".to_owned()),
            _ => Ok(value),
        };
        let [precision, recall, f1] = self.all().rates().map(figure);
        let [macro_precision, macro_recall, macro_f1] = self.mean(|_| 1).map(figure);
        let [weighted_precision, weighted_recall, weighted_f1] = self.mean(|counts| counts.own).map(figure);
        vec![
            ("precision", "precision", precision),
            ("recall", "recall", recall),
            ("f1", "F1", f1),
            ("accuracy", "accuracy, of words", self.accuracy()),
            ("macro_precision", "macro precision", macro_precision),
            ("macro_recall", "macro recall", macro_recall),
            ("macro_f1", "macro F1", macro_f1),
            ("weighted_precision", "weighted precision", weighted_precision),
            ("weighted_recall", "weighted recall", weighted_recall),
            ("weighted_f1", "weighted F1", weighted_f1),
        ]
    }

    fn all(&self) -> Counts {
        self.kinds.values().fold(Counts::default(), |all, one| Counts {
            own: all.own + one.own,
            found: all.found + one.found,
            right: all.right + one.right,
        })
    }

    /// Over types; 0 where they have no weight, as in seqeval.
    fn mean(&self, weight: fn(&Counts) -> usize) -> Rates {
        let sum = self.kinds.values().map(weight).sum::<usize>().max(1) as f64;
        let mean = |rate: usize| {
            self.kinds.values().map(|counts| weight(counts) as f64 * counts.rates()[rate]).sum::<f64>() / sum
        };
        [0, 1, 2].map(mean)
    }

    fn accuracy(&self) -> Figure {
        match self.words {
            0 => Err("no words".to_owned()),
            words => Ok(self.right_words as f64 / words as f64),
        }
    }
}

impl Sentence<'_> {
    /// How sure the model is of its tags of these words, on average.
    fn score(&self, span: &Span<'_>) -> f32 {
        self.scores[span.start..span.end].iter().sum::<f32>() / (span.end - span.start) as f32
    }

    fn mistake(&self, own: Option<&Span<'_>>, found: Option<&Span<'_>>) -> Mistake {
        let entity = |span: &Span<'_>| (span.kind.to_owned(), self.words[span.start..span.end].join(" "));
        Mistake {
            place: self.place.to_owned(),
            sentence: self.words.join(" ").chars().take(TEXT).collect(),
            own: own.map(entity),
            found: found.map(entity),
            score: found.or(own).map_or(0.0, |span| self.score(span)),
        }
    }
}
