//! One error type. Every message says what is wrong and where, in one line.

use std::{io, path::PathBuf, sync::Arc};

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a model could not be loaded or a text not be scored.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory could not be opened, read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// A file that should hold JSON does not.
    #[error("{}: not valid JSON: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, column and what was expected there.
        source: Arc<serde_json::Error>,
    },
    /// `config.json` lacks a key, or asks for something that this engine does not compute.
    #[error("{}: {key}: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The key at fault.
        key: String,
        /// What is wrong with it, its value named.
        reason: String,
    },
    /// A model that is not made for what is asked of it.
    #[error("{}: {class} has no {wanted}; {advice}", path.display())]
    Task {
        /// The directory or file.
        path: PathBuf,
        /// The model's class, as transformers calls it.
        class: String,
        /// What the task reads.
        wanted: &'static str,
        /// What else can be done with the model.
        advice: &'static str,
    },
    /// The weights are damaged, incomplete or of another shape than the configuration says.
    #[error("{}: {reason}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What is wrong, the tensor named where there is one.
        reason: String,
    },
    /// The tokenizer's files are damaged or of a kind that BERT does not use.
    #[error("{}: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A text that cannot be scored as asked.
    #[error("text {index}: {reason}")]
    Text {
        /// Which of the texts of this call, from 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An option that makes no sense, here or for this model.
    #[error("{option}: {reason}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// The model or the texts need more memory than the system gives.
    #[error("{} MiB of memory are needed, more than the system gives", bytes.div_ceil(1 << 20))]
    Memory {
        /// What was asked for at once.
        bytes: usize,
    },
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source: Arc::new(source) }
    }

    pub(crate) fn json(path: impl Into<PathBuf>) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.into();
        move |source| Self::Json { path, source: Arc::new(source) }
    }

    /// The same of text `index`, if it is of a text.
    pub(crate) fn at(self, index: usize) -> Self {
        match self {
            Self::Text { reason, .. } => Self::Text { index, reason },
            other => other,
        }
    }

    pub(crate) fn config(
        path: impl Into<PathBuf>,
        key: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self::Config { path: path.into(), key: key.into(), reason: reason.into() }
    }

    pub(crate) fn weights(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Weights { path: path.into(), reason: reason.into() }
    }

    pub(crate) fn tokenizer(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Tokenizer { path: path.into(), reason: reason.into() }
    }
}
