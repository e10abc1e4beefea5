//! A command that is run again and again, with a fault at each of its calls about files.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use nimbert_test_support::skip;
use tempfile::TempDir;

use super::{CUT, SIGKILL};
use crate::{command, files::files, seeded_texts};

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
        skip("there is no C compiler, or another C library than glibc");
    }
    shim
}

/// Names and bytes of files, and of directories without bytes.
pub(super) type Contents = Vec<(String, Vec<u8>)>;

pub(super) fn contents(directory: &Path) -> Contents {
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
pub(super) struct Case {
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
    pub(super) fn new(checkpoint: &Path, arguments: &[&str]) -> Option<Self> {
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

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.kept.path().canonicalize().unwrap().join(name)
    }

    /// The checkpoint as it should be, and an old file where a new one is to come.
    pub(super) fn start_over(&self) {
        copy_all(&self.at("checkpoint"), &self.at("input/model"));
        let out = self.at("out");
        let _ = fs::remove_dir_all(&out);
        fs::create_dir(&out).unwrap();
        for target in self.arguments.iter().map(Path::new).filter(|path| path.parent() == Some(&out)) {
            fs::write(target, "what was there").unwrap();
        }
    }

    pub(super) fn run(&self, faults: &[(&str, &str)]) -> Output {
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
    pub(super) fn errors(&self, step: usize, error: i32) {
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
    pub(super) fn signals(&self, step: usize, signal: i32) {
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
    pub(super) fn cuts(&self, step: usize, name: &str) {
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

    pub(super) fn is_done(&self, output: &Output, now: &Contents) -> bool {
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
