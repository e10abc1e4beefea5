//! From a directory, a file or nothing to an engine.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use nimbert_kernels::{Isa, Kernels};

use super::{Engine, Inner, Preset};
use crate::{
    checkpoint::{
        opened::{IN_MEMORY, Opened},
        packed::PackedModel,
        source::Source,
        weights::Weights,
    },
    config::{Config, Head},
    error::{Error, Result},
    exec::Clock,
    model::Model,
    options::{NumberType, Options},
    parallel::Threads,
    plan::Plan,
    tasks::{Scoring, Task},
    tokenizer::Tokenizer,
};

/// What a model is loaded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Its classifier of texts.
    Classify,
    /// Its classifier of tokens.
    Tag,
    /// What finds answers.
    Answer,
    /// What finds words for masks.
    FillMask,
    /// Its hidden states, whatever head it has.
    Embed,
    /// What it has, but for a vocabulary that is only read to fill masks.
    Any,
    /// All that it has.
    Every,
}

impl Purpose {
    /// The model with the head that is read, or an error that says what the model is for.
    fn of(self, config: Config, path: &Path) -> Result<Config> {
        match (self, &config.head) {
            (Self::Embed, _) | (Self::Any, Head::Masked { .. }) => Ok(config.encoder_alone()),
            _ => self.check(path, &config).map(|()| config),
        }
    }

    /// That the model has the head that is read, or an error that says what it is for.
    fn check(self, path: &Path, config: &Config) -> Result<()> {
        let is_there = match self {
            Self::Classify => matches!(config.head, Head::Sequence(_)),
            Self::Tag => matches!(config.head, Head::Token { .. }),
            Self::Answer => matches!(config.head, Head::Span),
            Self::FillMask => matches!(config.head, Head::Masked { .. }),
            Self::Embed | Self::Any | Self::Every => true,
        };
        if is_there { Ok(()) } else { Err(self.refuse(path, config)) }
    }

    /// What is said of a model that is made for something else.
    pub(crate) fn refuse(self, path: &Path, config: &Config) -> Error {
        let wanted = match self {
            Self::Classify => "sequence classifier",
            Self::Tag => "token classifier",
            Self::Answer => "head that finds answers",
            Self::FillMask => "head that finds words for masks",
            Self::Embed | Self::Any | Self::Every => unreachable!("every model has an encoder"),
        };
        let advice = match &config.head {
            Head::Sequence(_) => "`nimbert classify` gives its labels",
            Head::Token { .. } => "`nimbert tag` gives its entities",
            Head::Span => "`nimbert answer` gives its answers",
            Head::Masked { .. } => "`nimbert fill-mask` gives its words",
            Head::Encoder { .. } => "`nimbert embed` reads its encoder",
        };
        Error::Task { path: path.to_owned(), class: config.class().to_owned(), wanted, advice }
    }
}

/// What is loaded of a model.
struct Parts {
    config: Config,
    tokenizer: Tokenizer,
    network: Network,
    source_sha256: Option<String>,
}

/// The part that makes numbers of numbers.
struct Network {
    plan: Plan,
    model: Model,
    precision: NumberType,
    /// What the matrices are stored as, for people.
    stored: String,
}

impl Network {
    fn load(source: Source<'_>, config: &Config, precision: NumberType, options: &Options) -> Result<Self> {
        let plan = config.plan();
        let model = Model::load(source, config, &plan, precision, options.copy_weights)?;
        let stored = source.stored(&plan.layers[0].output)?;
        Ok(Self { plan, model, precision, stored })
    }
}

impl Engine {
    /// Loads a Hugging Face checkpoint directory (`config.json`, `model.safetensors`, a tokenizer) or a packed file.
    ///
    /// Weights are mapped, not read: the file must not be changed while the engine lives.
    ///
    /// # Errors
    /// When something is missing, damaged, or not what this engine computes, or an option does not fit the machine.
    pub fn load(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        Self::open(path.as_ref(), options, Purpose::Classify)
    }

    /// Loads what `purpose` reads.
    fn open(path: &Path, options: Options, purpose: Purpose) -> Result<Self> {
        Self::of(Opened::at(path)?, path, options, purpose)
    }

    /// Loads what `purpose` reads of files that are open; `path` is what the user named.
    pub(crate) fn of(opened: Opened, path: &Path, options: Options, purpose: Purpose) -> Result<Self> {
        let dir = match opened {
            Opened::Packed(model) => return Self::packed(*model, path, options, purpose),
            Opened::Directory(dir) => dir,
        };
        let config = purpose.of(Config::from_dir(&dir)?, path)?;
        let tokenizer = Tokenizer::from_dir(&dir)?;
        let weights = Weights::open_dir(&dir)?;
        let precision = options.precision.or(NumberType::F32);
        let network = Network::load(Source::Checkpoint(&weights), &config, precision, &options)?;
        Self::new(Parts { config, tokenizer, network, source_sha256: None }, path, options)
    }

    /// A packed file that is part of the program, on a 64-byte boundary.
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub fn from_static(bytes: &'static [u8], options: Options) -> Result<Self> {
        let name = Path::new(IN_MEMORY);
        Self::of(Opened::in_memory(bytes)?, name, options, Purpose::Classify)
    }

    /// The demo model that is compiled in: stars for Chinese film comments. See `src/demo/README.md`.
    ///
    /// # Errors
    /// When an option does not fit the machine.
    #[cfg(feature = "demo")]
    pub fn demo(options: Options) -> Result<Self> {
        Self::of(Opened::in_memory(crate::demo::MODEL)?, Path::new("demo model"), options, Purpose::Classify)
    }

    /// A model of a known shape with the head that `task` reads and made-up weights, the same on every machine: to measure speed, not
    /// to score texts.
    ///
    /// # Errors
    /// When an option does not fit the machine.
    pub fn preset(preset: Preset, task: Task, options: Options) -> Result<Self> {
        let precision = options.precision.or(NumberType::F32);
        let (config, tokenizer) = (preset.config(task), preset.tokenizer());
        let network = Network::load(Source::MadeUp, &config, precision, &options)?;
        let parts = Parts { config, tokenizer, network, source_sha256: None };
        Self::new(parts, Path::new(preset.name()), options)
    }

    /// Refuses a model that is loaded, but not for this.
    pub(crate) fn check(&self, purpose: Purpose) -> Result<()> {
        purpose.check(Path::new(&self.0.name), &self.0.config)
    }

    fn packed(model: PackedModel, path: &Path, options: Options, purpose: Purpose) -> Result<Self> {
        if options.verify {
            model.verify()?;
        }
        let precision = options.precision.or(model.precision);
        let config = purpose.of(model.config.clone(), path)?;
        let network = Network::load(Source::Packed(&model), &config, precision, &options)?;
        let PackedModel { tokenizer, source_sha256, .. } = model;
        Self::new(Parts { config, tokenizer, network, source_sha256: Some(source_sha256) }, path, options)
    }

    fn new(parts: Parts, path: &Path, options: Options) -> Result<Self> {
        let Parts { config, tokenizer, network, source_sha256 } = parts;
        let Network { plan, model, precision, stored } = network;
        if tokenizer.vocab_size() > config.encoder.vocab_size {
            let (ids, words) = (tokenizer.vocab_size(), config.encoder.vocab_size);
            return Err(Error::tokenizer(
                path,
                format!("the tokenizer has {ids} tokens, but the model {words} words"),
            ));
        }
        let has_types = config.family.takes_token_types(&config.encoder);
        let tokenizer = if has_types { tokenizer } else { tokenizer.without_types() };
        let most = config.encoder.max_tokens();
        let natural = tokenizer.model_max_length().map_or(most, |length| length.min(most));
        let max_tokens = options.max_tokens.unwrap_or(natural);
        if !(2..=most).contains(&max_tokens) {
            let reason =
                format!("{max_tokens} is not between 2 ([CLS] and [SEP]) and the model's {most} positions");
            return Err(Error::Option { option: "max-tokens", reason });
        }
        Ok(Self(Arc::new(Inner {
            labels: config.labels().into(),
            scoring: match &config.head {
                Head::Sequence(head) => head.scoring,
                // Of each token.
                Head::Token { .. } => Scoring::Softmax,
                _ => Scoring::Identity,
            },
            config,
            tokenizer: Arc::new(tokenizer),
            model,
            plan,
            name: path.display().to_string(),
            precision,
            stored,
            source_sha256,
            max_tokens,
            on_long: options.on_long,
            kernels: kernels(options.isa)?,
            threads: Arc::new(Threads::new(options.threads)?),
            clock: options.profile.then(Clock::default),
            workspaces: Mutex::default(),
        })))
    }
}

/// The kernels of `isa`, or of `NIMBERT_ISA`, or of the machine's best, which have shown that they are right here.
fn kernels(isa: Option<Isa>) -> Result<Kernels> {
    // The environment is looked at only where it decides: in a C program another thread may be changing it.
    let (option, isa) = match isa {
        Some(isa) => ("isa", isa),
        None => match std::env::var("NIMBERT_ISA") {
            // An empty variable says nothing: that is how a shell takes one back for a single command.
            Ok(name) if !name.is_empty() => {
                let fail = |e: nimbert_kernels::UnknownIsa| Error::Option {
                    option: "NIMBERT_ISA",
                    reason: e.to_string(),
                };
                ("NIMBERT_ISA", name.parse().map_err(fail)?)
            }
            _ => ("isa", Isa::detect()),
        },
    };
    if !isa.is_available() {
        return Err(Error::Option { option, reason: format!("this machine cannot run {isa}") });
    }
    Kernels::proven(isa).map_err(|wrong| Error::Option { option, reason: wrong.to_string() })
}
