//! One vector for a text: encoder, pooling, and what sentence-transformers has after it.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{
    pooling::Pooling,
    recipe::{EmbedOptions, Recipe},
};
use crate::{
    checkpoint::sentence::Sentence,
    encoder::Row,
    engine::{Engine, Task, Work},
    error::{Error, Result},
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
        let sentence = if path.is_dir() { Sentence::open(path)? } else { None };
        let Some(sentence) = sentence else {
            return Self::new(Engine::open(path, options, Task::Embed)?, how);
        };
        if let Some(pooling) = how.pooling {
            let own: Vec<_> = sentence.pooling.iter().map(|own| own.name()).collect();
            let reason = format!("{pooling}, but the model has a pooling of its own: {}", own.join(", "));
            return Err(Error::Option { option: "pooling", reason });
        }
        let options = Options { max_tokens: options.max_tokens.or(sentence.max_tokens), ..options };
        let engine = Engine::open(&sentence.encoder, options, Task::Embed)?;
        let recipe = Recipe::new(&engine, sentence, how)?;
        Ok(Self { engine, recipe: Arc::new(recipe) })
    }

    /// Reads the encoder of a model that is loaded, whatever its head is, and that says nothing of vectors itself.
    ///
    /// # Errors
    /// When an option does not fit the model.
    pub fn new(engine: Engine, how: EmbedOptions) -> Result<Self> {
        let pooling = how.pooling.unwrap_or(Pooling::Mean);
        let recipe = Recipe::new(&engine, Sentence::of(Path::new(""), pooling), how)?;
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

    fn vectors_of<'a>(&self, rows: impl Iterator<Item = Row<'a>>) -> Vec<Result<Vec<f32>>> {
        let (recipe, engine) = (&*self.recipe, &self.engine);
        engine.answers(rows, |batch, ws, exec, answer| {
            let hidden = engine.model().hidden(exec, batch, recipe.wanted(batch), ws)?;
            let pooled = recipe.pool(batch, hidden, engine.config().encoder.hidden_size)?;
            let values = recipe.finish(pooled, batch.rows(), ws, exec)?;
            for (&index, values) in batch.indices.iter().zip(values.chunks_exact(recipe.width)) {
                let values = recipe.cut(values);
                answer(index, engine.finite(index, &values).map(<[f32]>::to_vec));
            }
            Ok(())
        })
    }

    /// The tokens of a text with its prompt.
    ///
    /// # Errors
    /// When it is longer than allowed and [`Options::on_long`] says so.
    pub fn encode(&self, text: &str) -> Result<Encoding> {
        self.encode_text(0, text)
    }

    /// The numbers of a vector.
    pub fn dimensions(&self) -> usize {
        self.recipe.dimensions
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

impl Sentence {
    /// Of a model that says nothing about vectors.
    fn of(path: &Path, pooling: Pooling) -> Self {
        Self {
            encoder: path.to_owned(),
            max_tokens: None,
            lower_case: false,
            pooling: vec![pooling],
            include_prompt: true,
            steps: Vec::new(),
            prompts: BTreeMap::new(),
            default_prompt: None,
        }
    }
}
