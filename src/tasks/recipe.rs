//! What happens before and after the encoder, to make a vector of a text.

use std::borrow::Cow;

use nimbert_kernels::Activation;

use super::pooling::{Pooling, normalize};
use crate::{
    checkpoint::sentence::{Dense, DenseActivation, Sentence, Step},
    encoder::{Batch, Wanted, Workspace},
    engine::{Engine, Work},
    error::{Error, Result},
    exec::{Exec, Operation},
    linear::{Input, Linear},
    memory,
    options::NumberType,
    plan::Matmul,
    tokenizer::OnLong,
};

/// How a vector is made of a text, where a model leaves that open.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
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

impl EmbedOptions {
    /// With this [pooling](Self::pooling), or the model's for `None`.
    #[must_use]
    pub fn pooling(self, pooling: impl Into<Option<Pooling>>) -> Self {
        Self { pooling: pooling.into(), ..self }
    }

    /// With vectors [scaled](Self::normalize), or only if the model does so.
    #[must_use]
    pub fn normalize(self, normalize: bool) -> Self {
        Self { normalize, ..self }
    }

    /// With so many [numbers](Self::dimensions) a vector, or all for `None`.
    #[must_use]
    pub fn dimensions(self, dimensions: impl Into<Option<usize>>) -> Self {
        Self { dimensions: dimensions.into(), ..self }
    }

    /// With this [prompt](Self::prompt).
    #[must_use]
    pub fn prompt(self, prompt: Prompt) -> Self {
        Self { prompt, ..self }
    }
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

/// The options and what the model says, settled.
#[derive(Debug)]
pub(super) struct Recipe {
    prompt: String,
    lower_case: bool,
    /// Tokens of the prompt that are not pooled.
    skipped: usize,
    /// Concatenated in this order.
    pub(super) pooling: Vec<Pooling>,
    steps: Vec<Made>,
    /// How many numbers the steps give.
    pub(super) width: usize,
    /// How many of them are kept.
    pub(super) dimensions: usize,
    normalize: bool,
}

/// A [`Step`], ready to be computed.
#[derive(Debug)]
enum Made {
    Dense(Linear, DenseActivation),
    Normalize,
}

impl Recipe {
    pub(super) fn new(engine: &Engine, sentence: Sentence, how: EmbedOptions) -> Result<Self> {
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
            Self { prompt, lower_case, skipped: 0, pooling, steps: made, width, dimensions, normalize };
        if !include_prompt && !recipe.prompt.is_empty() {
            // All of its tokens but the [SEP] that ends it.
            let tokens =
                engine.tokenizer().encode(&recipe.prompt, None, engine.max_tokens(), OnLong::Truncate);
            let tokens = tokens.map_err(|reason| Error::Option { option: "prompt", reason })?;
            recipe.skipped = tokens.token_ids.len() - 1;
        }
        Ok(recipe)
    }

    /// What is tokenized for a text.
    pub(super) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::from(text);
        if !self.prompt.is_empty() {
            text = format!("{}{text}", self.prompt).into();
        }
        if self.lower_case {
            text = text.chars().flat_map(char::to_lowercase).collect::<String>().into();
        }
        text
    }

    /// What reads one hidden state of a text, if nothing reads more.
    fn single(&self) -> Option<Pooling> {
        match self.pooling[..] {
            [Pooling::Cls] if self.skipped == 0 => Some(Pooling::Cls),
            [Pooling::Last] => Some(Pooling::Last),
            _ => None,
        }
    }

    /// The hidden states that are pooled.
    pub(super) fn wanted<'a>(&self, batch: &'a Batch) -> Wanted<'a> {
        match self.single() {
            Some(Pooling::Last) => batch.last(),
            Some(_) => batch.first(),
            None => Wanted::All,
        }
    }

    /// What has to be done for texts of so many tokens; pooling itself is next to nothing.
    pub(super) fn work(&self, engine: &Engine, lengths: &[usize]) -> Work {
        let encoder = engine.encoder_work(lengths, |tokens| if self.single().is_some() { 1 } else { tokens });
        self.steps.iter().fold(encoder, |work, step| match step {
            Made::Dense(linear, _) => work.with(lengths.len(), linear),
            Made::Normalize => work,
        })
    }

    /// Of hidden states of `size` that are [wanted](Self::wanted): `[texts, poolings, size]`.
    pub(super) fn pool(&self, batch: &Batch, hidden: &[f32], size: usize) -> Result<Vec<f32>> {
        if let Wanted::Rows { .. } = self.wanted(batch) {
            return memory::collect(hidden.len(), hidden.iter().copied());
        }
        let mut pooled = memory::zeros(batch.rows() * self.pooling.len() * size)?;
        for (row, out) in pooled.chunks_exact_mut(self.pooling.len() * size).enumerate() {
            let tokens = batch.range(row);
            let skipped = self.skipped.min(tokens.len() - 1);
            let hidden = &hidden[tokens.start * size..tokens.end * size];
            for (pooling, out) in self.pooling.iter().zip(out.chunks_exact_mut(size)) {
                pooling.pool(hidden, skipped, out);
            }
        }
        Ok(pooled)
    }

    /// What the modules after pooling make of it: `[texts, width]`.
    pub(super) fn finish(
        &self,
        mut values: Vec<f32>,
        texts: usize,
        ws: &mut Workspace,
        exec: Exec<'_>,
    ) -> Result<Vec<f32>> {
        for step in &self.steps {
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

    /// What is kept of a vector.
    pub(super) fn cut(&self, values: &[f32]) -> Vec<f32> {
        let mut values = values[..self.dimensions].to_vec();
        if self.normalize {
            normalize(&mut values);
        }
        values
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
