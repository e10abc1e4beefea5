//! Which model, and how it computes: the options that every command with a model has.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::Args;
#[cfg(feature = "serve")]
use nimbert::{AnyTask, EmbedOptions};
use nimbert::{Engine, Options, Precision};

use crate::{count::count, positive, progress};

#[derive(Args, Clone)]
pub(crate) struct ModelArgs {
    /// Hugging Face checkpoint directory, or packed file made by `nimbert pack`
    #[cfg_attr(
        feature = "demo",
        doc = "[default: the demo inside this program, which rates Chinese film comments]"
    )]
    #[arg(short, long, value_name = "PATH")]
    model: Option<PathBuf>,

    /// Number format of the matrix products: auto, f32, f16 or int8
    ///
    /// `auto` is f32 for a directory and the file's own precision for a packed file.
    #[arg(long, value_name = "PRECISION", default_value_t)]
    precision: Precision,

    /// Number of threads to compute on; 1 starts none [default: the CPUs this process may use, of large and small ones the large]
    #[arg(short, long, value_name = "N", value_parser = positive)]
    threads: Option<usize>,

    /// Copy a packed file's weights to memory of this process
    ///
    /// In large pages they are read faster, which shows where few tokens are scored at a time. Without it they stay in
    /// the file's map, which is loaded at once and shared with other processes.
    #[arg(long)]
    copy_weights: bool,

    /// Compare a packed file with the checksums in it before it is used
    #[arg(long)]
    verify: bool,
}

/// The same for commands without other words: there the model may be named without the option.
#[derive(Args)]
pub(crate) struct WordOrModelArgs {
    /// The same as --model
    #[arg(value_name = "MODEL", conflicts_with = "model")]
    word: Option<PathBuf>,

    #[command(flatten)]
    args: ModelArgs,
}

impl WordOrModelArgs {
    /// As if the option had been used.
    pub(crate) fn resolve(&self) -> ModelArgs {
        let Self { word, args } = self;
        ModelArgs { model: args.model.clone().or_else(|| word.clone()), ..*args }
    }
}

/// A checkpoint that a command cannot do without.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct CheckpointArgs {
    /// Hugging Face checkpoint directory: config.json, the tokenizer's files and the weights
    #[arg(short, long, value_name = "DIR")]
    model: Option<PathBuf>,

    /// The same as --model
    #[arg(value_name = "MODEL")]
    word: Option<PathBuf>,
}

impl CheckpointArgs {
    pub(crate) fn path(&self) -> &Path {
        self.model.as_deref().or(self.word.as_deref()).expect("clap wants one of the two")
    }
}

impl ModelArgs {
    /// Loads the model. `options` holds what the command itself knows; the rest comes from here.
    pub(crate) fn load(&self, options: Options) -> Result<Engine> {
        load(self.model.as_deref(), self.options(options))
    }

    /// The directory or file; `None` is the demo.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.model.as_deref()
    }

    /// Whether anything was said of how it computes.
    pub(crate) fn says_how(&self) -> bool {
        let Self { model: _, precision, threads, copy_weights, verify } = *self;
        precision != Precision::default() || threads.is_some() || copy_weights || verify
    }

    /// Whether a packed file's weights are copied.
    pub(crate) fn copies_weights(&self) -> bool {
        self.copy_weights
    }

    /// `options` with what was said here.
    pub(crate) fn options(&self, options: Options) -> Options {
        let Self { precision, threads, copy_weights, verify, .. } = *self;
        options.precision(precision).threads(threads).copy_weights(copy_weights).verify(verify)
    }
}

impl fmt::Display for ModelArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.model {
            Some(path) => path.display().fmt(f),
            None => f.pad("built-in demo"),
        }
    }
}

/// The model at `path`, or the demo.
pub(crate) fn load(path: Option<&Path>, options: Options) -> Result<Engine> {
    progress::during("loading the model", || match path {
        Some(path) => Ok(Engine::load(path, options)?),
        None => demo(options),
    })
}

/// The model at `path`, or the demo, with all that it can do.
#[cfg(feature = "serve")]
pub(crate) fn load_any(path: Option<&Path>, options: Options) -> Result<AnyTask> {
    progress::during("loading the model", || match path {
        Some(path) => Ok(AnyTask::load(path, options, EmbedOptions::default())?),
        #[cfg(feature = "demo")]
        None => Ok(AnyTask::demo(options, EmbedOptions::default())?),
        #[cfg(not(feature = "demo"))]
        None => Err(no_demo()),
    })
}

#[cfg(feature = "demo")]
fn demo(options: Options) -> Result<Engine> {
    Ok(Engine::demo(options)?)
}

#[cfg(not(feature = "demo"))]
fn demo(_: Options) -> Result<Engine> {
    Err(no_demo())
}

#[cfg(not(feature = "demo"))]
fn no_demo() -> anyhow::Error {
    use clap::error::ErrorKind;

    let how = "this build has no demo model: name a model with --model PATH";
    super::usage_error_of_all(ErrorKind::MissingRequiredArgument, how)
}

/// Precision, instructions and threads.
pub(crate) fn compute(engine: &Engine) -> String {
    format!("{} on {}, {}", engine.precision(), engine.isa(), count(engine.threads(), "thread"))
}
