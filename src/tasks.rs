//! What is made of a head's outputs: pure functions, a file each.

mod classify;
mod scoring;

pub use self::{
    classify::{Classification, Score},
    scoring::Scoring,
};
