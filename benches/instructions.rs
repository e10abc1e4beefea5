//! Instructions of one forward, counted by valgrind: a guard that no noise can move. The demo, one text of 32 tokens, one
//! thread, in int8 and f32, compared with what `benches/record/instructions.json` has.
//!
//! `cargo bench --bench instructions` takes some 40 seconds once it is built, and exits with 1 if there are more than
//! [`TOLERANCE`] allows; `cargo bench --bench instructions -- --update` records what it counts. valgrind knows no AVX-512,
//! so the count is that of the AVX2 tier. Where nothing can be counted it says so and exits with 0.

use std::{
    collections::BTreeMap,
    env, fs,
    hint::black_box,
    path::Path,
    process::{Command, ExitCode},
};

use nimbert::{Encoding, Engine, Isa, Options, Precision};
use serde::{Deserialize, Serialize};

/// How many more instructions are still good, in percent. The count itself is the same each time; what this leaves room for
/// is a change that pays for itself in something that is not counted.
const TOLERANCE: f64 = 1.0;

const PRECISIONS: [Precision; 2] = [Precision::Int8, Precision::F32];
const TOKENS: u32 = 32;
/// The argument that makes this program what is counted.
const COUNTED: &str = "counted";

/// The committed file.
#[derive(Serialize, Deserialize)]
struct Record {
    model: String,
    shape: String,
    isa: String,
    /// Other compilers make other code: what they count is not compared.
    rustc: String,
    valgrind: String,
    /// Of one forward, by precision.
    instructions: BTreeMap<String, u64>,
}

fn main() -> ExitCode {
    // cargo adds --bench.
    let arguments: Vec<_> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [COUNTED, precision] => forwards(precision).map(|()| true),
        [] => guard(false),
        ["--update"] => guard(true),
        // A filter, given to all benches.
        [filter] if !filter.starts_with('-') && !"instructions".contains(filter) => Ok(true),
        _ => Err("usage: cargo bench --bench instructions [-- --update]".to_owned()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is counted: the second forward, which finds every buffer as large as it needs.
fn forwards(precision: &str) -> Result<(), String> {
    let options = Options::default().threads(1).isa(Isa::Avx2).precision(precision.parse::<Precision>()?);
    let engine = Engine::demo(options).map_err(|error| error.to_string())?;
    let rows = [Encoding {
        token_ids: (0..TOKENS).map(|i| 100 + 31 * i).collect(),
        token_type_ids: vec![0; TOKENS as usize],
        truncated: false,
    }];
    let forward = || black_box(engine.logits(&rows)).remove(0).map_err(|error| error.to_string());
    forward()?;
    mark();
    forward()?;
    mark();
    Ok(())
}

/// Where callgrind writes what it has counted since the last time. It knows the place by [`MARK`], a function of the C
/// library that nothing else here calls: its name is there in a program without symbols, too.
fn mark() {
    #[cfg(unix)]
    black_box(std::os::unix::process::parent_id());
}

/// What [`mark`] calls.
const MARK: &str = "getppid";

/// Counts, prints, and compares or records. `false`: there are more instructions than recorded.
fn guard(update: bool) -> Result<bool, String> {
    if let Some(reason) = why_not() {
        println!("instructions: skipped: {reason}");
        return Ok(true);
    }
    let mut now = Record {
        model: "built-in demo".to_owned(),
        shape: format!("1x{TOKENS}"),
        isa: Isa::Avx2.to_string(),
        rustc: version(&env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())).unwrap_or_default(),
        valgrind: version("valgrind").unwrap_or_default(),
        instructions: BTreeMap::new(),
    };
    println!("instructions of a forward: {}, {}, {}, {}", now.model, now.shape, now.isa, now.rustc);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/record/instructions.json");
    let then = if update { None } else { Some(read(&path)?) };
    let other = other_build(&now, then.as_ref());
    if let (true, Some(reason)) = (update, &other) {
        return Err(format!("not recorded: {reason}"));
    }
    let mut good = true;
    for precision in PRECISIONS.map(|precision| precision.to_string()) {
        let count = count(&precision)?;
        let then = then.as_ref().and_then(|then| then.instructions.get(&precision));
        let percent = then.map(|&then| 100.0 * (count as f64 / then as f64 - 1.0));
        let verdict = match percent {
            Some(_) if other.is_some() => "not compared",
            Some(percent) if percent > TOLERANCE => {
                good = false;
                "more than allowed"
            }
            Some(percent) if percent < -TOLERANCE => "good: record it with -- --update",
            Some(_) => "good",
            None => "not recorded before",
        };
        let change = percent.map_or(String::new(), |percent| format!("{percent:>+8.2} %  "));
        println!("{precision:<6}{count:>14}  {change}{verdict}");
        now.instructions.insert(precision, count);
    }
    match other {
        Some(reason) => println!("(not compared: {reason})"),
        None if update => write(&path, &now)?,
        None => println!("(up to {TOLERANCE} % more than recorded is good)"),
    }
    Ok(good)
}

/// Why nothing can be counted here.
fn why_not() -> Option<&'static str> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        Some("the record is of Linux on x86-64")
    } else if !Isa::Avx2.is_available() {
        Some("this machine has no AVX2")
    } else if cfg!(debug_assertions) {
        Some("not an optimized build")
    } else if version("valgrind").is_none() {
        Some("no valgrind")
    } else {
        None
    }
}

/// Why this build is not the one that is recorded.
fn other_build(now: &Record, then: Option<&Record>) -> Option<String> {
    let profiles = ["CARGO_PROFILE_RELEASE_", "CARGO_PROFILE_BENCH_"];
    let changes =
        |name: &str| profiles.iter().any(|profile| name.starts_with(profile)) || name.ends_with("RUSTFLAGS");
    let changes = env::vars().find(|(name, value)| changes(name) && !value.is_empty());
    if let Some((name, value)) = changes {
        return Some(format!("{name}={value} makes another build"));
    }
    let then = then.filter(|then| then.rustc != now.rustc)?;
    Some(format!("recorded with {}, and other compilers make other code", then.rustc))
}

/// The first line of what a program says of itself.
fn version(program: &str) -> Option<String> {
    let output =
        Command::new(program).arg("--version").output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
}

/// Runs this program under callgrind, and reads what it wrote between the two marks.
fn count(precision: &str) -> Result<u64, String> {
    let failed = |error: std::io::Error| error.to_string();
    let directory = tempfile::tempdir().map_err(failed)?;
    let out = directory.path().join("out");
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--dump-before={MARK}"))
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(env::current_exe().map_err(failed)?)
        .args([COUNTED, precision])
        .output()
        .map_err(failed)?;
    if !output.status.success() {
        return Err(format!("{precision}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let part = fs::read_to_string(out.with_extension("2")).map_err(|error| {
        format!("{precision}: callgrind did not write at the second call of {MARK}: {error}")
    })?;
    let total = part.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.ok_or_else(|| format!("{precision}: no total in callgrind's file"))
}

fn read(path: &Path) -> Result<Record, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, record: &Record) -> Result<(), String> {
    let text = serde_json::to_string_pretty(record).map_err(|error| error.to_string())? + "\n";
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("recorded in {}", path.display());
    Ok(())
}
