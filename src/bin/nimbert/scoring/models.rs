//! Models as their tasks have them, for whoever measures one beside another.

use std::{collections::BTreeSet, path::Path, slice};

use nimbert::{
    Answers, Classification, EmbedOptions, Embedder, Embedding, Encoding, Engine, Error, MaskFiller, Options,
    Ranked, ReadOptions, Reader, Reranker, TagOptions, Tagged, Tagger,
};

use crate::input::Row;

/// A model as one of its tasks has it.
pub(crate) trait Model: Sized {
    type Answer;

    /// The model at `path`, as it says itself.
    fn open(path: &Path, options: Options) -> Result<Self, Error>;

    /// With these parts as `other` has them, which is this model in another precision.
    fn mixed(&self, other: &Self, names: &BTreeSet<String>) -> Result<Self, Error>;

    fn answers(&self, rows: &[Row]) -> Vec<Result<Self::Answer, Error>>;

    /// Those that were read for an answer.
    fn tokens(answer: &Self::Answer) -> usize;

    /// What is computed, before anything is decided by it.
    fn numbers(answer: &Self::Answer) -> &[f32];

    /// The model below.
    fn engine(&self) -> &Engine;
}

/// Labels of texts, or of pairs.
impl Model for Engine {
    type Answer = Classification;

    fn open(path: &Path, options: Options) -> Result<Self, Error> {
        Self::load(path, options)
    }

    fn mixed(&self, other: &Self, names: &BTreeSet<String>) -> Result<Self, Error> {
        self.with_parts_of(other, names)
    }

    fn answers(&self, rows: &[Row]) -> Vec<Result<Classification, Error>> {
        let pairs: Vec<_> = rows
            .iter()
            .filter_map(|row| Some((row.fields[0].as_str(), row.fields.get(1)?.as_str())))
            .collect();
        if pairs.len() == rows.len() {
            return self.classify_pairs(&pairs);
        }
        self.classify(&rows.iter().map(Row::text).collect::<Vec<_>>())
    }

    fn tokens(answer: &Classification) -> usize {
        answer.tokens
    }

    fn numbers(answer: &Classification) -> &[f32] {
        &answer.logits
    }

    fn engine(&self) -> &Engine {
        self
    }
}

/// Vectors of texts.
impl Model for Embedder {
    type Answer = Embedding;

    fn open(path: &Path, options: Options) -> Result<Self, Error> {
        Self::load(path, options, EmbedOptions::default())
    }

    fn mixed(&self, other: &Self, names: &BTreeSet<String>) -> Result<Self, Error> {
        self.with_parts_of(other, names)
    }

    fn answers(&self, rows: &[Row]) -> Vec<Result<Embedding, Error>> {
        self.embed(&rows.iter().map(Row::text).collect::<Vec<_>>())
    }

    fn tokens(answer: &Embedding) -> usize {
        answer.tokens
    }

    fn numbers(answer: &Embedding) -> &[f32] {
        &answer.values
    }

    fn engine(&self) -> &Engine {
        self.engine()
    }
}

/// Scores of documents, the second field, for queries, the first.
impl Model for Reranker {
    type Answer = Ranked;

    fn open(path: &Path, options: Options) -> Result<Self, Error> {
        Self::load(path, options)
    }

    fn mixed(&self, other: &Self, names: &BTreeSet<String>) -> Result<Self, Error> {
        self.with_parts_of(other, names)
    }

    fn answers(&self, rows: &[Row]) -> Vec<Result<Ranked, Error>> {
        self.scores_of_pairs(&rows.iter().map(Row::pair).collect::<Vec<_>>())
    }

    fn tokens(answer: &Ranked) -> usize {
        answer.tokens
    }

    fn numbers(answer: &Ranked) -> &[f32] {
        slice::from_ref(&answer.score)
    }

    fn engine(&self) -> &Engine {
        self.engine()
    }
}

/// Entities of texts.
impl Model for Tagger {
    type Answer = Tagged;

    fn open(path: &Path, options: Options) -> Result<Self, Error> {
        Self::load(path, options)
    }

    fn mixed(&self, other: &Self, names: &BTreeSet<String>) -> Result<Self, Error> {
        self.with_parts_of(other, names)
    }

    fn answers(&self, rows: &[Row]) -> Vec<Result<Tagged, Error>> {
        self.tag(&rows.iter().map(Row::text).collect::<Vec<_>>(), &TagOptions::default())
    }

    fn tokens(answer: &Tagged) -> usize {
        answer.tokens
    }

    fn numbers(answer: &Tagged) -> &[f32] {
        &answer.logits
    }

    fn engine(&self) -> &Engine {
        self.engine()
    }
}

/// Answers to questions, the first field, in contexts, the second.
impl Model for Reader {
    type Answer = Answers;

    fn open(path: &Path, options: Options) -> Result<Self, Error> {
        Self::load(path, options)
    }

    fn mixed(&self, other: &Self, names: &BTreeSet<String>) -> Result<Self, Error> {
        self.with_parts_of(other, names)
    }

    fn answers(&self, rows: &[Row]) -> Vec<Result<Answers, Error>> {
        self.answer(&rows.iter().map(Row::pair).collect::<Vec<_>>(), &ReadOptions::default())
    }

    fn tokens(answer: &Answers) -> usize {
        answer.tokens
    }

    fn numbers(answer: &Answers) -> &[f32] {
        &answer.logits
    }

    fn engine(&self) -> &Engine {
        self.engine()
    }
}

/// What a model says of the masks of a text.
pub(crate) struct Masks {
    /// The likeliest word of each, of equals the first.
    pub(super) best: Vec<usize>,
    /// `[masks, words]`
    logits: Vec<f32>,
    tokens: usize,
}

/// Words for masks. In a text without one, as most texts are, the token in the middle is masked.
impl Model for MaskFiller {
    type Answer = Masks;

    fn open(path: &Path, options: Options) -> Result<Self, Error> {
        Self::load(path, options)
    }

    fn mixed(&self, other: &Self, names: &BTreeSet<String>) -> Result<Self, Error> {
        self.with_parts_of(other, names)
    }

    fn answers(&self, rows: &[Row]) -> Vec<Result<Masks, Error>> {
        let rows: Vec<_> = rows.iter().map(|row| masked(self, &row.fields[0])).collect();
        // An empty text has nothing to be masked.
        let full: Vec<_> =
            rows.iter().flatten().filter(|row| row.token_ids.contains(&self.mask())).cloned().collect();
        let mut logits = self.logits(&full).into_iter();
        let words = self.engine().config().encoder.vocab_size;
        let answer = |row: Result<Encoding, Error>| {
            let row = row?;
            let is_full = row.token_ids.contains(&self.mask());
            let logits = if is_full { logits.next().expect("logits for every row")? } else { Vec::new() };
            let best = |logits: &[f32]| (0..words).rev().max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
            let best = logits.chunks_exact(words).filter_map(best).collect();
            Ok(Masks { best, logits, tokens: row.token_ids.len() })
        };
        rows.into_iter().map(answer).collect()
    }

    fn tokens(answer: &Masks) -> usize {
        answer.tokens
    }

    fn numbers(answer: &Masks) -> &[f32] {
        &answer.logits
    }

    fn engine(&self) -> &Engine {
        self.engine()
    }
}

fn masked(filler: &MaskFiller, text: &str) -> Result<Encoding, Error> {
    let mut row = filler.engine().encode(text, None)?;
    let tokens = row.token_ids.len();
    if tokens > 2 && !row.token_ids.contains(&filler.mask()) {
        row.token_ids[tokens / 2] = filler.mask();
    }
    Ok(row)
}
