//! The command line as its users meet it: the program is started, fed and read, with the demo model.

#![cfg(all(feature = "cli", feature = "demo"))]

mod agreement;
mod answer;
mod bench;
mod bench_against;
mod compare;
mod contract;
mod embed;
mod eval;
mod eval_ranking;
mod eval_spans;
#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod files;
mod fill_mask;
mod formats;
mod import;
mod info_and_pack;
mod refusals;
mod rerank;
#[cfg(all(target_os = "linux", feature = "serve"))]
mod serve;
#[cfg(target_os = "linux")]
mod signals;
#[cfg(target_os = "linux")]
mod startup;
mod streams;
mod tag;
mod verify;
mod zero_shot;

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use nimbert_test_support::{checkpoint::Spec, shared};
use serde_json::Value;
use tempfile::TempDir;

/// What a run of the program left behind.
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs `nimbert` with these arguments and nothing on standard input.
fn nimbert(arguments: &[&str]) -> Run {
    nimbert_fed(arguments, b"")
}

/// Runs `nimbert` with these bytes on standard input.
fn nimbert_fed(arguments: &[&str], input: &[u8]) -> Run {
    let mut child = command(arguments).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    // A program that stops early closes its input: no concern of the one who feeds it.
    let feeder = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run {
        code: output.status.code().expect("not ended by a signal"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nimbert"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Run {
    /// Standard output of a run that went well and had nothing to say beside it.
    #[track_caller]
    fn done(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""));
        self.stdout
    }

    /// The objects of `--format json`.
    #[track_caller]
    fn json(self) -> Vec<Value> {
        objects(&self.done())
    }

    /// Asserts exit code 1 and one line on standard error with all these words; gives standard output.
    #[track_caller]
    fn failed(self, words: &[&str]) -> String {
        assert_eq!(self.code, 1, "{}", self.stderr);
        assert!(self.stderr.starts_with("nimbert: ") && self.stderr.ends_with('\n'), "{:?}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        self.says(words);
        self.stdout
    }

    /// Asserts exit code 2, no results, and usage help on standard error with all these words.
    #[track_caller]
    fn misused(self, words: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (2, ""), "{}", self.stderr);
        self.says(words);
    }

    #[track_caller]
    fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {:?}", self.stderr);
        }
    }
}

#[track_caller]
fn objects(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The `text` of each object.
fn texts(objects: &[Value]) -> Vec<&str> {
    objects.iter().map(|object| object["text"].as_str().unwrap()).collect()
}

/// A file in a directory that lives as long as the first value.
fn file(name: &str, content: impl AsRef<[u8]>) -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (directory, path)
}

/// The checkpoint that tests/data/checkpoints/`name`.json describes, in a directory that lives as long as the first value.
fn seeded(name: &str) -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    Spec::read(name).write(directory.path());
    let path = directory.path().to_str().unwrap().to_owned();
    (directory, path)
}

/// Texts of `seeded`'s tokenizers, all different.
pub(crate) fn seeded_texts(count: usize) -> Vec<String> {
    let token = |i: usize| char::from_u32(0x4e00 + (i * i + 7 * i) as u32 % 150).unwrap();
    (0..count).map(|i| (0..2 + i % 23).map(|j| token(31 * i + 17 * j)).collect()).collect()
}

/// The 6-layer checkpoint that the demo was packed from, where this machine has it.
fn checkpoint() -> Option<PathBuf> {
    shared("models/douban-stars-6l")
}
