//! What the tests share: weights from a seed, checkpoints made of them, PyTorch's outputs, and what is skipped where the
//! machine lacks something.

pub mod checkpoint;
mod families;
pub mod reference;
pub mod seeded;
mod skip;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

pub use self::skip::skip;

/// A file or folder of the repository.
pub fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// A file of tests/data.
pub fn data(name: &str) -> PathBuf {
    repository("tests/data").join(name)
}

/// A file or directory beside the repository (`NIMBERT_SHARED` names another place). If it is not there: `None`, and the
/// test counts as skipped.
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = env::var_os("NIMBERT_SHARED").map_or_else(|| repository("../shared"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    skip(format_args!("{name} is not in {}", root.display()));
    None
}

/// Copies all files of a directory, and of those in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            // Not `fs::copy`, which copies the permissions, too: what is shared may not be written to.
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// The largest distance of two values at the same place.
pub fn distance(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len(), "another number of values");
    let far = |(a, b): (&f32, &f32)| if (a - b).is_nan() { f32::INFINITY } else { (a - b).abs() };
    ours.iter().zip(theirs).map(far).fold(0.0, f32::max)
}

/// [`distance`], relative to the largest value of `theirs`.
pub fn relative_distance(ours: &[f32], theirs: &[f32]) -> f32 {
    distance(ours, theirs) / theirs.iter().fold(f32::MIN_POSITIVE, |max, value| max.max(value.abs()))
}
