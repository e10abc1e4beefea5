//! nimbert: BERT inference on CPUs.
//!
//! A model is a Hugging Face checkpoint directory or one packed file; a text goes in, labelled scores come out. See
//! [`Engine`] for an example, and `docs/command-line.md` for the command line.
//!
//! How it is built: text → ids ([`Tokenizer`]) → one ragged batch without padding → embeddings → layers of attention
//! and feed-forward → pooler and classifier → scores by the model's problem type. The matrix products are in the crate
//! `nimbert-kernels`; precision is known to one place here, `linear`.
//!
//! Memory that a model or the texts set the size of (weights that are converted, activations, answers) is asked for, and
//! when the system does not give it a call ends with [`Error::Memory`]. What is small beside that (names, a header, a list)
//! is allocated as Rust allocates: without memory the process ends.

#![deny(unsafe_code)]

mod attention;
mod batch;
mod classification;
mod config;
#[cfg(feature = "demo")]
mod demo;
mod embeddings;
mod engine;
mod error;
mod exec;
mod feed_forward;
pub mod ffi;
mod head;
mod import;
mod limits;
mod linear;
mod memory;
mod model;
mod numbers;
mod options;
mod packed;
mod parallel;
mod preset;
mod source;
#[doc(hidden)]
pub mod target;
#[doc(hidden)]
pub mod temporary;
mod tokenizer;
mod weights;
mod workspace;

pub use batch::Row;
pub use classification::{Classification, Score};
pub use config::{Activation, Config, Scoring};
pub use engine::Engine;
pub use error::{Error, Result};
pub use exec::Operation;
pub use import::{ImportSummary, import};
pub use limits::{Limits, Work};
pub use model::Trace;
pub use nimbert_kernels::Isa;
pub use options::{Options, Precision};
pub use packed::{
    PackOptions, PackedInfo, Summary as PackSummary, f16_parts, verify as verify_packed, write as pack,
    write_if as pack_if,
};
pub use preset::Preset;
pub use tokenizer::{Encoding, OnLong, Tokenizer};
#[doc(hidden)]
pub use weights::{fuzz_pytorch, fuzz_safetensors};

/// The README's example is compiled and run with the other examples.
#[cfg(all(doctest, feature = "demo"))]
#[doc = include_str!("../README.md")]
struct Readme;
