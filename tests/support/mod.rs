//! What the parity tests share: weights from a seed, checkpoints made of them, and PyTorch's outputs.
#![allow(dead_code)] // Each test program uses its own part of this.

pub(crate) mod checkpoint;
pub(crate) mod reference;
pub(crate) mod seeded;

use std::path::{Path, PathBuf};

/// A file of tests/data.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// A file or directory beside the project (`NIMBERT_SHARED` names another place); a message and `None` if it is not there.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("NIMBERT_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not here", path.display());
    None
}

/// The largest distance of two values at the same place.
pub(crate) fn distance(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len(), "another number of values");
    let far = |(a, b): (&f32, &f32)| if (a - b).is_nan() { f32::INFINITY } else { (a - b).abs() };
    ours.iter().zip(theirs).map(far).fold(0.0, f32::max)
}

/// [`distance`], relative to the largest value of `theirs`.
pub(crate) fn relative_distance(ours: &[f32], theirs: &[f32]) -> f32 {
    distance(ours, theirs) / theirs.iter().fold(f32::MIN_POSITIVE, |max, value| max.max(value.abs()))
}
