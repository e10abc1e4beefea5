//! `nimbert pack --check`: a file that costs too much is not written.

use std::{fs, path::Path};

use crate::{file, nimbert, seeded, seeded_texts};

/// Texts of which some get another best label in int8.
fn texts() -> String {
    seeded_texts(600).join("\n")
}

fn stays_empty(directory: &Path) {
    let left: Vec<_> = directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn within_the_budget_the_file_is_the_one_without_a_check() {
    let (_model, model) = seeded("gelu-multi-label");
    let (directory, data) = file("texts.txt", texts());
    let [plain, checked] = ["plain.nimbert", "checked.nimbert"].map(|name| directory.path().join(name));
    nimbert(&["pack", &model, "-o", plain.to_str().unwrap()]).done();
    let arguments = ["pack", &model, "-o", checked.to_str().unwrap(), "--check", &data, "--budget", "50"];
    let stdout = nimbert(&arguments).done();
    for words in ["600 texts", "label agreement 100.00 % in f32", "50 may be lost", "times that of f32"] {
        assert!(stdout.contains(words), "no {words:?} in {stdout}");
    }
    assert!(!stdout.contains("in f16"), "{stdout}");
    assert_eq!(fs::read(plain).unwrap(), fs::read(checked).unwrap());
}

#[test]
fn parts_are_promoted_until_the_loss_is_within_the_budget() {
    let (_model, model) = seeded("odd-heads-of-11");
    let (directory, data) = file("texts.txt", texts());
    let [plain, checked] = ["plain.nimbert", "checked.nimbert"].map(|name| directory.path().join(name));
    let (plain, checked) = (plain.to_str().unwrap(), checked.to_str().unwrap());
    nimbert(&["pack", &model, "-o", plain]).done();
    let loss = |packed: &str| {
        let arguments = ["compare", &model, packed, "--data", &data, "--format", "json"];
        let object = nimbert(&arguments).json().remove(0);
        100.0 * (1.0 - object["agreement"].as_f64().unwrap())
    };
    let without = loss(plain);
    assert!(without > 0.5, "texts on which int8 costs something: {without}");
    let budget = format!("{}", without / 2.0);
    let stdout = nimbert(&["pack", &model, "-o", checked, "--check", &data, "--budget", &budget]).done();
    assert!(stdout.contains("in f16") && stdout.contains("bert.encoder.layer."), "{stdout}");
    // A share of 600 texts is rounded; the budget is kept to the text.
    assert!(loss(checked) <= without / 2.0 + 1e-9, "{} of {without}", loss(checked));
    assert!(fs::metadata(checked).unwrap().len() > fs::metadata(plain).unwrap().len());
    nimbert(&["verify", "--file", checked]).done();
}

#[test]
fn beyond_the_budget_no_file_is_written_and_an_old_one_stays() {
    let (_model, model) = seeded("gelu-multi-label");
    let (_data, data) = file("texts.txt", texts());
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out.nimbert");
    let common = ["pack", &model, "-o", out.to_str().unwrap(), "--check", &data, "--budget=-1"];
    nimbert(&common).failed(&["no file written", "everything in f16"]);
    stays_empty(directory.path());
    nimbert(&[&common[..], &["--precision", "f16"]].concat()).failed(&["no file written", "only int8"]);
    stays_empty(directory.path());
    fs::write(&out, "what was there").unwrap();
    nimbert(&common).failed(&["no file written"]);
    assert_eq!(fs::read(&out).unwrap(), b"what was there");
}

#[test]
fn labels_give_metrics_and_a_page() {
    let (_model, model) = seeded("gelu-multi-label");
    let rows = seeded_texts(50).into_iter().enumerate().map(|(i, text)| format!("{text}\t{}\n", 1 + i % 5));
    let (directory, data) = file("dev.tsv", "text\tstar\n".to_owned() + &rows.collect::<String>());
    let [out, page] = ["out.nimbert", "check.html"].map(|name| directory.path().join(name));
    let common = ["pack", &model, "-o", out.to_str().unwrap(), "--check", &data, "--label-column", "star"];
    for (metric, name) in [("top1", "top-label accuracy"), ("micro-f1", "micro F1"), ("auc", "ROC AUC")] {
        let options = ["--metric", metric, "--budget", "60", "--report", page.to_str().unwrap()];
        let stdout = nimbert(&[&common[..], &options].concat()).done();
        assert!(stdout.contains(name) && stdout.contains("check.html"), "{stdout}");
        assert!(fs::read_to_string(&page).unwrap().contains("out.nimbert"));
    }
}

#[test]
fn bad_data_leave_no_file() {
    let (_model, model) = seeded("gelu-multi-label");
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out.nimbert");
    let pack = |more: &[&str]| nimbert(&[&["pack", &model, "-o", out.to_str().unwrap()], more].concat());
    let (_unknown, unknown) = file("dev.tsv", "text\tstar\n一\t5\n丁\tsix\n");
    pack(&["--check", &unknown, "--label-column", "star"])
        .failed(&["dev.tsv: line 3", "unknown label \"six\""]);
    let (_one, one) = file("one.tsv", "text\tstar\n一\t5\n");
    pack(&["--check", &one, "--label-column", "star", "--metric", "auc"]).failed(&["ROC AUC", "undefined"]);
    let (_empty, empty) = file("empty.txt", "");
    pack(&["--check", &empty]).failed(&["empty.txt", "no texts"]);
    stays_empty(directory.path());
    pack(&["--budget", "1"]).misused(&["--check"]);
    pack(&["--max-tokens", "16"]).misused(&["--check"]);
    pack(&["--check", "src"]).failed(&["src", "regular file"]);
    let (_regression, regression) = seeded("tanh-regression-old-names");
    let (_lines, lines) = file("lines.txt", "一\n");
    let arguments = ["pack", &regression, "-o", out.to_str().unwrap(), "--check", &lines];
    nimbert(&arguments).failed(&["regression"]);
    pack(&["--check", &one, "--metric", "auc"]).misused(&["--label-column"]);
    pack(&["--check", &one, "--budget", "NaN"]).misused(&["a number"]);
}

#[test]
fn nothing_that_is_read_is_replaced() {
    let (_model, model) = seeded("gelu-multi-label");
    let (directory, data) = file("texts.tsv", "text\tstar\n一\t5\n丁\t1\n");
    let before = fs::read(&data).unwrap();
    let out = directory.path().join("out.nimbert");
    let out = out.to_str().unwrap();
    let check = ["--check", &data, "--label-column", "star", "--budget", "100", "--report"];
    nimbert(&[&["pack", &model, "-o", &data][..], &check[..6]].concat()).failed(&["texts.tsv", "replaced"]);
    nimbert(&[&["pack", &model, "-o", out][..], &check, &[&data]].concat())
        .failed(&["texts.tsv", "replaced"]);
    nimbert(&[&["pack", &model, "-o", out][..], &check, &[out]].concat()).failed(&["the same file"]);
    nimbert(&["pack", &model, "-o", &format!("{model}/config.json")])
        .failed(&["config.json", "to be packed"]);
    let labelled = ["--data", &data, "--label-column", "star"];
    nimbert(&[&["eval", "--report", &data][..], &labelled].concat()).failed(&["texts.tsv", "replaced"]);
    nimbert(&[&["compare", &model, &model, "--flips", &data][..], &labelled].concat()).failed(&["replaced"]);
    assert_eq!(fs::read(&data).unwrap(), before);
    assert_eq!(directory.path().read_dir().unwrap().count(), 1, "nothing half-written");
}

#[test]
fn a_loss_of_exactly_the_budget_is_within_it() {
    let (_model, model) = seeded("odd-heads-of-11");
    let texts = seeded_texts(600);
    let (directory, all) = file("texts.txt", texts.join("\n"));
    let flips = directory.path().join("flips.csv");
    let out = directory.path().join("out.nimbert");
    let (flips, out) = (flips.to_str().unwrap(), out.to_str().unwrap());
    nimbert(&["pack", &model, "-o", out]).done();
    nimbert(&["compare", &model, out, "--data", &all, "--flips", flips]).done();
    let flips = fs::read_to_string(flips).unwrap();
    let flipped: Vec<_> = flips.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect();
    assert!(!flipped.is_empty(), "texts on which int8 costs something");
    // One flip in a hundred: 100 · (1 - 0.99) is a little above 1 in floating point.
    let stable = texts.iter().map(String::as_str).filter(|text| !flipped.contains(text));
    let hundred: Vec<_> = stable.take(99).chain([flipped[0]]).collect();
    let (_hundred, hundred) = file("hundred.txt", hundred.join("\n"));
    let stdout = nimbert(&["pack", &model, "-o", out, "--check", &hundred, "--budget", "1"]).done();
    assert!(stdout.contains("-1.00 points, 1 may be lost") && !stdout.contains("in f16"), "{stdout}");
}

/// The shell stands for a disk that fills up: a file of this process may have 64 blocks of 512 bytes.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_leaves_no_file() {
    use std::process::Command;

    let (_model, model) = seeded("gelu-multi-label");
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out.nimbert");
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" pack \"$1\" -o \"$2\"";
    let program = env!("CARGO_BIN_EXE_nimbert");
    let run = Command::new("sh").args(["-c", script, program, &model]).arg(&out).output().unwrap();
    let stderr = String::from_utf8(run.stderr).unwrap();
    assert_eq!(run.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("out.nimbert") && stderr.lines().count() == 1, "{stderr}");
    stays_empty(directory.path());
}
