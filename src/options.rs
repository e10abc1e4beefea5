//! How to run a model: threads, precision, instruction set, what to do with long texts.

use std::{fmt, str::FromStr};

use nimbert_kernels::Isa;

use crate::tokenizer::OnLong;

/// What a user may ask for: a number type, or what the model's files suggest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Precision {
    /// f32 for a checkpoint directory, a packed file's own for a packed file.
    #[default]
    Auto,
    /// 32-bit floats.
    F32,
    /// 16-bit floats as weights; products in f16 too where the machine has arithmetic for it, else in f32.
    F16,
    /// 8-bit weights with a scale for each output channel, 8-bit activations with a scale for each token.
    Int8,
}

/// The number type that matrices are stored or computed in: a [`Precision`] that is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NumberType {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
    /// 8-bit integers with scales.
    Int8,
}

impl Precision {
    /// What was asked for, or `auto` where that is left open.
    pub(crate) fn or(self, auto: NumberType) -> NumberType {
        match self {
            Self::Auto => auto,
            Self::F32 => NumberType::F32,
            Self::F16 => NumberType::F16,
            Self::Int8 => NumberType::Int8,
        }
    }
}

impl From<NumberType> for Precision {
    fn from(settled: NumberType) -> Self {
        match settled {
            NumberType::F32 => Self::F32,
            NumberType::F16 => Self::F16,
            NumberType::Int8 => Self::Int8,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        })
    }
}

impl fmt::Display for NumberType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Precision::from(*self).fmt(f)
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Auto, Self::F32, Self::F16, Self::Int8]
            .into_iter()
            .find(|precision| precision.to_string() == name)
            .ok_or_else(|| format!("unknown precision {name:?}, expected auto, f32, f16 or int8"))
    }
}

/// How to run a model. The default is right for most uses.
///
/// ```
/// use nimbert::{Options, Precision};
///
/// let options = Options::default().threads(2).precision(Precision::Int8);
/// assert_eq!((options.threads, options.max_tokens), (Some(2), None));
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Options {
    /// Threads of one call, the caller's included; `None`: [as many as usual](crate::usual_threads), one for each CPU that is fast.
    pub threads: Option<usize>,
    /// What to compute in.
    pub precision: Precision,
    /// The instruction set; `None`: what the environment variable `NIMBERT_ISA` names, else (also if it is empty) the
    /// machine's best.
    pub isa: Option<Isa>,
    /// The most tokens of a text, `[CLS]` and `[SEP]` included; `None`: what model and tokenizer allow.
    pub max_tokens: Option<usize>,
    /// What to do with longer texts.
    pub on_long: OnLong,
    /// Copy a packed file's weights to memory of this process, in large pages where the system has them: a few tokens at
    /// a time are faster, but loading takes longer, and processes no longer share the weights.
    pub copy_weights: bool,
    /// Read a packed file whole before it is used, compare it with the checksums in it, and look for weights that are not
    /// finite.
    pub verify: bool,
    /// Note how long the parts of a forward take, for [`crate::Engine::profile`].
    pub profile: bool,
}

impl Options {
    /// With so many [threads](Self::threads), or as many as there are for `None`.
    #[must_use]
    pub fn threads(self, threads: impl Into<Option<usize>>) -> Self {
        Self { threads: threads.into(), ..self }
    }

    /// Computed in this [precision](Self::precision).
    #[must_use]
    pub fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// With this [instruction set](Self::isa), or the machine's best for `None`.
    #[must_use]
    pub fn isa(self, isa: impl Into<Option<Isa>>) -> Self {
        Self { isa: isa.into(), ..self }
    }

    /// With at most so many [tokens](Self::max_tokens) of a text, or as many as the model allows for `None`.
    #[must_use]
    pub fn max_tokens(self, max_tokens: impl Into<Option<usize>>) -> Self {
        Self { max_tokens: max_tokens.into(), ..self }
    }

    /// With what a model says of the most tokens, where nothing else was.
    pub(crate) fn or_max_tokens(self, own: Option<usize>) -> Self {
        Self { max_tokens: self.max_tokens.or(own), ..self }
    }

    /// With this done to [longer texts](Self::on_long).
    #[must_use]
    pub fn on_long(self, on_long: OnLong) -> Self {
        Self { on_long, ..self }
    }

    /// With weights [copied](Self::copy_weights) or not.
    #[must_use]
    pub fn copy_weights(self, copy_weights: bool) -> Self {
        Self { copy_weights, ..self }
    }

    /// With a packed file [verified](Self::verify) or not.
    #[must_use]
    pub fn verify(self, verify: bool) -> Self {
        Self { verify, ..self }
    }

    /// With a [profile](Self::profile) kept or not.
    #[must_use]
    pub fn profile(self, profile: bool) -> Self {
        Self { profile, ..self }
    }
}
