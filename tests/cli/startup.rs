//! What a process costs that runs a packed file: memory of its own, and time to its first answer.
//!
//! Linux only: elsewhere nothing tells which memory is shared.

use nimbert::{Isa, PackOptions, pack};
use nimbert_test_support::{checkpoint::Spec, skip};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// bert-base-chinese's shape in int8; writes 500 MB to the temporary directory, which goes when it is dropped.
fn packed() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    Spec::read("bert-base-chinese").write(dir.path());
    let file = dir.path().join("packed.nimbert");
    pack(dir.path(), &file, &PackOptions::default(), &mut |_, _| {}).expect("a good checkpoint");
    (dir, file)
}

/// A text of 32 tokens in the seeded tokenizer, which has the characters from U+4E00 on.
fn text() -> String {
    (0..30).filter_map(|i| char::from_u32(0x4e00 + 97 * i)).collect()
}

/// A process that waits for texts, after its first answer.
struct Waiting {
    child: Child,
    _output: BufReader<ChildStdout>,
}

impl Waiting {
    fn start(model: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_nimbert"))
            .args([
                "classify",
                "--threads",
                "1",
                "--batch",
                "1",
                "--format",
                "json",
                "--input",
                "-",
                "--model",
            ])
            .arg(model)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        writeln!(child.stdin.as_mut().expect("piped"), "{}", text()).expect("it reads");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut answer = String::new();
        output.read_line(&mut answer).expect("it answers");
        assert!(answer.contains("\"tokens\":32"), "{answer}");
        Self { child, _output: output }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Private bytes of a process, clean and dirty.
fn private(id: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).expect("Linux 4.14 or newer");
    let private = rollup
        .lines()
        .filter(|line| line.starts_with("Private_Clean:") || line.starts_with("Private_Dirty:"));
    private
        .map(|line| line.split_whitespace().nth(1).expect("a size").parse::<u64>().expect("in kB") * 1024)
        .sum()
}

/// The weights are in both processes' maps and count for neither.
#[test]
fn a_second_process_on_the_same_file_has_little_memory_of_its_own() {
    let (_dir, file) = packed();
    let _first = Waiting::start(&file);
    let second = Waiting::start(&file);
    let mut empty = Command::new("sleep").arg("60").spawn().expect("coreutils");
    std::thread::sleep(Duration::from_millis(200)); // until `sleep` sleeps
    let (ours, theirs) = (private(second.child.id()), private(empty.id()));
    let _ = empty.kill();
    let _ = empty.wait();
    println!("private memory: {} KiB, of a program that does nothing {} KiB", ours / 1024, theirs / 1024);
    assert!(ours <= theirs + (12 << 20), "{ours} bytes of its own, {theirs} in a program that does nothing");
}

/// From the start of the process to its end, the file in the system's cache.
#[test]
#[ignore = "measures time: cargo test --release --test cli startup -- --ignored --nocapture"]
fn the_first_answer_comes_within_25_ms() {
    // A forward alone takes longer without the int8 dot product.
    if matches!(Isa::detect(), Isa::Portable | Isa::Avx2 | Isa::Avx512 | Isa::Neon) {
        return skip("the time of a process is limited where there is an int8 dot product");
    }
    let (_dir, file) = packed();
    let time = || {
        let start = Instant::now();
        let mut run = Command::new(env!("CARGO_BIN_EXE_nimbert"));
        run.args(["classify", "--threads", "1", "--model"]).arg(&file).arg(text()).stdout(Stdio::null());
        assert!(run.status().expect("the program starts").success());
        start.elapsed()
    };
    let mut times: Vec<_> = (0..40).map(|_| time()).collect();
    times.sort();
    println!("from start to end, 32 tokens on one thread: {:?} at least, {:?} median", times[0], times[20]);
    // The fastest: what a program needs is what it needs where nothing else runs, and machines are shared.
    assert!(times[0] <= Duration::from_millis(25), "{:?}", times[0]);
}
