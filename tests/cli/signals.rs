//! Signals while a command writes a file: what was there stays, and nothing else does.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::{fs::symlink, process::ExitStatusExt},
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    command, file,
    files::{Labelled, files, make_fifo},
    nimbert, seeded, seeded_texts,
};

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

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
