//! A disk that fails: each call about a file fails once, and the program ends with the right result or with an error that
//! names the file, and what it was to write is there as a whole or not at all. A signal or a file cut short may come at
//! each call as well. tests/c/faults.c, which is built for this, makes it so.

mod case;

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout},
};

use tempfile::TempDir;

use self::case::{Case, contents};
use nimbert_test_support::data;

use crate::{command, nimbert, seeded};

const EINTR: i32 = 4;
const EIO: i32 = 5;
const ENOMEM: i32 = 12;
const EACCES: i32 = 13;
const ENOSPC: i32 = 28;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// What the program says when its map of a file ends before the file did.
const CUT: &str = "nimbert: a model file was cut short or its disk failed while it was in use\n";

const PACK: [&str; 4] = ["pack", "@/input/model", "-o", "@/out/model.nimbert"];
const IMPORT: [&str; 4] = ["import", "@/input/model", "-o", "@/out/deep/imported"];
const CLASSIFY: [&str; 9] = [
    "classify",
    "--model",
    "@/input/model",
    "--input",
    "@/input/texts.txt",
    "--format",
    "json",
    "--threads",
    "1",
];
const COMPARE: [&str; 9] = [
    "compare",
    "@/input/model",
    "@/input/model",
    "--data",
    "@/input/texts.txt",
    "--flips",
    "@/out/flips.csv",
    "--threads",
    "1",
];

/// Each command on a checkpoint of safetensors or on one of PyTorch.
fn cases() -> Vec<Case> {
    let (_kept, safetensors) = seeded("gelu-multi-label");
    let (safetensors, pytorch) = (Path::new(&safetensors), &*data("pytorch/classifier"));
    let cases = [(safetensors, &PACK[..]), (pytorch, &IMPORT), (safetensors, &CLASSIFY), (pytorch, &COMPARE)];
    cases.into_iter().map_while(|(checkpoint, arguments)| Case::new(checkpoint, arguments)).collect()
}

#[test]
fn an_error_at_any_call_is_told_and_leaves_all_as_it_was() {
    cases().iter().for_each(|case| case.errors(1, EIO));
}

#[test]
#[ignore = "starts the program a thousand times: cargo test --test cli faults -- --include-ignored"]
fn other_errors_at_any_call_are_too() {
    for case in cases() {
        [EINTR, ENOMEM, EACCES, ENOSPC].into_iter().for_each(|error| case.errors(1, error));
    }
}

#[test]
fn a_signal_at_any_call_leaves_old_files_or_new_ones() {
    for case in cases() {
        case.signals(5, SIGTERM);
        case.signals(5, SIGKILL);
    }
}

#[test]
#[ignore = "starts the program a thousand times: cargo test --test cli faults -- --include-ignored"]
fn a_signal_at_each_call_does() {
    for case in cases() {
        case.signals(1, SIGTERM);
        case.signals(1, SIGKILL);
    }
}

#[test]
fn short_reads_and_writes_change_nothing() {
    for case in cases() {
        for most in ["1", "61"] {
            case.start_over();
            let output = case.run(&[("FAULT_SHORT", most)]);
            assert!(case.is_done(&output, &contents(&case.at("out"))), "{output:?}");
        }
    }
}

#[test]
fn a_checkpoint_cut_short_at_any_call_is_told() {
    let pytorch = data("pytorch/classifier");
    for arguments in [&PACK[..], &IMPORT, &CLASSIFY, &COMPARE] {
        let Some(case) = Case::new(&pytorch, arguments) else { return };
        case.cuts(1, "pytorch_model.bin");
    }
}

/// The program with a model of its own, after its first answer.
struct Waiting {
    _kept: TempDir,
    model: PathBuf,
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Waiting {
    fn start(threads: &str) -> Self {
        let (_checkpoint, checkpoint) = seeded("gelu-multi-label");
        let kept = tempfile::tempdir().unwrap();
        let model = kept.path().join("model.nimbert");
        nimbert(&["pack", &checkpoint, "-o", model.to_str().unwrap()]).done();
        let common = ["classify", "--input", "-", "--batch", "1", "--format", "json", "--threads", threads];
        let mut child =
            command(&[&common[..], &["--model", model.to_str().unwrap()]].concat()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { _kept: kept, model, child, output }
    }

    /// What it says of one more text; nothing if it has ended.
    fn ask(&mut self) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "一丁七万丈三上下").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        answer.split_once(',').map_or("", |(_index, rest)| rest).to_owned()
    }
}

#[test]
fn a_model_cut_short_while_it_is_in_use_ends_the_program_with_a_word() {
    for threads in ["1", "2"] {
        let mut waiting = Waiting::start(threads);
        assert!(waiting.ask().contains("scores"));
        File::options().write(true).open(&waiting.model).unwrap().set_len(0).unwrap();
        assert_eq!(waiting.ask(), "");
        let mut stderr = String::new();
        waiting.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!((waiting.child.wait().unwrap().code(), stderr.as_str()), (Some(1), CUT), "{threads}");
    }
}

#[test]
fn a_model_replaced_while_it_is_in_use_goes_on_answering() {
    let mut waiting = Waiting::start("1");
    let first = waiting.ask();
    let (_other, other) = seeded("odd-heads-of-11");
    nimbert(&["pack", &other, "-o", waiting.model.to_str().unwrap()]).done();
    assert_eq!(waiting.ask(), first);
    fs::remove_file(&waiting.model).unwrap();
    assert_eq!(waiting.ask(), first);
    drop(waiting.child.stdin.take());
    assert!(waiting.child.wait().unwrap().success());
}
