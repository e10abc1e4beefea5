//! From a directory, a file or nothing to an engine.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use nimbert_kernels::{Isa, Kernels};

use super::{Engine, Inner};
use crate::{
    config::Config,
    error::{Error, Result},
    exec::Clock,
    model::Bert,
    options::{Options, Precision},
    packed::PackedModel,
    parallel::Threads,
    preset::Preset,
    source::Source,
    tokenizer::Tokenizer,
    weights::{Bytes, Weights},
};

/// What is loaded of a model.
struct Parts {
    bert: Bert,
    config: Config,
    tokenizer: Tokenizer,
    /// What the matrices are stored as, for people.
    stored: String,
    source_sha256: Option<String>,
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
        let config = Config::from_dir(path)?;
        let tokenizer = Tokenizer::from_dir(path)?;
        let weights = Weights::open_dir(path)?;
        let precision = options.precision.or(Precision::F32);
        let source = Source::Checkpoint(&weights);
        let bert = Bert::load(source, &config, precision, options.copy_weights)?;
        let stored = source.stored(&config)?;
        let parts = Parts { bert, config, tokenizer, stored, source_sha256: None };
        Self::new(parts, path, Options { precision, ..options })
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
        let (stored, tokenizer) = (source.stored(&config)?, preset.tokenizer());
        let parts = Parts { bert, config, tokenizer, stored, source_sha256: None };
        Self::new(parts, Path::new(preset.name()), Options { precision, ..options })
    }

    fn packed(model: PackedModel, path: &Path, options: &Options) -> Result<Self> {
        if options.verify {
            model.verify()?;
        }
        let precision = options.precision.or(model.precision);
        let bert = Bert::load(Source::Packed(&model), &model.config, precision, options.copy_weights)?;
        let PackedModel { config, tokenizer, precision: stored, source_sha256, .. } = model;
        let parts =
            Parts { bert, config, tokenizer, stored: stored.to_string(), source_sha256: Some(source_sha256) };
        Self::new(parts, path, Options { precision, ..*options })
    }

    fn new(parts: Parts, path: &Path, options: Options) -> Result<Self> {
        let Parts { bert, config, tokenizer, stored, source_sha256 } = parts;
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

/// The kernels of `isa`, or of `NIMBERT_ISA`, or of the machine's best.
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
    Ok(Kernels::new(isa))
}
