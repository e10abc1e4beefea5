//! Files that a command writes: what may be replaced, and what stays when it is stopped.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::{
        fs::{FileTypeExt, symlink},
        process::ExitStatusExt,
    },
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{Run, command, file, nimbert, seeded, seeded_texts};

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// The names in a directory, in their order.
pub(crate) fn files(directory: &Path) -> Vec<String> {
    let names = directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Labelled rows for `eval` and `compare`, and a directory for what they write.
struct Labelled {
    _data: TempDir,
    data: String,
    out: TempDir,
}

impl Labelled {
    fn new() -> Self {
        let (kept, data) = file("dev.tsv", "text\tstar\n太好看了\t5\n无聊\t1\n");
        Self { _data: kept, data, out: tempfile::tempdir().unwrap() }
    }

    /// `eval --report`, with this file.
    fn report<'a>(&'a self, page: &'a str) -> [&'a str; 7] {
        ["eval", "--data", &self.data, "--label-column", "star", "--report", page]
    }

    fn path(&self, name: &str) -> String {
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
        println!("skipped: no /dev/full");
        return;
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

fn make_fifo(path: &str) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn send(child: &Child, signal: &str) {
    let number = child.id().to_string();
    assert!(Command::new("kill").args(["-s", signal, &number]).status().unwrap().success());
}

/// `eval --report`, waiting for the rest of its data, with the file that is to become the page.
fn waiting(page: &str) -> (TempDir, Child, File) {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("dev.tsv").to_str().unwrap().to_owned();
    make_fifo(&fifo);
    let arguments = ["eval", "--data", &fifo, "--label-column", "star", "--report", page];
    let child = command(&arguments).spawn().unwrap();
    // This waits until it is opened on the other side, where the page comes first.
    let mut data = File::options().write(true).open(&fifo).unwrap();
    data.write_all(b"text\tstar\n").unwrap();
    (directory, child, data)
}

/// The only name in a directory but for these, which is that of an unfinished file.
#[track_caller]
fn unfinished(directory: &Path, others: &[&str], process: u32) -> String {
    let mut names = files(directory);
    names.retain(|name| !others.contains(&name.as_str()));
    assert_eq!(names.len(), 1, "{names:?}");
    let name = names.remove(0);
    assert!(name.contains(&format!(".nimbert-{process}-")) && name.ends_with(".part"), "{name}");
    name
}

#[test]
fn a_signal_ends_the_program_and_leaves_what_was_there() {
    let run = Labelled::new();
    let page = run.path("page.html");
    fs::write(&page, "what was there").unwrap();
    for (signal, number) in [("INT", 2), ("TERM", SIGTERM), ("HUP", 1)] {
        let (_kept, child, _data) = waiting(&page);
        let name = unfinished(run.out.path(), &["page.html"], child.id());
        assert!(name.starts_with(".page.html.nimbert-"), "{name}");
        send(&child, signal);
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.signal(), output.stderr.len()), (Some(number), 0), "{signal}");
        assert_eq!(files(run.out.path()), ["page.html"], "{signal}");
    }
    assert_eq!(fs::read(&page).unwrap(), b"what was there");
}

#[test]
fn a_signal_that_is_ignored_stays_so() {
    let run = Labelled::new();
    let page = run.path("page.html");
    let fifo = run.path("dev.tsv");
    make_fifo(&fifo);
    let script = "trap '' HUP INT; exec \"$0\" \"$@\"";
    let mut ignoring = Command::new("sh");
    ignoring.args(["-c", script, env!("CARGO_BIN_EXE_nimbert"), "eval", "--data", &fifo]);
    let child =
        ignoring.args(["--label-column", "star", "--report", &page]).stdout(Stdio::null()).spawn().unwrap();
    let mut data = File::options().write(true).open(&fifo).unwrap();
    send(&child, "HUP");
    send(&child, "INT");
    data.write_all("text\tstar\n好看\t5\n无聊\t1\n".as_bytes()).unwrap();
    drop(data);
    assert!(child.wait_with_output().unwrap().status.success());
    assert_eq!(files(run.out.path()), ["dev.tsv", "page.html"]);
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next_and_nothing_else_is() {
    let run = Labelled::new();
    let page = run.path("page.html");
    let (_kept, mut killed, _data) = waiting(&page);
    let left = unfinished(run.out.path(), &[], killed.id());
    killed.kill().unwrap();
    assert_eq!(killed.wait().unwrap().signal(), Some(SIGKILL));
    assert_eq!(files(run.out.path()), [left.as_str()]);
    // One that still writes, and some that only look alike.
    let (_kept, living, data) = waiting(&page);
    let of_living = unfinished(run.out.path(), &[], living.id());
    let like =
        [".page.html.nimbert-1.part", ".page.html.nimbert-x-1.part", ".page.html.nimbert-1-1", "x.part"];
    like.iter().for_each(|name| fs::write(run.path(name), "").unwrap());
    symlink("page.html", run.path(".page.html.nimbert-1-1.part")).unwrap();
    fs::write(run.path(".page.nimbert-1-1.part"), "").unwrap();
    let before = files(run.out.path());
    nimbert(&run.report(&page)).done();
    let mut after = files(run.out.path());
    after.retain(|name| name != "page.html");
    assert_eq!(after, before);
    drop(data);
    assert!(!living.wait_with_output().unwrap().status.success(), "no texts");
    after.retain(|name| *name != of_living);
    assert_eq!(files(run.out.path()), {
        after.push("page.html".to_owned());
        after.sort();
        after
    });
}

#[test]
fn a_pack_that_is_being_checked_leaves_nothing_behind() {
    let (_model, model) = seeded("odd-heads-of-11");
    let (_data, data) = file("texts.txt", seeded_texts(1000).join("\n").repeat(200));
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out.nimbert");
    let out = out.to_str().unwrap();
    for signal in [SIGTERM, SIGKILL] {
        let child = command(&["pack", &model, "-o", out, "--check", &data]).spawn().unwrap();
        // 200,000 texts: it will be at them for long.
        while files(directory.path()).is_empty() {
            std::thread::yield_now();
        }
        send(&child, if signal == SIGTERM { "TERM" } else { "KILL" });
        assert_eq!(child.wait_with_output().unwrap().status.signal(), Some(signal));
        assert_eq!(files(directory.path()).len(), usize::from(signal == SIGKILL));
    }
    nimbert(&["pack", &model, "-o", out]).done();
    assert_eq!(files(directory.path()), ["out.nimbert"]);
}
