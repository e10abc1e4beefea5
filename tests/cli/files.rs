//! Files that a command writes: what may be replaced, and what an error calls them.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::{FileTypeExt, symlink},
    path::Path,
    process::{Command, Stdio},
};

use nimbert_test_support::skip;
use tempfile::TempDir;

use crate::{Run, command, file, nimbert, seeded};

/// The names in a directory, in their order.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    let names = directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Labelled rows for `eval` and `compare`, and a directory for what they write.
pub(crate) struct Labelled {
    _data: TempDir,
    data: String,
    pub(crate) out: TempDir,
}

impl Labelled {
    pub(crate) fn new() -> Self {
        let (kept, data) = file("dev.tsv", "text\tstar\n太好看了\t5\n无聊\t1\n");
        Self { _data: kept, data, out: tempfile::tempdir().unwrap() }
    }

    /// `eval --report`, with this file.
    pub(crate) fn report<'a>(&'a self, page: &'a str) -> [&'a str; 7] {
        ["eval", "--data", &self.data, "--label-column", "star", "--report", page]
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.out.path().join(name).to_str().unwrap().to_owned()
    }
}

/// Runs with standard output a pipe, which is read to its end.
fn piped(arguments: &[&str]) -> Run {
    let output = command(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn a_link_to_a_pipe_stays_and_gets_what_is_written() {
    let (_model, model) = seeded("gelu-multi-label");
    let run = Labelled::new();
    let link = run.path("stdout");
    symlink("/proc/self/fd/1", &link).unwrap();
    piped(&["pack", &model, "-o", &link]).failed(&["stdout", "is a pipe, not a regular file"]);
    let stdout = piped(&run.report(&link)).done();
    assert!(stdout.starts_with("<!doctype html>") && stdout.contains("top-label accuracy"), "{stdout}");
    let flips = ["compare", &model, &model, "--data", &run.data, "--flips", &link];
    assert!(piped(&flips).done().starts_with("where,text,"));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(files(run.out.path()), ["stdout"]);
}

#[test]
fn what_a_link_leads_to_is_replaced_and_the_link_stays() {
    let (_model, model) = seeded("gelu-multi-label");
    let run = Labelled::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let old = elsewhere.path().join("old.nimbert");
    fs::write(&old, "what was there").unwrap();
    let [link, of_link] = ["link", "of-link"].map(|name| run.path(name));
    symlink(&old, &link).unwrap();
    symlink("link", &of_link).unwrap();
    nimbert(&["pack", &model, "-o", &of_link]).done();
    nimbert(&["verify", "--file", old.to_str().unwrap()]).done();
    nimbert(&run.report(&link)).done();
    assert!(fs::read_to_string(&old).unwrap().starts_with("<!doctype html>"));
    assert!([&link, &of_link].iter().all(|path| fs::symlink_metadata(path).unwrap().is_symlink()));
    assert_eq!((files(elsewhere.path()), files(run.out.path()).len()), (vec!["old.nimbert".to_owned()], 2));
}

#[test]
fn a_link_to_nothing_is_refused_and_stays() {
    let (_model, model) = seeded("odd-heads-of-11");
    let run = Labelled::new();
    let link = run.path("model.safetensors");
    symlink("nowhere", &link).unwrap();
    let words = ["model.safetensors", "a link to nowhere, which is not there"];
    nimbert(&["pack", &model, "-o", &link]).failed(&words);
    nimbert(&run.report(&link)).failed(&words);
    nimbert(&["import", &model, "-o", run.out.path().to_str().unwrap()])
        .failed(&["model.safetensors", "is there already"]);
    assert_eq!(files(run.out.path()), ["model.safetensors"]);
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("nowhere"));
}

#[test]
fn nothing_but_a_file_is_replaced() {
    let (_model, model) = seeded("gelu-multi-label");
    let run = Labelled::new();
    let [fifo, socket, directory, new] = ["fifo", "socket", "directory", "new"].map(|name| run.path(name));
    make_fifo(&fifo);
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    fs::create_dir(&directory).unwrap();
    let before = files(run.out.path());
    nimbert(&["pack", &model, "-o", &fifo]).failed(&["fifo", "is a pipe, not a regular file"]);
    nimbert(&["pack", &model, "-o", "/dev/null"]).failed(&["/dev/null", "is a device, not a regular file"]);
    for (path, what) in [(&socket, "a socket"), (&directory, "a directory")] {
        let words = [path.as_str(), &format!("is {what}, not a regular file")];
        nimbert(&["pack", &model, "-o", path]).failed(&words);
        nimbert(&run.report(path)).failed(&words);
    }
    for path in [format!("{new}/"), format!("{new}/.")] {
        nimbert(&["pack", &model, "-o", &path]).failed(&[&path, "names no file"]);
        nimbert(&run.report(&path)).failed(&[&path, "names no file"]);
    }
    nimbert(&run.report("/dev/null")).done();
    assert!(fs::metadata(&fifo).unwrap().file_type().is_fifo());
    assert_eq!(files(run.out.path()), before);
}

#[test]
fn a_fifo_gets_the_page() {
    let run = Labelled::new();
    let fifo = run.path("fifo");
    make_fifo(&fifo);
    let child = command(&run.report(&fifo)).spawn().unwrap();
    let mut page = String::new();
    File::open(&fifo).unwrap().read_to_string(&mut page).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    assert!(page.starts_with("<!doctype html>") && page.contains("</html>"), "{page}");
}

#[test]
fn the_file_that_standard_output_goes_to_is_not_replaced() {
    let (_model, model) = seeded("gelu-multi-label");
    let run = Labelled::new();
    let path = run.path("out");
    for arguments in
        [&["pack", &model, "-o", "/dev/stdout"][..], &run.report("/dev/stdout"), &run.report(&path)]
    {
        let stdout = File::create(&path).unwrap();
        let output = command(arguments).stdout(Stdio::from(stdout)).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("is where standard output goes") && stderr.lines().count() == 1, "{stderr}");
        assert_eq!((output.status.code(), fs::read(&path).unwrap().len()), (Some(1), 0));
    }
    // One that has lost its name can't be found.
    let removed = File::create(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let output = command(&run.report("/dev/fd/0")).stdin(Stdio::from(removed)).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("/dev/fd/0: is a file without a name"), "{stderr}");
}

#[test]
fn an_error_names_the_file_that_was_asked_for() {
    let (_model, model) = seeded("odd-heads-of-11");
    let run = Labelled::new();
    let [plain, long] = ["plain", &"n".repeat(300)].map(|name| run.path(name));
    fs::write(&plain, "").unwrap();
    // Not even root may make files in /proc.
    let places = [(format!("{plain}/x"), "Not a directory"), (long, "too long"), ("/proc/x".to_owned(), "")];
    for (path, words) in places {
        nimbert(&["pack", &model, "-o", &path]).failed(&[&format!("nimbert: {path}: "), words]);
        nimbert(&run.report(&path)).failed(&[&format!("nimbert: {path}: "), words]);
        nimbert(&["import", &model, "-o", &path]).failed(&[&format!("nimbert: {path}"), words]);
    }
    let nowhere = run.path("no/such");
    nimbert(&["pack", &model, "-o", &nowhere]).failed(&[&format!("nimbert: {nowhere}: No such file")]);
    nimbert(&run.report(&nowhere)).failed(&[&format!("nimbert: {nowhere}: No such file")]);
    assert_eq!(files(run.out.path()), ["plain"]);
}

#[test]
fn a_name_as_long_as_any_is_written() {
    let (_model, model) = seeded("odd-heads-of-11");
    let directory = tempfile::tempdir().unwrap();
    let name = "名".repeat(85);
    nimbert(&["pack", &model, "-o", directory.path().join(&name).to_str().unwrap()]).done();
    assert_eq!(files(directory.path()), [name]);
}

#[test]
fn a_device_that_is_full_is_named() {
    if !Path::new("/dev/full").exists() {
        return skip("there is no /dev/full");
    }
    let (_model, model) = seeded("gelu-multi-label");
    let run = Labelled::new();
    nimbert(&run.report("/dev/full")).failed(&["/dev/full: No space left"]);
    let flips = ["compare", &model, &model, "--data", &run.data, "--flips", "/dev/full"];
    nimbert(&flips).failed(&["/dev/full: No space left"]);
}

/// The system would end the program by a signal, which would leave what is written so far.
#[test]
fn a_file_larger_than_allowed_is_an_error_that_names_it() {
    let (_model, model) = seeded("gelu-multi-label");
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out.nimbert");
    let script = "ulimit -f 64; exec \"$0\" pack \"$1\" -o \"$2\"";
    let mut limited = Command::new("sh");
    let output =
        limited.args(["-c", script, env!("CARGO_BIN_EXE_nimbert"), &model]).arg(&out).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("out.nimbert: File too large") && stderr.lines().count() == 1, "{stderr}");
    assert_eq!(files(directory.path()), [""; 0]);
}

pub(crate) fn make_fifo(path: &str) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}
