//! nimbert: BERT inference on CPUs.
//!
//! A model is a Hugging Face checkpoint directory or one packed file; a text goes in, and what the model was trained for comes out:
//! labels ([`Engine`]), a vector ([`Embedder`]), an order ([`Reranker`]), entities ([`Tagger`]), answers ([`Reader`]), words
//! ([`MaskFiller`]), or labels of one's own ([`ZeroShot`]). `docs/command-line.md` is about the command line.
//!
//! How it is built: text → ids ([`Tokenizer`]) → one ragged batch without padding → embeddings → layers of attention
//! and feed-forward → a head → what the task makes of its outputs. The matrix products are in the crate
//! `nimbert-kernels`; precision is known to one place here, `linear`.
//!
//! Memory that a model or the texts set the size of (weights that are converted, activations, answers) is asked for, and
//! when the system does not give it a call ends with [`Error::Memory`]. What is small beside that (names, a header, a list)
//! is allocated as Rust allocates: without memory the process ends.

#![deny(unsafe_code)]

mod checkpoint;
mod config;
mod cores;
#[cfg(feature = "demo")]
mod demo;
mod encoder;
mod engine;
mod error;
mod exec;
mod family;
pub mod ffi;
#[doc(hidden)]
pub mod files;
mod heads;
mod linear;
mod memory;
mod model;
mod options;
mod parallel;
mod plan;
mod tasks;
mod tokenizer;

pub use checkpoint::{
    ImportSummary, PackOptions, PackSummary, PackedInfo, f16_parts, import, pack, pack_if, verify_packed,
};
#[doc(hidden)]
pub use checkpoint::{fuzz_pytorch, fuzz_safetensors};
pub use config::{Activation, Config, Head, Sequence, Shape};
pub use cores::usual_threads;
pub use encoder::Row;
pub use engine::{Engine, Limits, Preset, Work};
pub use error::{Error, Result};
pub use exec::Operation;
pub use family::Family;
pub use model::Trace;
pub use nimbert_kernels::Isa;
pub use options::{NumberType, Options, Precision};
pub use tasks::{
    Aggregation, Answer, Answers, AnyTask, Asked, Classification, EmbedOptions, Embedder, Embedding, Entity,
    FillOptions, Filled, Filling, Hypotheses, Hypothesis, MaskFiller, Pooling, Prompt, Ranked, ReadOptions,
    Reader, Reranker, Score, Scoring, Similarity, TagOptions, Tagged, TaggedWords, Tagger, Task, TokenSpan,
    ZeroShot, ZeroShotAnswer, tasks,
};
pub use tokenizer::{Cut, Encoding, OnLong, Origin, Tokenizer, Window};

/// The README's example is compiled and run with the other examples.
#[cfg(all(doctest, feature = "demo"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// So is that of the page on vectors.
#[cfg(all(doctest, feature = "demo"))]
#[doc = include_str!("../docs/embed.md")]
struct Vectors;

/// And of the page on the other tasks.
#[cfg(doctest)]
#[doc = include_str!("../docs/tasks.md")]
struct Tasks;
