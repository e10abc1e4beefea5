//! Text in, labelled scores out.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use nimbert_kernels::{Isa, Kernels};

use crate::{
    batch::Batch,
    classification::Classification,
    config::Config,
    error::{Error, Result},
    exec::{Clock, Exec, Operation},
    limits::{Limits, Work},
    model::{Bert, Trace, parameters},
    options::{Options, Precision},
    packed::PackedModel,
    parallel::Threads,
    preset::Preset,
    source::Source,
    tokenizer::{Encoding, OnLong, Tokenizer},
    weights::{Bytes, Weights},
    workspace::Workspace,
};

/// Tokens of a thread that go through the model together, at most, unless one text has more: enough that every weight
/// is used often while it is in the cache, and few enough that the activations are too.
const BATCH_TOKENS: usize = 128;
/// The same of all threads: activations of bert-base take 34 KB a token.
const MOST_BATCH_TOKENS: usize = 2_048;

/// A loaded model. Cloning shares it; any number of threads may use one at a time.
///
/// ```
/// # #[cfg(feature = "demo")] {
/// use nimbert::{Engine, Options};
///
/// let engine = Engine::demo(Options::default())?;
/// let answers = engine.classify(&["连奥创都知道整容要去韩国", "太好看了，笑中带泪，强烈推荐！"])?;
/// for answer in &answers {
///     let best = answer.top();
///     println!("{} {:.2}", best.label, best.score);
/// }
/// assert_eq!(answers[1].top().label, "Star_5");
/// # }
/// # Ok::<(), nimbert::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    labels: Arc<[String]>,
    tokenizer: Arc<Tokenizer>,
    bert: Bert,
    /// The file or directory, for errors.
    name: String,
    precision: Precision,
    stored: String,
    max_tokens: usize,
    on_long: OnLong,
    kernels: Kernels,
    threads: Arc<Threads>,
    clock: Option<Clock>,
    /// One for each call that was ever under way at the same time.
    workspaces: Mutex<Vec<(Batch, Workspace)>>,
}

impl Engine {
    /// Loads a Hugging Face checkpoint directory (`config.json`, `model.safetensors`, a tokenizer) or a packed file.
    ///
    /// Weights are mapped, not read: the file must not be changed while the engine lives.
    ///
    /// # Errors
    /// When something is missing, damaged, or not what this engine computes, or an option does not fit the machine.
    pub fn load(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        let path = path.as_ref();
        if !std::fs::metadata(path).map_err(Error::io(path))?.is_dir() {
            return Self::packed(PackedModel::open(path)?, path, &options);
        }
        let config_path = path.join("config.json");
        let json = std::fs::read(&config_path).map_err(Error::io(&config_path))?;
        let config = Config::from_json(&json, &config_path)?;
        let tokenizer = Tokenizer::from_dir(path)?;
        let weights = Weights::open_dir(path)?;
        let precision = options.precision.or(Precision::F32);
        let source = Source::Checkpoint(&weights);
        let bert = Bert::load(source, &config, precision, options.copy_weights)?;
        Self::new(bert, source.stored(&config)?, config, tokenizer, path, Options { precision, ..options })
    }

    /// A packed file that is part of the program, on a 64-byte boundary.
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub fn from_static(bytes: &'static [u8], options: Options) -> Result<Self> {
        let name = Path::new("model in memory");
        Self::packed(PackedModel::from_bytes(Bytes::from_static(bytes), name)?, name, &options)
    }

    /// The demo model that is compiled in: stars for Chinese film comments. See `src/demo/README.md`.
    ///
    /// # Errors
    /// When an option does not fit the machine.
    #[cfg(feature = "demo")]
    pub fn demo(options: Options) -> Result<Self> {
        let name = Path::new("demo model");
        Self::packed(PackedModel::from_bytes(Bytes::from_static(crate::demo::MODEL), name)?, name, &options)
    }

    /// A model of a known shape with made-up weights, the same on every machine: to measure speed, not to score texts.
    ///
    /// # Errors
    /// When an option does not fit the machine.
    pub fn preset(preset: Preset, options: Options) -> Result<Self> {
        let precision = options.precision.or(Precision::F32);
        let (source, config) = (Source::MadeUp, preset.config());
        let bert = Bert::load(source, &config, precision, options.copy_weights)?;
        let (stored, name) = (source.stored(&config)?, Path::new(preset.name()));
        Self::new(bert, stored, config, preset.tokenizer(), name, Options { precision, ..options })
    }

    fn packed(model: PackedModel, path: &Path, options: &Options) -> Result<Self> {
        let precision = options.precision.or(model.precision);
        let bert = Bert::load(Source::Packed(&model), &model.config, precision, options.copy_weights)?;
        Self::new(
            bert,
            model.precision.to_string(),
            model.config,
            model.tokenizer,
            path,
            Options { precision, ..*options },
        )
    }

    fn new(
        bert: Bert,
        stored: String,
        config: Config,
        tokenizer: Tokenizer,
        path: &Path,
        options: Options,
    ) -> Result<Self> {
        if tokenizer.vocab_size() > config.vocab_size {
            let (ids, words) = (tokenizer.vocab_size(), config.vocab_size);
            return Err(Error::tokenizer(
                path,
                format!("the tokenizer has {ids} tokens, but the model {words} words"),
            ));
        }
        let most = config.max_position_embeddings;
        let natural = tokenizer.model_max_length().map_or(most, |length| length.min(most));
        let max_tokens = options.max_tokens.unwrap_or(natural);
        if !(2..=most).contains(&max_tokens) {
            let reason =
                format!("{max_tokens} is not between 2 ([CLS] and [SEP]) and the model's {most} positions");
            return Err(Error::Option { option: "max-tokens", reason });
        }
        Ok(Self(Arc::new(Inner {
            labels: config.labels.clone().into(),
            config,
            tokenizer: Arc::new(tokenizer),
            bert,
            name: path.display().to_string(),
            precision: options.precision,
            stored,
            max_tokens,
            on_long: options.on_long,
            kernels: kernels(options.isa)?,
            threads: Arc::new(Threads::new(options.threads)?),
            clock: options.profile.then(Clock::default),
            workspaces: Mutex::default(),
        })))
    }

    /// The same model with some matmuls, by the names that [`Config::matmuls`] lists, as `other` has them, which is this
    /// model at another precision. The weights are shared, not copied: to try out what each precision costs.
    ///
    /// # Errors
    /// When the two are not of the same shape, or there is no matmul of such a name.
    pub fn with_matmuls_of(&self, other: &Self, names: &BTreeSet<String>) -> Result<Self> {
        let (inner, matmuls) = (&*self.0, self.0.config.matmuls());
        let refuse = |reason: String| Err(Error::Option { option: "matmuls", reason });
        if other.0.config != inner.config {
            return refuse(format!("{} and {} are not the same model", inner.name, other.0.name));
        }
        if let Some(name) = names.iter().find(|name| !matmuls.contains(name)) {
            return refuse(format!("the model has no matmul {name}"));
        }
        let takes: Vec<_> = matmuls.iter().map(|name| names.contains(name)).collect();
        Ok(Self(Arc::new(Inner {
            config: inner.config.clone(),
            labels: Arc::clone(&inner.labels),
            tokenizer: Arc::clone(&inner.tokenizer),
            bert: inner.bert.with_linears_of(&other.0.bert, &takes),
            name: inner.name.clone(),
            stored: inner.stored.clone(),
            threads: Arc::clone(&inner.threads),
            clock: inner.clock.as_ref().map(|_| Clock::default()),
            workspaces: Mutex::default(),
            ..*inner
        })))
    }

    /// Scores texts. The answer to a text is the same bits whatever the others are and however many threads work.
    ///
    /// # Errors
    /// When a text is longer than allowed and [`Options::on_long`] says so.
    pub fn classify(&self, texts: &[&str]) -> Result<Vec<Classification>> {
        self.classify_texts(texts.iter().map(|text| (*text, None)))
    }

    /// Scores pairs of texts: `[CLS] first [SEP] second [SEP]`.
    ///
    /// # Errors
    /// As [`Engine::classify`], and when the model knows only one token type.
    pub fn classify_pairs(&self, pairs: &[(&str, &str)]) -> Result<Vec<Classification>> {
        self.classify_texts(pairs.iter().map(|(first, second)| (*first, Some(*second))))
    }

    fn classify_texts<'a>(
        &self,
        texts: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Vec<Classification>> {
        let Inner { tokenizer, max_tokens, on_long, config, labels, .. } = &*self.0;
        let encode = |(index, (text, pair))| {
            tokenizer
                .encode(text, pair, *max_tokens, *on_long)
                .map_err(|reason| Error::Text { index, reason })
        };
        let rows = texts.enumerate().map(encode).collect::<Result<Vec<_>>>()?;
        let logits = self.logits(&rows)?;
        let answer = |(row, logits): (&Encoding, Vec<f32>)| Classification {
            scores: config.scoring.scores(&logits),
            logits,
            tokens: row.token_ids.len(),
            truncated: row.truncated,
            labels: Arc::clone(labels),
        };
        Ok(rows.iter().zip(logits).map(answer).collect())
    }

    /// The model's raw outputs for rows of tokens, in label order for each row.
    ///
    /// # Errors
    /// When a row is empty, longer than the model has positions, or has an id that the model does not know.
    pub fn logits(&self, rows: &[Encoding]) -> Result<Vec<Vec<f32>>> {
        let Inner { config, bert, name, .. } = &*self.0;
        let most = (BATCH_TOKENS * self.threads()).min(MOST_BATCH_TOKENS);
        let mut logits = Vec::with_capacity(rows.len());
        self.with_workspace(|batch, ws, exec| {
            let mut rows = rows.iter().enumerate().peekable();
            while rows.peek().is_some() {
                batch.clear();
                while let Some((index, row)) =
                    rows.next_if(|(_, row)| batch.rows() == 0 || batch.tokens() + row.token_ids.len() <= most)
                {
                    batch.push(row, config).map_err(|reason| Error::Text { index, reason })?;
                }
                bert.forward(exec, config, batch, ws);
                for row in ws.logits.chunks_exact(config.labels.len()).take(batch.rows()) {
                    if row.iter().any(|logit| !logit.is_finite()) {
                        let reason = format!("{name}: its weights give no finite answer: {row:?}");
                        return Err(Error::Text { index: logits.len(), reason });
                    }
                    logits.push(row.to_vec());
                }
            }
            Ok(())
        })?;
        Ok(logits)
    }

    /// Every intermediate result for one row of tokens: to compare with a reference, layer by layer.
    ///
    /// # Errors
    /// As [`Engine::logits`].
    pub fn trace(&self, token_ids: &[u32], token_type_ids: &[u32]) -> Result<Trace> {
        let Inner { config, bert, .. } = &*self.0;
        let (token_ids, token_type_ids) = (token_ids.to_vec(), token_type_ids.to_vec());
        let row = Encoding { token_ids, token_type_ids, truncated: false };
        self.with_workspace(|batch, ws, exec| {
            batch.clear();
            batch.push(&row, config).map_err(|reason| Error::Text { index: 0, reason })?;
            Ok(bert.trace(exec, config, batch, ws))
        })
    }

    /// Lends a workspace and the threads to `work`.
    fn with_workspace<R>(&self, work: impl FnOnce(&mut Batch, &mut Workspace, Exec<'_>) -> R) -> R {
        let Inner { kernels, threads, clock, workspaces, .. } = &*self.0;
        let lock = || workspaces.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut batch, mut ws) = lock().pop().unwrap_or_default();
        let result = threads
            .run(|team| work(&mut batch, &mut ws, Exec { kernels: *kernels, team, clock: clock.as_ref() }));
        lock().push((batch, ws));
        result
    }

    /// Time spent in each part of all forwards since the last call; empty without [`Options::profile`].
    pub fn profile(&self) -> Vec<(Operation, Duration)> {
        self.0.clock.as_ref().map(Clock::take).unwrap_or_default()
    }

    /// Measures what this machine allows with this engine's precision, instructions and threads. Takes a second or less.
    pub fn limits(&self) -> Limits {
        self.with_workspace(|_, _, exec| Limits::measure(exec, self.0.precision, &self.0.bert.panels()))
    }

    /// What has to be done to score rows of so many tokens.
    pub fn work(&self, lengths: &[usize]) -> Work {
        Work::new(&self.0.config, &self.0.bert.panels(), lengths)
    }

    /// The labels' names, by index.
    pub fn labels(&self) -> &[String] {
        &self.0.labels
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

    /// Threads of one call, the caller's included.
    pub fn threads(&self) -> usize {
        self.0.threads.count()
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.0.kernels.isa()
    }

    /// What is computed in; never [`Precision::Auto`].
    pub fn precision(&self) -> Precision {
        self.0.precision
    }

    /// What the matrices are stored as: `f32`, `f16` or `bf16` in a checkpoint, `f32`, `f16` or `int8` in a packed
    /// file.
    pub fn stored_precision(&self) -> &str {
        &self.0.stored
    }

    /// Numbers that the model was trained to have.
    pub fn parameters(&self) -> usize {
        parameters(&self.0.config)
    }

    /// Bytes that the weights take, in the file's map or in memory.
    pub fn weight_bytes(&self) -> usize {
        self.0.bert.weight_bytes()
    }
}

/// The kernels of `isa`, or of `NIMBERT_ISA`, or of the machine's best.
fn kernels(isa: Option<Isa>) -> Result<Kernels> {
    let (option, isa) = match (isa, std::env::var("NIMBERT_ISA")) {
        (Some(isa), _) => ("isa", isa),
        (None, Ok(name)) => {
            let fail = |e: nimbert_kernels::UnknownIsa| Error::Option {
                option: "NIMBERT_ISA",
                reason: e.to_string(),
            };
            ("NIMBERT_ISA", name.parse().map_err(fail)?)
        }
        (None, Err(_)) => ("isa", Isa::detect()),
    };
    if !isa.is_available() {
        return Err(Error::Option { option, reason: format!("this machine cannot run {isa}") });
    }
    Ok(Kernels::new(isa))
}
