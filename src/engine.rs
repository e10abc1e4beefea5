//! A loaded model, which every task stands on; of a classifier, text in and labelled scores out.

mod limits;
mod load;
mod preset;
mod run;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use nimbert_kernels::{Isa, Kernels};

pub(crate) use self::load::Purpose;
pub use self::{
    limits::{Limits, Work},
    preset::Preset,
};
use crate::{
    config::Config,
    encoder::{Batch, Row, Workspace},
    error::{Error, Result},
    exec::Clock,
    model::Model,
    options::NumberType,
    parallel::Threads,
    plan::Plan,
    tasks::{Classification, Scoring},
    tokenizer::{Cut, Encoding, OnLong, Tokenizer, Window},
};

/// A loaded model. Cloning shares it; any number of threads may use one at a time.
///
/// ```
/// # #[cfg(feature = "demo")] {
/// use nimbert::{Engine, Options};
///
/// let engine = Engine::demo(Options::default())?;
/// for answer in engine.classify(&["连奥创都知道整容要去韩国", "太好看了，笑中带泪，强烈推荐！"]) {
///     let answer = answer?;
///     let best = answer.top();
///     println!("{} {:.2}", best.label, best.score);
/// }
/// # }
/// # Ok::<(), nimbert::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    /// Of a classifier of texts or of tokens; none otherwise.
    labels: Arc<[String]>,
    scoring: Scoring,
    tokenizer: Arc<Tokenizer>,
    plan: Plan,
    model: Model,
    /// The file or directory, for errors.
    name: String,
    precision: NumberType,
    stored: String,
    source_sha256: Option<String>,
    max_tokens: usize,
    on_long: OnLong,
    kernels: Kernels,
    threads: Arc<Threads>,
    clock: Option<Clock>,
    /// One for each call that was ever under way at the same time.
    workspaces: Mutex<Vec<(Batch, Workspace)>>,
}

impl Engine {
    /// The same model with some parts, by the names that [`Config::quantized_parts`] lists, as `other` has them, which is
    /// this model at another precision. The weights are shared, not copied: to try out what each precision costs.
    ///
    /// # Errors
    /// When the two are not of the same shape, or there is no part of such a name.
    pub fn with_parts_of(&self, other: &Self, names: &BTreeSet<String>) -> Result<Self> {
        let inner = &*self.0;
        let refuse = |reason: String| Err(Error::Option { option: "names", reason });
        if other.0.config != inner.config {
            return refuse(format!("{} and {} are not the same model", inner.name, other.0.name));
        }
        if let Some(name) = names.iter().find(|name| !inner.plan.has_quantizable(name)) {
            return refuse(format!("no part of the model that could be int8 is called {name}"));
        }
        let words = inner.plan.embeddings.words.part();
        Ok(Self(Arc::new(Inner {
            config: inner.config.clone(),
            labels: Arc::clone(&inner.labels),
            tokenizer: Arc::clone(&inner.tokenizer),
            plan: inner.plan.clone(),
            model: inner.model.with_parts_of(&other.0.model, words, names),
            name: inner.name.clone(),
            stored: inner.stored.clone(),
            source_sha256: inner.source_sha256.clone(),
            threads: Arc::clone(&inner.threads),
            clock: inner.clock.as_ref().map(|_| Clock::default()),
            workspaces: Mutex::default(),
            ..*inner
        })))
    }

    /// Scores texts: an answer, or an error, for each. The answer to a text is the same bits whatever the others are and however many
    /// threads work.
    ///
    /// # Errors
    /// Of a text: that it is longer than allowed and [`Options::on_long`](crate::Options::on_long) says so; as [`Engine::logits`].
    pub fn classify(&self, texts: &[&str]) -> Vec<Result<Classification>> {
        self.classify_texts(texts.iter().map(|text| (*text, None)))
    }

    /// Scores pairs of texts: `[CLS] first [SEP] second [SEP]`.
    ///
    /// # Errors
    /// As [`Engine::classify`], and when the model knows only one token type.
    pub fn classify_pairs(&self, pairs: &[(&str, &str)]) -> Vec<Result<Classification>> {
        self.classify_texts(pairs.iter().map(|(first, second)| (*first, Some(*second))))
    }

    fn classify_texts<'a>(
        &self,
        texts: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Vec<Result<Classification>> {
        let encode = |(index, (text, pair))| self.encode_text(index, text, pair, self.max_tokens());
        let rows: Vec<_> = texts.enumerate().map(encode).collect();
        let mut logits = self.logits_of(rows.iter().flatten().map(Row::from)).into_iter();
        let answer = |(index, row): (usize, Result<Encoding>)| {
            let row = row?;
            let logits = logits.next().expect("logits for every row").map_err(|error| error.at(index))?;
            Ok(self.classification(&row, logits))
        };
        rows.into_iter().enumerate().map(answer).collect()
    }

    /// What [`Engine::classify`] makes of a text's logits, which are in label order: for who computes them apart, or keeps them.
    ///
    /// ```
    /// # #[cfg(feature = "demo")] {
    /// let engine = nimbert::Engine::demo(nimbert::Options::default())?;
    /// let rows = [engine.encode("无聊到睡着", None)?];
    /// let logits = engine.logits(&rows).remove(0)?;
    /// assert_eq!(engine.classification(&rows[0], logits), engine.classify(&["无聊到睡着"]).remove(0)?);
    /// # }
    /// # Ok::<(), nimbert::Error>(())
    /// ```
    ///
    /// # Panics
    /// When there is not one for each label.
    pub fn classification(&self, encoding: &Encoding, logits: Vec<f32>) -> Classification {
        let Inner { scoring, labels, .. } = &*self.0;
        assert_eq!(logits.len(), labels.len(), "a logit for each label");
        Classification {
            scores: scoring.scores(&logits),
            logits,
            tokens: encoding.token_ids.len(),
            truncated: encoding.truncated,
            labels: Arc::clone(labels),
        }
    }

    /// The tokens of a text, or of a pair of texts, as many as [`Engine::max_tokens`] allows.
    ///
    /// # Errors
    /// When it is longer than allowed and [`Options::on_long`](crate::Options::on_long) says so.
    pub fn encode(&self, text: &str, pair: Option<&str>) -> Result<Encoding> {
        self.encode_text(0, text, pair, self.max_tokens())
    }

    /// The tokens of text `index` of a call, at most `max_tokens`.
    pub(crate) fn encode_text(
        &self,
        index: usize,
        text: &str,
        pair: Option<&str>,
        max_tokens: usize,
    ) -> Result<Encoding> {
        let Inner { tokenizer, on_long, .. } = &*self.0;
        let encoding = tokenizer.encode(text, pair, max_tokens, *on_long);
        encoding.map_err(|reason| Error::Text { index, reason })
    }

    /// Text `index` of a call with each of `seconds`, of which none is cut: the tokens of pairs.
    pub(crate) fn encode_pairs(&self, index: usize, text: &str, seconds: &[String]) -> Result<Vec<Encoding>> {
        let Inner { tokenizer, on_long, max_tokens, .. } = &*self.0;
        let encodings = tokenizer.encode_pairs(text, seconds, *max_tokens, *on_long);
        encodings.map_err(|reason| Error::Text { index, reason })
    }

    /// Text `index` of a call in as many windows as it takes, with where their tokens come from: see [`Tokenizer::windows`]. Without a
    /// stride there is one.
    pub(crate) fn windows(&self, index: usize, text: &str, stride: Option<usize>) -> Result<Vec<Window>> {
        let Inner { tokenizer, on_long, max_tokens, .. } = &*self.0;
        let windows = tokenizer.windows(text, None, *max_tokens, Cut::First, stride);
        let windows = windows.map_err(|reason| Error::Text { index, reason })?;
        if stride.is_none() && *on_long == OnLong::Error && windows[0].encoding.truncated {
            return Err(Error::Text { index, reason: format!("longer than {max_tokens} tokens") });
        }
        Ok(windows)
    }

    /// Measures what this machine allows with this engine's precision, instructions and threads. Takes a second or less.
    pub fn limits(&self) -> Limits {
        self.with_workspace(|_, _, exec| Limits::measure(exec, self.0.precision, &self.0.model.panels()))
    }

    /// What has to be done to score rows of so many tokens; of a masked language model, to fill one mask of each.
    pub fn work(&self, lengths: &[usize]) -> Work {
        let model = &self.0.model;
        let encoder = self.encoder_work(lengths, |tokens| model.rows_read(tokens));
        let rows = lengths.iter().map(|&tokens| model.rows_read(tokens)).sum();
        model.head_linears().fold(encoder, |work, linear| work.with(rows, linear))
    }

    /// What the encoder has to do, if of a row of so many tokens as many hidden states are read as `wanted` says.
    pub(crate) fn encoder_work(&self, lengths: &[usize], wanted: impl Fn(usize) -> usize) -> Work {
        let bytes = self.0.model.encoder_linears().map(|linear| linear.panels().len()).sum();
        Work::encoder(&self.0.plan.layers, bytes, lengths, wanted)
    }

    /// The file or directory, or what else the model is called.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// The labels' names, by index: of a classifier of texts or of tokens.
    pub fn labels(&self) -> &[String] {
        &self.0.labels
    }

    /// How logits become scores.
    pub fn scoring(&self) -> Scoring {
        self.0.scoring
    }

    /// The model's configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.0.tokenizer
    }

    /// The most tokens of a text, special ones included.
    pub fn max_tokens(&self) -> usize {
        self.0.max_tokens
    }

    /// What happens to a text of more tokens.
    pub(crate) fn on_long(&self) -> OnLong {
        self.0.on_long
    }

    /// Threads of one call, the caller's included.
    pub fn threads(&self) -> usize {
        self.0.threads.count()
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.0.kernels.isa()
    }

    /// What is computed in.
    pub fn precision(&self) -> NumberType {
        self.0.precision
    }

    /// What the matrices are stored as: `f32`, `f16` or `bf16` in a checkpoint, `f32`, `f16` or `int8` in a packed
    /// file.
    pub fn stored_precision(&self) -> &str {
        &self.0.stored
    }

    /// Of a packed file: the hexadecimal SHA-256 of the weights that it was made from.
    pub fn source_sha256(&self) -> Option<&str> {
        self.0.source_sha256.as_deref()
    }

    /// Numbers that the model was trained to have.
    pub fn parameters(&self) -> usize {
        self.0.plan.parameters()
    }

    /// Bytes that the weights take, in the file's map or in memory.
    pub fn weight_bytes(&self) -> usize {
        self.0.model.weight_bytes()
    }
}
