//! The library as programs use it, on checkpoints from a seed, the demo, and what lies beside the repository.

mod accuracy;
mod answer;
mod config;
mod embed;
mod fill_mask;
mod header;
mod parity;
mod rerank;
mod same_bits;
mod spans;
mod steady_state;
mod tag;
mod threads;
mod tokenizer;
mod zero_shot;

use nimbert::{Encoding, Error};
use nimbert_test_support::reference::Row;

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
