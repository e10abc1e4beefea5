//! One vector for a text: encoder, pooling, and what sentence-transformers has after it.

use std::{path::Path, sync::Arc};

use nimbert_kernels::Activation;

use super::pooling::{Pooling, normalize};
use crate::{
    checkpoint::sentence::{Dense, DenseActivation, Sentence, Step},
    config::Config,
    encoder::{Batch, Row, Wanted, Workspace},
    engine::{Engine, Task},
    error::{Error, Result},
    exec::{Exec, Operation},
    linear::{Input, Linear},
    memory,
    options::{NumberType, Options},
    plan::Matmul,
    tokenizer::{Encoding, OnLong},
};

/// How a vector is made of a text, where a model leaves that open.
#[derive(Debug, Clone, Default)]
pub struct EmbedOptions {
    /// Of a model without a pooling of its own, [`Pooling::Mean`] if not given. A directory of sentence-transformers has one.
    pub pooling: Option<Pooling>,
    /// Scale vectors to length 1, whether the model does so or not.
    pub normalize: bool,
    /// Only the first numbers of each vector, scaled to length 1 if the whole one is.
    pub dimensions: Option<usize>,
    /// What goes before each text.
    pub prompt: Prompt,
}

/// What goes before a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Prompt {
    /// The model's default, which most have none of.
    #[default]
    Default,
    /// The model's prompt of this name.
    Named(String),
    /// This text.
    Text(String),
}

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
/// let vectors = embedder.embed(&["a warm film", "a cold film"])?;
/// let cosine: f32 = vectors[0].values.iter().zip(&vectors[1].values).map(|(a, b)| a * b).sum();
/// println!("{} numbers each, {cosine:.3}", embedder.dimensions());
/// # Ok::<(), nimbert::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Embedder {
    engine: Engine,
    recipe: Arc<Recipe>,
}

/// What happens before and after the encoder.
#[derive(Debug)]
struct Recipe {
    prompt: String,
    lower_case: bool,
    /// Tokens of the prompt that are not pooled.
    skipped: usize,
    pooling: Vec<Pooling>,
    steps: Vec<Made>,
    /// How many numbers the steps give.
    width: usize,
    /// How many of them are kept.
    dimensions: usize,
    normalize: bool,
}

/// A [`Step`], ready to be computed.
#[derive(Debug)]
enum Made {
    Dense(Linear, DenseActivation),
    Normalize,
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
            let engine = Engine::open(path, options, Task::Embed)?;
            let pooling = how.pooling.unwrap_or(Pooling::Mean);
            return Self::new(engine, Sentence::of(path, pooling), how);
        };
        if let Some(pooling) = how.pooling {
            let own: Vec<_> = sentence.pooling.iter().map(|own| own.name()).collect();
            let reason = format!("{pooling}, but the model has a pooling of its own: {}", own.join(", "));
            return Err(Error::Option { option: "pooling", reason });
        }
        let positions = Config::from_dir(&sentence.encoder)?.encoder.max_position_embeddings;
        let own = sentence.max_tokens.map(|own| own.min(positions));
        let options = Options { max_tokens: options.max_tokens.or(own), ..options };
        Self::new(Engine::open(&sentence.encoder, options, Task::Embed)?, sentence, how)
    }

    fn new(engine: Engine, sentence: Sentence, how: EmbedOptions) -> Result<Self> {
        let Sentence { lower_case, pooling, include_prompt, steps, prompts, default_prompt, .. } = sentence;
        let prompt = match how.prompt {
            Prompt::Default => default_prompt.map(|name| prompts[&name].clone()).unwrap_or_default(),
            Prompt::Text(text) => text,
            Prompt::Named(name) => prompts.get(&name).cloned().ok_or_else(|| {
                let known: Vec<_> = prompts.keys().map(|name| format!("{name:?}")).collect();
                let known = if known.is_empty() { "the model has none".to_owned() } else { known.join(", ") };
                Error::Option {
                    option: "prompt-name",
                    reason: format!("no prompt is called {name:?}: {known}"),
                }
            })?,
        };
        let mut width = engine.config().encoder.hidden_size * pooling.len();
        let (mut made, mut normalizes) = (Vec::new(), how.normalize);
        for step in steps {
            made.push(match step {
                Step::Normalize => {
                    normalizes = true;
                    Made::Normalize
                }
                Step::Dense(dense) => {
                    width = dense.outputs;
                    normalizes = how.normalize;
                    Made::Dense(linear(&dense)?, dense.activation)
                }
            });
        }
        let dimensions = how.dimensions.unwrap_or(width);
        if !(1..=width).contains(&dimensions) {
            let reason = format!("{dimensions} is not between 1 and the model's {width}");
            return Err(Error::Option { option: "dimensions", reason });
        }
        let normalize = how.normalize || (normalizes && dimensions < width);
        let mut recipe =
            Recipe { prompt, lower_case, skipped: 0, pooling, steps: made, width, dimensions, normalize };
        if !include_prompt && !recipe.prompt.is_empty() {
            // All of its tokens but the [SEP] that ends it.
            let tokens =
                engine.tokenizer().encode(&recipe.prompt, None, engine.max_tokens(), OnLong::Truncate);
            let tokens = tokens.map_err(|reason| Error::Option { option: "prompt", reason })?;
            recipe.skipped = tokens.token_ids.len() - 1;
        }
        Ok(Self { engine, recipe: Arc::new(recipe) })
    }

    /// The vectors of `texts`, in their order. A text's are the same bits whatever the others are and however many threads work.
    ///
    /// # Errors
    /// When a text is longer than allowed and [`Options::on_long`] says so, an answer is not finite, or there is no memory.
    pub fn embed(&self, texts: &[&str]) -> Result<Vec<Embedding>> {
        let rows = texts.iter().enumerate().map(|(index, text)| self.encode(index, text));
        let rows = rows.collect::<Result<Vec<_>>>()?;
        let mut embeddings = Vec::with_capacity(rows.len());
        self.engine.batches(rows.iter().map(Row::from), |batch, ws, exec| {
            let mut values = self.pool(batch, ws, exec)?;
            values = self.finish(values, batch.rows(), ws, exec)?;
            for values in values.chunks_exact(self.recipe.width) {
                let index = embeddings.len();
                embeddings.push(self.embedding(index, values, &rows[index])?);
            }
            Ok(())
        })?;
        Ok(embeddings)
    }

    /// The numbers of a vector.
    pub fn dimensions(&self) -> usize {
        self.recipe.dimensions
    }

    /// The model below: its configuration, precision and limits.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn encode(&self, index: usize, text: &str) -> Result<Encoding> {
        let Recipe { prompt, lower_case, .. } = &*self.recipe;
        let mut text =
            if prompt.is_empty() { text.into() } else { std::borrow::Cow::from(format!("{prompt}{text}")) };
        if *lower_case {
            text = text.chars().flat_map(char::to_lowercase).collect::<String>().into();
        }
        self.engine.encode_text(index, &text, None, self.engine.max_tokens())
    }

    /// `[texts, poolings, H]`
    fn pool(&self, batch: &Batch, ws: &mut Workspace, exec: Exec<'_>) -> Result<Vec<f32>> {
        let Recipe { pooling, skipped, .. } = &*self.recipe;
        let size = self.engine.config().encoder.hidden_size;
        let wanted = match pooling[..] {
            [Pooling::Cls] if *skipped == 0 => batch.first(),
            [Pooling::Last] => batch.last(),
            _ => Wanted::All,
        };
        let hidden = self.engine.model().hidden(exec, batch, wanted, ws)?;
        if let Wanted::Rows { .. } = wanted {
            return memory::collect(hidden.len(), hidden.iter().copied());
        }
        let mut pooled = memory::zeros(batch.rows() * pooling.len() * size)?;
        for (row, out) in pooled.chunks_exact_mut(pooling.len() * size).enumerate() {
            let tokens = batch.range(row);
            let skipped = (*skipped).min(tokens.len() - 1);
            let hidden = &hidden[tokens.start * size..tokens.end * size];
            for (pooling, out) in pooling.iter().zip(out.chunks_exact_mut(size)) {
                pooling.pool(hidden, skipped, out);
            }
        }
        Ok(pooled)
    }

    fn finish(
        &self,
        mut values: Vec<f32>,
        texts: usize,
        ws: &mut Workspace,
        exec: Exec<'_>,
    ) -> Result<Vec<f32>> {
        for step in &self.recipe.steps {
            match step {
                Made::Normalize => {
                    let width = values.len() / texts;
                    values.chunks_exact_mut(width).for_each(normalize);
                }
                Made::Dense(linear, activation) => {
                    let mut out = memory::zeros(texts * linear.n())?;
                    let fused = match activation {
                        DenseActivation::Identity | DenseActivation::Sigmoid => Activation::Identity,
                        DenseActivation::Tanh => Activation::Tanh,
                        DenseActivation::Relu => Activation::Relu,
                        DenseActivation::Gelu => Activation::Gelu,
                    };
                    linear.forward(exec, Input::from(&*values), fused, &mut out, &mut ws.operand);
                    if *activation == DenseActivation::Sigmoid {
                        out.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp()));
                    }
                    values = out;
                }
            }
        }
        Ok(values)
    }

    fn embedding(&self, index: usize, values: &[f32], encoding: &Encoding) -> Result<Embedding> {
        let mut values = values[..self.recipe.dimensions].to_vec();
        if self.recipe.normalize {
            normalize(&mut values);
        }
        if !values.iter().all(|x| x.is_finite()) {
            let reason = format!("the model's weights give no finite answer{}", self.engine.advice());
            return Err(Error::Text { index, reason });
        }
        Ok(Embedding { values, tokens: encoding.token_ids.len(), truncated: encoding.truncated })
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
            prompts: Default::default(),
            default_prompt: None,
        }
    }
}

/// In f32, as everything that is small and decisive.
fn linear(dense: &Dense) -> Result<Linear> {
    let plan = Matmul::new("linear".to_owned(), dense.outputs, dense.inputs, Operation::Head).decisive();
    Linear::from_f32(&plan, &dense.weight, &dense.bias, NumberType::F32, |lost| Error::Option {
        option: "model",
        reason: format!("linear.weight: {}", lost.reason),
    })
}
