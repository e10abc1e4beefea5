//! Tests that need what this machine does not have: they pass, and the end of the run says how many they were and why.

use std::{
    collections::BTreeMap,
    env,
    fmt::Display,
    fs::File,
    io::{self, Write},
    sync::{Mutex, Once, PoisonError},
    thread,
};

/// The names of the tests that were skipped, by the reason.
static SKIPPED: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// Notes that the test that calls this does not look at anything, because of `reason`. The test program's last line, after
/// the verdict of its test runner, tells; with `NIMBERT_SKIPPED=FILE` the same is also added to a file, a line a test.
pub fn skip(reason: impl Display) {
    static AT_EXIT: Once = Once::new();
    AT_EXIT.call_once(|| {
        // SAFETY: `report` is a function without conditions, and does not unwind.
        let outcome = unsafe { libc::atexit(report) };
        assert_eq!(outcome, 0, "the system takes a function to call at the end");
    });
    let test = thread::current().name().unwrap_or("a test").to_owned();
    println!("skipped: {reason}");
    SKIPPED.lock().unwrap_or_else(PoisonError::into_inner).entry(reason.to_string()).or_default().push(test);
}

/// Called when the program ends. There is nobody left to whom a failure could be told.
extern "C" fn report() {
    let skipped = SKIPPED.lock().unwrap_or_else(PoisonError::into_inner);
    let reasons: Vec<_> =
        skipped.iter().map(|(reason, tests)| format!("{} for {reason}", tests.join(", "))).collect();
    let count = skipped.values().map(Vec::len).sum::<usize>();
    let (tests, were) = if count == 1 { ("test", "was") } else { ("tests", "were") };
    let _ = writeln!(io::stderr(), "{count} {tests} {were} skipped: {}", reasons.join("; "));
    if let Some(path) = env::var_os("NIMBERT_SKIPPED")
        && let Ok(mut file) = File::options().create(true).append(true).open(path)
    {
        let lines = skipped.iter().flat_map(|(reason, tests)| tests.iter().map(move |test| (test, reason)));
        let _ = file.write_all(
            lines.map(|(test, reason)| format!("{test}: {reason}\n")).collect::<String>().as_bytes(),
        );
    }
}
