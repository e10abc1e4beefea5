//! What a forward pass computes with, and a clock beside it.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use nimbert_kernels::{Kernels, Team};

/// The kernels of an instruction set on a team of threads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exec<'a> {
    pub(crate) kernels: Kernels,
    pub(crate) team: &'a Team,
    /// Where to note how long operations take, if anyone wants to know.
    pub(crate) clock: Option<&'a Clock>,
}

impl Exec<'_> {
    /// Does `work` and notes its time as that of `operation`.
    pub(crate) fn time<R>(&self, operation: Operation, work: impl FnOnce() -> R) -> R {
        let Some(clock) = self.clock else { return work() };
        let start = Instant::now();
        let result = work();
        clock.nanoseconds[operation as usize].fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
        result
    }
}

/// The parts of a forward pass that [`crate::Engine::profile`] tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Words, positions and token types, looked up, added and normalized.
    Embeddings,
    /// Activations to int8.
    Quantize,
    /// Query, key and value.
    Qkv,
    /// Scores, softmax and weighted values.
    Attention,
    /// Attention's output projection.
    AttentionOutput,
    /// The feed-forward's first projection, with its activation.
    Intermediate,
    /// The feed-forward's second projection.
    Output,
    /// Residuals added and normalized.
    LayerNorm,
    /// What is made of hidden states: pooler and classifier, or words for masks.
    Head,
}

impl Operation {
    /// All of them, in the order of a forward pass.
    pub const ALL: [Self; 9] = [
        Self::Embeddings,
        Self::Quantize,
        Self::Qkv,
        Self::Attention,
        Self::AttentionOutput,
        Self::Intermediate,
        Self::Output,
        Self::LayerNorm,
        Self::Head,
    ];

    /// What a table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embeddings => "embeddings",
            Self::Quantize => "quantize",
            Self::Qkv => "matmul qkv",
            Self::Attention => "attention",
            Self::AttentionOutput => "matmul attention output",
            Self::Intermediate => "matmul intermediate",
            Self::Output => "matmul output",
            Self::LayerNorm => "add & layer norm",
            Self::Head => "head",
        }
    }
}

/// Time spent in each [`Operation`], added up over forwards.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    nanoseconds: [AtomicU64; Operation::ALL.len()],
}

impl Clock {
    /// Takes the times and starts again from zero.
    pub(crate) fn take(&self) -> Vec<(Operation, Duration)> {
        let take = |operation| {
            (operation, Duration::from_nanos(self.nanoseconds[operation as usize].swap(0, Relaxed)))
        };
        Operation::ALL.into_iter().map(take).collect()
    }
}
