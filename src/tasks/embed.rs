//! One vector for a text: encoder, pooling, and what sentence-transformers has after it.

use std::{borrow::Cow, collections::BTreeSet, path::Path, sync::Arc};

use nimbert_kernels::Buffer;

use super::{
    pooling::Pooling,
    recipe::{EmbedOptions, Prompt, Recipe},
    similarity::Similarity,
};
use crate::{
    checkpoint::{opened::Opened, sentence::Sentence},
    encoder::{Batch, Row, Wanted, Workspace},
    engine::{Engine, Purpose, Work},
    error::{Error, Result},
    exec::Exec,
    memory,
    options::Options,
    tokenizer::Encoding,
};

/// A text's vector.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Embedding {
    /// [`Embedder::dimensions`] numbers.
    pub values: Vec<f32>,
    /// Tokens that were read, special ones and the prompt's included.
    pub tokens: usize,
    /// Whether the text was cut to the allowed tokens.
    pub truncated: bool,
}

/// A model that gives a vector for a text. Cloning shares it; any number of threads may use one at a time.
///
/// ```no_run
/// use nimbert::{EmbedOptions, Embedder, Options};
///
/// let embedder = Embedder::load("bge-small-en-v1.5", Options::default(), EmbedOptions::default())?;
/// let mut vectors = embedder.embed(&["a warm film", "a cold film"]);
/// let (one, other) = (vectors.remove(0)?.values, vectors.remove(0)?.values);
/// let cosine: f32 = one.iter().zip(&other).map(|(a, b)| a * b).sum();
/// println!("{} numbers each, {cosine:.3}", embedder.dimensions());
/// # Ok::<(), nimbert::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Embedder {
    engine: Engine,
    recipe: Arc<Recipe>,
}

impl Embedder {
    /// Loads a directory of sentence-transformers, or the encoder of any other checkpoint directory or packed file.
    ///
    /// # Errors
    /// As [`Engine::load`]; when a module is not computed here, or an option does not fit the model.
    pub fn load(path: impl AsRef<Path>, options: Options, how: EmbedOptions) -> Result<Self> {
        let path = path.as_ref();
        let (encoder, sentence) = Opened::at(path)?.sentence()?;
        let own = sentence.as_ref().and_then(|sentence| sentence.max_tokens);
        let engine = Engine::of(encoder, path, options.or_max_tokens(own), Purpose::Embed)?;
        Self::of(engine, sentence, how)
    }

    /// Reads the encoder of a model that is loaded, whatever its head is, and that says nothing of vectors itself.
    ///
    /// # Errors
    /// When an option does not fit the model.
    pub fn new(engine: Engine, how: EmbedOptions) -> Result<Self> {
        Self::of(engine, None, how)
    }

    pub(super) fn of(engine: Engine, sentence: Option<Sentence>, how: EmbedOptions) -> Result<Self> {
        if let (Some(pooling), Some(sentence)) = (how.pooling, &sentence) {
            let own: Vec<_> = sentence.pooling.iter().map(|own| own.name()).collect();
            let reason = format!("{pooling}, but the model has a pooling of its own: {}", own.join(", "));
            return Err(Error::Option { option: "pooling", reason });
        }
        let plain = || Sentence::plain(how.pooling.unwrap_or(Pooling::Mean));
        let recipe = Recipe::new(&engine, sentence.unwrap_or_else(plain), how)?;
        Ok(Self { engine, recipe: Arc::new(recipe) })
    }

    /// The vectors of `texts`, in their order, or an error for a text that has none. A text's are the same bits whatever the others
    /// are and however many threads work.
    ///
    /// # Errors
    /// Of a text: that it is longer than allowed and [`Options::on_long`] says so, or its vector is not finite. Of every text: that
    /// there is no memory.
    pub fn embed(&self, texts: &[&str]) -> Vec<Result<Embedding>> {
        let rows: Vec<_> =
            texts.iter().enumerate().map(|(index, text)| self.encode_text(index, text)).collect();
        let mut vectors = self.vectors_of(rows.iter().flatten().map(Row::from)).into_iter();
        let embedding = |(index, row): (usize, Result<Encoding>)| {
            let row = row?;
            let values = vectors.next().expect("a vector for every row").map_err(|error| error.at(index))?;
            Ok(Embedding { values, tokens: row.token_ids.len(), truncated: row.truncated })
        };
        rows.into_iter().enumerate().map(embedding).collect()
    }

    /// The vectors of rows of tokens, prompts included: for who tokenizes apart. [`Embedder::encode`] makes such rows.
    ///
    /// # Errors
    /// As [`Engine::logits`], and as [`Embedder::embed`].
    pub fn vectors(&self, rows: &[Encoding]) -> Vec<Result<Vec<f32>>> {
        self.vectors_of(rows.iter().map(Row::from))
    }

    /// The vectors of rows of tokens before they are scaled and cut, which [`Embedder::finish`] does: for who wants that otherwise for each.
    ///
    /// # Errors
    /// As [`Embedder::vectors`].
    pub fn pooled(&self, rows: &[Encoding]) -> Vec<Result<Vec<f32>>> {
        self.engine.answers(rows.iter().map(Row::from), |batch, ws, exec, answer| {
            let pooled = self.pool(exec, batch, ws)?;
            let width = pooled.len() / batch.rows();
            for (&index, pooled) in batch.indices.iter().zip(pooled.chunks_exact(width)) {
                answer(index, self.engine.finite(index, pooled).map(<[f32]>::to_vec));
            }
            Ok(())
        })
    }

    /// A vector of [`Embedder::pooled`] with so many numbers, or all, and scaled to length 1 or not, or as the model says. What
    /// [`EmbedOptions`] say of either does not count.
    ///
    /// # Errors
    /// When it has not so many numbers.
    ///
    /// # Panics
    /// When it is not of this model.
    pub fn finish(
        &self,
        mut pooled: Vec<f32>,
        dimensions: Option<usize>,
        normalize: Option<bool>,
    ) -> Result<Vec<f32>> {
        let finish = self.recipe.finish.with(dimensions, normalize)?;
        let mut values = vec![0.0; finish.dimensions];
        finish.apply(&mut pooled, &mut values);
        Ok(values)
    }

    /// The encoder's hidden states for rows of tokens, `[tokens, hidden_size]` for each row: vectors of the tokens, special ones included.
    ///
    /// # Errors
    /// As [`Embedder::vectors`].
    pub fn token_vectors(&self, rows: &[Encoding]) -> Vec<Result<Vec<f32>>> {
        let size = self.engine.config().encoder.hidden_size;
        self.engine.answers(rows.iter().map(Row::from), |batch, ws, exec, answer| {
            self.engine.model().hidden(exec, batch, Wanted::All, ws)?;
            for (row, &index) in batch.indices.iter().enumerate() {
                let range = batch.range(row);
                let states = &ws.hidden.values[range.start * size..range.end * size];
                answer(index, self.engine.finite(index, states).map(<[f32]>::to_vec));
            }
            Ok(())
        })
    }

    fn vectors_of<'a>(&self, rows: impl Iterator<Item = Row<'a>>) -> Vec<Result<Vec<f32>>> {
        let (width, mut vectors) = (self.dimensions(), Buffer::default());
        self.engine.answers(rows, |batch, ws, exec, answer| {
            memory::grow(&mut vectors, batch.rows() * width)?;
            self.forward(exec, batch, ws, &mut vectors[..batch.rows() * width])?;
            for (&index, vector) in batch.indices.iter().zip(vectors.chunks_exact(width)) {
                answer(index, self.engine.finite(index, vector).map(<[f32]>::to_vec));
            }
            Ok(())
        })
    }

    /// [`Embedder::vectors`] into memory of the caller, `[rows, dimensions]`, all or nothing. On one thread nothing is allocated once
    /// there was a call with as many tokens, as many rows and as long a row.
    ///
    /// # Errors
    /// The first of [`Embedder::vectors`]; `out` may hold the vectors of some of the rows then.
    ///
    /// # Panics
    /// When `out` is not of that length.
    pub fn vectors_into<'a>(&self, rows: impl Iterator<Item = Row<'a>>, out: &mut [f32]) -> Result<()> {
        let (width, mut done) = (self.dimensions(), 0);
        self.engine.all(rows, |batch, ws, exec| {
            let vectors = &mut out[done..done + batch.rows() * width];
            self.forward(exec, batch, ws, vectors)?;
            done += vectors.len();
            let mut all = batch.indices.iter().zip(vectors.chunks_exact(width));
            all.try_for_each(|(&index, vector)| self.engine.finite(index, vector).map(|_| ()))
        })?;
        assert_eq!(done, out.len(), "vectors of {} rows of {width} numbers", done / width);
        Ok(())
    }

    /// `[rows, width]`, not finished.
    fn pool<'a>(&self, exec: Exec<'_>, batch: &Batch, ws: &'a mut Workspace) -> Result<&'a mut [f32]> {
        self.engine.model().hidden(exec, batch, self.recipe.wanted(batch), ws)?;
        self.recipe.pooled(exec, batch, self.engine.config().encoder.hidden_size, ws)
    }

    /// `[rows, dimensions]`
    fn forward(&self, exec: Exec<'_>, batch: &Batch, ws: &mut Workspace, out: &mut [f32]) -> Result<()> {
        let pooled = self.pool(exec, batch, ws)?;
        let width = pooled.len() / batch.rows();
        let rows = pooled.chunks_exact_mut(width).zip(out.chunks_exact_mut(self.dimensions()));
        rows.for_each(|(pooled, out)| self.recipe.finish.apply(pooled, out));
        Ok(())
    }

    /// What is tokenized for a text: it with its prompt, in lower case where the model wants that.
    pub fn prepare<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.recipe.text(text)
    }

    /// The same with another prompt before each text, or none for the default.
    ///
    /// # Errors
    /// When the model has no prompt of that name.
    pub fn with_prompt(&self, prompt: Prompt) -> Result<Self> {
        let recipe = self.recipe.with_prompt(&self.engine, prompt)?;
        Ok(Self { engine: self.engine.clone(), recipe: Arc::new(recipe) })
    }

    /// The model's prompts, each with its name.
    pub fn prompts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.recipe.prompts.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The tokens of a text with its prompt.
    ///
    /// # Errors
    /// When it is longer than allowed and [`Options::on_long`] says so.
    pub fn encode(&self, text: &str) -> Result<Encoding> {
        self.encode_text(0, text)
    }

    /// The same with some parts of the model as `other` has them: see [`Engine::with_parts_of`].
    ///
    /// # Errors
    /// As there.
    pub fn with_parts_of(&self, other: &Self, names: &BTreeSet<String>) -> Result<Self> {
        let engine = self.engine.with_parts_of(&other.engine, names)?;
        Ok(Self { engine, recipe: Arc::clone(&self.recipe) })
    }

    /// How a vector is made, in one line for people, e.g. `mean, dense to 256, length 1; prompts passage, query`.
    pub fn describe(&self) -> String {
        self.recipe.describe()
    }

    /// How its vectors are meant to be compared.
    pub fn similarity(&self) -> Similarity {
        self.recipe.similarity
    }

    /// The numbers of a vector.
    pub fn dimensions(&self) -> usize {
        self.recipe.finish.dimensions
    }

    /// How hidden states become a vector: one way, or several whose vectors are concatenated in this order.
    pub fn pooling(&self) -> &[Pooling] {
        &self.recipe.pooling
    }

    /// What has to be done to make vectors of rows of so many tokens.
    pub fn work(&self, lengths: &[usize]) -> Work {
        self.recipe.work(&self.engine, lengths)
    }

    /// The model below: its configuration, precision and limits.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn encode_text(&self, index: usize, text: &str) -> Result<Encoding> {
        self.engine.encode_text(index, &self.recipe.text(text), None, self.engine.max_tokens())
    }
}
