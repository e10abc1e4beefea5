//! A disk that fails: each call about a file fails once, and the program ends with the right result or with an error that
//! names the file, and what it was to write is there as a whole or not at all. A signal or a file cut short may come at
//! each call as well. tests/c/faults.c, which is built for this, makes it so.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output},
    sync::OnceLock,
};

use tempfile::TempDir;

use crate::{command, files::files, nimbert, seeded, seeded_texts, support::data};

const EINTR: i32 = 4;
const EIO: i32 = 5;
const ENOMEM: i32 = 12;
const EACCES: i32 = 13;
const ENOSPC: i32 = 28;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// What the program says when its map of a file ends before the file did.
const CUT: &str = "nimbert: a model file was cut short or its disk failed while it was in use\n";

/// The shared library of faults.c; `None` where it can't be built, or there is no C library to stand before.
fn shim() -> Option<&'static Path> {
    static SHIM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let build = || {
        let shim = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/c/faults.c");
        let mut cc = Command::new("cc");
        cc.args([
            "-std=gnu11",
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-shared",
            "-fPIC",
            source,
            "-ldl",
            "-o",
        ]);
        let is_built = cfg!(target_env = "gnu") && cc.arg(&shim).status().ok()?.success();
        is_built.then_some(shim)
    };
    let shim = SHIM.get_or_init(build).as_deref();
    if shim.is_none() {
        println!("skipped: no C compiler, or another C library than glibc");
    }
    shim
}

/// Names and bytes of files, and of directories without bytes.
type Contents = Vec<(String, Vec<u8>)>;

fn contents(directory: &Path) -> Contents {
    let mut all = Vec::new();
    for name in files(directory) {
        let path = directory.join(&name);
        if path.is_dir() {
            all.extend(contents(&path).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
            all.push((name, Vec::new()));
        } else {
            all.push((name, fs::read(path).unwrap()));
        }
    }
    all
}

fn copy_all(from: &Path, to: &Path) {
    for name in files(from) {
        fs::copy(from.join(&name), to.join(name)).unwrap();
    }
}

fn names(contents: &Contents) -> Vec<&str> {
    contents.iter().map(|(name, _)| name.as_str()).collect()
}

/// A command, and what it reads and writes: `input` and `out` in a directory, for which `@` stands in the arguments.
struct Case {
    kept: TempDir,
    arguments: Vec<String>,
    /// What it says and leaves when nothing fails.
    answer: String,
    result: Contents,
}

/// The call that failed, on which path, and what there was in `out` before.
struct Fault {
    call: String,
    path: PathBuf,
    before: Contents,
}

impl Case {
    fn new(checkpoint: &Path, arguments: &[&str]) -> Option<Self> {
        shim()?;
        let kept = tempfile::tempdir().unwrap();
        let root = kept.path().canonicalize().unwrap();
        let arguments = arguments.iter().map(|word| word.replace('@', root.to_str().unwrap())).collect();
        let mut case = Self { kept, arguments, answer: String::new(), result: Vec::new() };
        for directory in ["checkpoint", "input/model"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        copy_all(checkpoint, &root.join("checkpoint"));
        case.start_over();
        fs::write(root.join("input/texts.txt"), seeded_texts(40).join("\n") + "\n").unwrap();
        let output = case.run(&[]);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        (case.answer, case.result) = (case.answer_of(&output), contents(&case.at("out")));
        Some(case)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.kept.path().canonicalize().unwrap().join(name)
    }

    /// The checkpoint as it should be, and an old file where a new one is to come.
    fn start_over(&self) {
        copy_all(&self.at("checkpoint"), &self.at("input/model"));
        let out = self.at("out");
        let _ = fs::remove_dir_all(&out);
        fs::create_dir(&out).unwrap();
        for target in self.arguments.iter().map(Path::new).filter(|path| path.parent() == Some(&out)) {
            fs::write(target, "what was there").unwrap();
        }
    }

    fn run(&self, faults: &[(&str, &str)]) -> Output {
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).collect();
        let mut program = command(&arguments);
        program
            .env("LD_PRELOAD", shim().unwrap())
            .env("FAULT_UNDER", self.kept.path().canonicalize().unwrap());
        program.env("FAULT_LOG", self.at("log")).envs(faults.iter().copied()).output().unwrap()
    }

    /// Standard output, if it is always the same: what `compare` says has speeds in it.
    fn answer_of(&self, output: &Output) -> String {
        if self.arguments[0] == "compare" { String::new() } else { text(&output.stdout) }
    }

    /// Runs again and again, with the fault at each `step`-th call about a file.
    fn at_each_call(&self, step: usize, fault: (&str, &str), judge: impl Fn(&Output, &Fault)) {
        for at in (1..).step_by(step) {
            self.start_over();
            let before = contents(&self.at("out"));
            let output = self.run(&[("FAULT_AT", &at.to_string()), fault]);
            let Ok(log) = fs::read_to_string(self.at("log")) else {
                assert!(at > 20, "hardly any call was seen: {output:?}");
                return;
            };
            fs::remove_file(self.at("log")).unwrap();
            let (call, path) = log.trim_end().split_once(' ').unwrap();
            judge(&output, &Fault { call: call.to_owned(), path: PathBuf::from(path), before });
        }
    }

    /// It went well, or there is one line that names the file, and all is as it was.
    fn errors(&self, step: usize, error: i32) {
        self.at_each_call(step, ("FAULT_ERRNO", &error.to_string()), |output, fault| {
            let about = fault.describe(output);
            let now = contents(&self.at("out"));
            if self.is_done(output, &now) {
                return;
            }
            let stderr = one_line(output, &about);
            assert!(stderr.contains(&fault.name()) && !stderr.contains(".part"), "{about}");
            assert!(self.answer.starts_with(&self.answer_of(output)), "{about}");
            assert_eq!(names(&now), names(&fault.before), "{about}");
            assert!(now == fault.before, "something was changed: {about}");
        });
    }

    /// It ends by the signal or goes well. The old files are there or the new ones, and nothing else, unless it is killed:
    /// then the next run tidies up.
    fn signals(&self, step: usize, signal: i32) {
        self.at_each_call(step, ("FAULT_SIGNAL", &signal.to_string()), |output, fault| {
            let about = fault.describe(output);
            let now = contents(&self.at("out"));
            assert!(self.is_done(output, &now) || output.status.signal() == Some(signal), "{about}");
            assert_eq!(text(&output.stderr), "", "{about}");
            self.is_old_or_new(&now, fault, signal == SIGKILL, &about);
            if signal == SIGKILL {
                let next = self.run(&[]);
                let is_there = text(&next.stderr).contains("is there already");
                assert!(next.status.success() || is_there, "{about}, then {next:?}");
                assert!(contents(&self.at("out")) == self.result, "{about}");
            }
        });
    }

    /// As with an error; but that the map ends can't be caught in the middle of things, so that a file may be left.
    fn cuts(&self, step: usize, name: &str) {
        let model = self.at("input/model").join(name);
        self.at_each_call(step, ("FAULT_CUT", model.to_str().unwrap()), |output, fault| {
            let about = fault.describe(output);
            let now = contents(&self.at("out"));
            if self.is_done(output, &now) {
                return;
            }
            let stderr = one_line(output, &about);
            assert!(stderr == CUT || stderr.contains(name), "{about}");
            self.is_old_or_new(&now, fault, stderr == CUT, &about);
        });
    }

    fn is_done(&self, output: &Output, now: &Contents) -> bool {
        let is_right =
            self.answer_of(output) == self.answer && *now == self.result && output.stderr.is_empty();
        assert!(is_right || !output.status.success(), "another result: {output:?}, {:?}", names(now));
        output.status.success()
    }

    fn is_old_or_new(&self, now: &Contents, fault: &Fault, may_be_unfinished: bool, about: &str) {
        for file in now {
            let is_unfinished = may_be_unfinished && file.0.ends_with(".part");
            let is_known = self.result.contains(file) || fault.before.contains(file);
            assert!(is_known || is_unfinished, "{}: {about}", file.0);
        }
    }
}

impl Fault {
    fn describe(&self, output: &Output) -> String {
        format!("{} {}: {output:?}", self.call, self.path.display())
    }

    /// What an error has to call the file: an unfinished one by the name that it is to get.
    fn name(&self) -> String {
        let name = self.path.file_name().unwrap().to_str().unwrap();
        name.split_once(".nimbert-").map_or(name, |(target, _)| &target[1..]).to_owned()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Standard error of a run that failed.
#[track_caller]
fn one_line(output: &Output, about: &str) -> String {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{about}");
    assert!(stderr.starts_with("nimbert: ") && stderr.lines().count() == 1, "{about}");
    stderr
}

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
#[ignore = "takes a minute: cargo test --test cli faults -- --include-ignored"]
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
#[ignore = "takes a minute: cargo test --test cli faults -- --include-ignored"]
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
