//! What happens before and after the encoder, to make a vector of a text.

use std::{borrow::Cow, collections::BTreeMap, mem::swap, sync::Arc};

use nimbert_kernels::Activation;

use super::{
    finish::Finish,
    pooling::{Pooling, normalize},
    similarity::Similarity,
};
use crate::{
    checkpoint::sentence::{Dense, DenseActivation, Sentence, Step},
    encoder::{Batch, Wanted, Workspace},
    engine::{Engine, Work},
    error::{Error, Result},
    exec::Exec,
    linear::{Input, Linear},
    memory::grow,
    options::NumberType,
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
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    prompt: String,
    /// All that the model has, by name.
    pub(super) prompts: BTreeMap<String, String>,
    /// Whether the tokens of a prompt are pooled like the others.
    include_prompt: bool,
    lower_case: bool,
    /// Tokens of the prompt that are not pooled.
    skipped: usize,
    /// Concatenated in this order.
    pub(super) pooling: Vec<Pooling>,
    steps: Arc<[Made]>,
    pub(super) finish: Finish,
    pub(super) similarity: Similarity,
}

/// A [`Step`], ready to be computed.
#[derive(Debug)]
enum Made {
    Dense(Linear, DenseActivation),
    Normalize,
}

impl Recipe {
    pub(super) fn new(engine: &Engine, sentence: Sentence, how: EmbedOptions) -> Result<Self> {
        let Sentence {
            lower_case,
            pooling,
            include_prompt,
            mut steps,
            prompts,
            default_prompt,
            similarity,
            ..
        } = sentence;
        let prompt = match (how.prompt, default_prompt) {
            (Prompt::Default, Some(name)) => Prompt::Named(name),
            (prompt, _) => prompt,
        };
        let is_scaled = steps.pop_if(|last| matches!(last, Step::Normalize)).is_some();
        let mut width = engine.config().encoder.hidden_size * pooling.len();
        let mut made = Vec::new();
        for (i, step) in steps.into_iter().enumerate() {
            made.push(match step {
                Step::Normalize => Made::Normalize,
                Step::Dense(dense) => {
                    width = dense.outputs;
                    Made::Dense(linear(&dense, i)?, dense.activation)
                }
            });
        }
        let finish = Finish::new(width, is_scaled, how.dimensions, how.normalize.then_some(true))?;
        let (steps, skipped) = (made.into(), 0);
        let plain = String::new();
        Self {
            prompt: plain,
            prompts,
            include_prompt,
            lower_case,
            skipped,
            pooling,
            steps,
            finish,
            similarity,
        }
        .with_prompt(engine, prompt)
    }

    /// The same with another prompt before each text; without one for the default.
    pub(super) fn with_prompt(&self, engine: &Engine, prompt: Prompt) -> Result<Self> {
        let prompt = match prompt {
            Prompt::Default => String::new(),
            Prompt::Text(text) => text,
            Prompt::Named(name) => self.prompts.get(&name).cloned().ok_or_else(|| {
                let known: Vec<_> = self.prompts.keys().map(|name| format!("{name:?}")).collect();
                let known = if known.is_empty() { "the model has none".to_owned() } else { known.join(", ") };
                Error::Option {
                    option: "prompt-name",
                    reason: format!("no prompt is called {name:?}: {known}"),
                }
            })?,
        };
        let mut skipped = 0;
        if !self.include_prompt && !prompt.is_empty() {
            // All of its tokens but the [SEP] that ends it.
            let tokens = engine.tokenizer().encode(&prompt, None, engine.max_tokens(), OnLong::Truncate);
            let tokens = tokens.map_err(|reason| Error::Option { option: "prompt", reason })?;
            skipped = tokens.token_ids.len() - 1;
        }
        Ok(Self { prompt, skipped, ..self.clone() })
    }

    /// One line for people, e.g. `mean, dense to 256, length 1; prompts passage, query`.
    pub(super) fn describe(&self) -> String {
        let mut parts: Vec<_> = self.pooling.iter().map(|pooling| pooling.name().to_owned()).collect();
        parts.extend(self.steps.iter().map(|step| match step {
            Made::Dense(linear, _) => format!("dense to {}", linear.n()),
            Made::Normalize => "length 1".to_owned(),
        }));
        if self.finish.scale_all {
            parts.push("length 1".to_owned());
        }
        let similarity = match self.similarity {
            Similarity::Cosine => String::new(),
            other => format!("; similarity {}", other.name()),
        };
        let names: Vec<_> = self.prompts.keys().map(String::as_str).collect();
        let prompts =
            if names.is_empty() { String::new() } else { format!("; prompts {}", names.join(", ")) };
        format!("{}{prompts}{similarity}", parts.join(", "))
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

    /// The vectors of a batch whose [wanted](Self::wanted) hidden states, of `size` numbers, are in the workspace, before they are
    /// finished: `[texts, width]`.
    ///
    /// # Errors
    /// When there is no memory. Nothing is allocated once there was as large a batch.
    pub(super) fn pooled<'a>(
        &self,
        exec: Exec<'_>,
        batch: &Batch,
        size: usize,
        ws: &'a mut Workspace,
    ) -> Result<&'a mut [f32]> {
        let Workspace { hidden, pooled, logits: next, operand, .. } = ws;
        let (texts, mut width) = (batch.rows(), size * self.pooling.len());
        grow(pooled, texts * width)?;
        self.pool(batch, &hidden.values, size, &mut pooled[..texts * width]);
        for step in &*self.steps {
            let values = &mut pooled[..texts * width];
            match step {
                Made::Normalize => values.chunks_exact_mut(width).for_each(normalize),
                Made::Dense(linear, activation) => {
                    width = linear.n();
                    grow(next, texts * width)?;
                    let out = &mut next[..texts * width];
                    linear.forward(exec, Input::from(&*values), activation.fused(), out, operand);
                    activation.finish(out);
                    swap(pooled, next);
                }
            }
        }
        Ok(&mut pooled[..texts * width])
    }

    /// `[texts, poolings, size]`
    fn pool(&self, batch: &Batch, hidden: &[f32], size: usize, pooled: &mut [f32]) {
        if let Wanted::Rows { .. } = self.wanted(batch) {
            return pooled.copy_from_slice(&hidden[..pooled.len()]);
        }
        for (row, out) in pooled.chunks_exact_mut(self.pooling.len() * size).enumerate() {
            let tokens = batch.range(row);
            let skipped = self.skipped.min(tokens.len() - 1);
            let hidden = &hidden[tokens.start * size..tokens.end * size];
            for (pooling, out) in self.pooling.iter().zip(out.chunks_exact_mut(size)) {
                pooling.pool(hidden, skipped, out);
            }
        }
    }
}

impl DenseActivation {
    /// What the product computes at its end.
    fn fused(self) -> Activation {
        match self {
            Self::Identity | Self::Sigmoid => Activation::Identity,
            Self::Tanh => Activation::Tanh,
            Self::Relu => Activation::Relu,
            Self::Gelu => Activation::Gelu,
        }
    }

    /// What is left to do after it.
    fn finish(self, values: &mut [f32]) {
        if self == Self::Sigmoid {
            values.iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp()));
        }
    }
}

/// In f32, as everything that is small and decisive.
fn linear(dense: &Dense, step: usize) -> Result<Linear> {
    Linear::from_f32(&dense.plan(step), &dense.weight, &dense.bias, NumberType::F32, |lost| Error::Option {
        option: "model",
        reason: format!("linear.weight: {}", lost.reason),
    })
}
