//! The architectures: for each its configuration's keys, its tensors' names, and what is peculiar to it. No other file writes
//! a name such as `bert.`.

mod bert;

use serde_json::Value;

use crate::{
    config::{Config, File},
    error::Result,
    plan::Plan,
};

/// What the names of an encoder's tensors may begin with; a checkpoint of the encoder alone leaves it out.
pub(crate) const PREFIXES: [&str; 1] = [bert::PREFIX];

/// What `model_type` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Family {
    /// BERT (Devlin et al., 2018).
    Bert,
}

impl Family {
    /// The family of a checkpoint; an old one that names none is BERT's.
    pub(crate) fn of(file: &File<'_>) -> Result<Self> {
        file.only("model_type", &[Value::from("bert")])?;
        Ok(Self::Bert)
    }

    pub(crate) fn config(self, file: &File<'_>) -> Result<Config> {
        match self {
            Self::Bert => bert::config(file),
        }
    }

    pub(crate) fn class(self, config: &Config) -> &str {
        match self {
            Self::Bert => bert::class(config),
        }
    }

    pub(crate) fn to_json(self, config: &Config) -> String {
        match self {
            Self::Bert => bert::to_json(config),
        }
    }

    pub(crate) fn plan(self, config: &Config) -> Plan {
        match self {
            Self::Bert => bert::plan(config),
        }
    }
}
