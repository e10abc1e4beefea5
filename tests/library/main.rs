//! The library as programs use it, on checkpoints from a seed, the demo, and what lies beside the repository.

mod accuracy;
mod answer;
mod config;
mod embed;
mod families;
mod fill_mask;
mod header;
mod heads;
mod parity;
mod rerank;
mod same_bits;
mod spans;
mod steady_state;
mod tag;
mod threads;
mod tokenizer;
mod zero_shot;

use nimbert::{Encoding, Engine, Error, MaskFiller, Options, Reader, Tagger, Task, Tokenizer, tasks};
use nimbert_test_support::reference::Row;
use std::path::Path;

/// Threads of engines that have several, where there are threads.
const THREADS: usize = if cfg!(target_family = "wasm") { 1 } else { 2 };

/// A place to write to. WASI does not tell where there is one.
fn tempdir() -> tempfile::TempDir {
    let place = if cfg!(target_family = "wasm") { "/tmp".into() } else { std::env::temp_dir() };
    tempfile::tempdir_in(place).expect("a temporary directory")
}

/// Answers that are all there.
trait Good<T> {
    fn good(self) -> Vec<T>;
}

impl<T> Good<T> for Vec<Result<T, Error>> {
    #[track_caller]
    fn good(self) -> Vec<T> {
        self.into_iter().map(|answer| answer.expect("an answer")).collect()
    }
}

/// The tokens of a reference's row.
fn encoding(row: &Row) -> Encoding {
    Encoding {
        token_ids: row.token_ids.clone(),
        token_type_ids: row.token_type_ids.clone(),
        truncated: false,
    }
}

/// A checkpoint with the head of its class.
#[track_caller]
fn with_head(path: &Path, options: Options) -> Engine {
    let engine = match tasks(path).expect("a good configuration")[0] {
        Task::Tag => Tagger::load(path, options).map(|tagger| tagger.engine().clone()),
        Task::Answer => Reader::load(path, options).map(|reader| reader.engine().clone()),
        Task::FillMask => MaskFiller::load(path, options).map(|filler| filler.engine().clone()),
        _ => Engine::load(path, options),
    };
    engine.expect("a good checkpoint")
}

/// A text of these tokens: each stands for itself in the vocabularies of checkpoints from a seed.
fn text(tokenizer: &Tokenizer, ids: &[u32]) -> String {
    ids.iter().map(|&id| tokenizer.token(id).expect("a token")).collect()
}
