//! `nimbert eval`: figures that belong together, and data that can't be evaluated.

use std::fs;

use serde_json::Value;

use crate::{file, nimbert, nimbert_fed, seeded};

const TEXTS: [&str; 5] = ["太好看了，笑中带泪", "无聊到睡着", "特效好，故事烂", "神作", "一般般吧"];

/// The demo's own best label of each text.
fn best_labels() -> Vec<String> {
    let arguments = [&["classify", "--format", "json"][..], &TEXTS].concat();
    let best = |object: &Value| object["scores"][0]["label"].as_str().unwrap().to_owned();
    nimbert(&arguments).json().iter().map(best).collect()
}

/// A table with the model's own answers as labels.
fn tsv(label: impl Fn(&str) -> String) -> String {
    let rows = TEXTS.iter().zip(best_labels()).map(|(text, best)| format!("{}\t{text}\n", label(&best)));
    "star\ttext\n".to_owned() + &rows.collect::<String>()
}

fn top_accuracy(arguments: &[&str]) -> f64 {
    let all = [&["eval", "--format", "json", "--label-column", "star"], arguments].concat();
    let object = &nimbert(&all).json()[0];
    assert_eq!(object["texts"], TEXTS.len());
    object["figures"]["top_label_accuracy"].as_f64().unwrap()
}

#[test]
fn a_model_agrees_with_itself_however_labels_are_named() {
    let star = |label: &str| label.trim_start_matches("Star_").to_owned();
    let index = |label: &str| (star(label).parse::<usize>().unwrap() - 1).to_string();
    let (_names, names) = file("names.tsv", tsv(str::to_owned));
    let (_stars, stars) = file("stars.tsv", tsv(star));
    // As pandas writes a column of whole numbers in which one was missing.
    let (_floats, floats) = file("floats.tsv", tsv(|label| star(label) + ".0"));
    let (_indexes, indexes) = file("indexes.tsv", tsv(index));
    for arguments in [
        &["--data", &names][..],
        &["--data", &stars],
        &["--data", &stars, "--labels-as", "star"],
        &["--data", &indexes, "--labels-as", "index"],
        &["--input", &floats],
        &["--input", &floats, "--labels-as", "star"],
    ] {
        assert_eq!(top_accuracy(arguments), 1.0, "{arguments:?}");
    }
    let rows = TEXTS.iter().zip(best_labels());
    let jsonl =
        rows.map(|(text, best)| serde_json::json!({ "text": text, "star": [best] }).to_string() + "\n");
    let (_lists, lists) = file("lists.jsonl", jsonl.collect::<String>());
    assert_eq!(top_accuracy(&["--data", &lists]), 1.0);
}

#[test]
fn several_labels_of_a_text_are_read_in_every_form() {
    let several = "text,star\n神作,\"Star_4,Star_5\"\n无聊,\n";
    let (_csv, csv) = file("a.csv", several);
    let (_tsv, tsv) = file("a.tsv", "text\tstar\n神作\tStar_4|5\n无聊\t\n");
    let (_jsonl, jsonl) =
        file("a.jsonl", "{\"text\":\"神作\",\"star\":[5,\"Star_4\"]}\n{\"text\":\"无聊\",\"star\":[]}\n");
    let run = |arguments: &[&str]| {
        let common = ["eval", "--format", "json", "--label-column", "star", "--data"];
        let object = nimbert(&[&common, arguments].concat()).json().remove(0);
        let of = |label: usize| object["labels"][label]["texts"].as_u64().unwrap();
        assert_eq!([0, 3, 4].map(of), [0, 1, 1]);
        object["figures"].clone()
    };
    let csv = run(&[&csv]);
    assert_eq!(run(&[&tsv, "--label-separator", "|"]), csv);
    assert_eq!(run(&[&jsonl]), csv);
}

#[test]
fn results_are_shown_to_people_and_written_to_a_page() {
    let (directory, data) = file("dev.tsv", tsv(str::to_owned));
    let page = directory.path().join("eval.html");
    let arguments = ["eval", "--data", &data, "--label-column", "star", "--report", page.to_str().unwrap()];
    let stdout = nimbert(&arguments).done();
    for words in ["top-label accuracy           1.0000", "texts/s", "Star_5", "confusion: rows", "within one"]
    {
        assert!(stdout.contains(words), "no {words:?} in {stdout}");
    }
    let html = fs::read_to_string(page).unwrap();
    assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
    assert_eq!(html.matches("<svg").count(), 7, "confusion, reliability and five histograms");
    assert!(html.contains("No text has a wrong best label"));
}

#[test]
fn one_class_only_is_undefined_where_it_is_and_never_nan() {
    let (_data, data) = file("one.tsv", "text\tstar\n神作\t5\n好\t5\n");
    let arguments = ["eval", "--data", &data, "--label-column", "star"];
    let stdout = nimbert(&arguments).done();
    assert!(stdout.contains("ROC AUC, macro               undefined: no text has Star_1"), "{stdout}");
    assert!(!stdout.contains("NaN"), "{stdout}");
    let object = &nimbert(&[&arguments[..], &["--format", "json"]].concat()).json()[0];
    assert_eq!(object["figures"]["roc_auc_macro"], Value::Null);
    assert_eq!(object["undefined"]["figures.roc_auc_macro"], "no text has Star_1");
    assert!(object["figures"]["loss"].is_number());
}

#[test]
fn data_that_cannot_be_evaluated_say_where_and_why() {
    let failed = |content: &str, name: &str, words: &[&str]| {
        let (_data, data) = file(name, content);
        nimbert(&["eval", "--data", &data, "--label-column", "star"]).failed(&[&[name], words].concat());
    };
    failed("text\tstar\n好\t5\n坏\t6\n", "a.tsv", &["line 3", "unknown label \"6\"", "Star_5"]);
    failed("text,star\n好,Star_5\n坏,\"Star_1,bad\"\n", "a.csv", &["row 2", "unknown label \"bad\""]);
    failed("{\"text\":\"好\",\"star\":{}}\n", "a.jsonl", &["line 1", "\"star\" is an object, not a label"]);
    failed("", "a.tsv", &["empty"]);
    failed("text\tstar\n", "a.tsv", &["no texts"]);
    failed("", "a.jsonl", &["no texts"]);
    failed("text\tlabel\n好\t5\n", "a.tsv", &["no column \"star\"", "\"label\""]);
    nimbert(&["eval", "--data", "no/such.tsv", "--label-column", "star"]).failed(&["no/such.tsv"]);
    failed("text\tstar\n好\t5.5\n", "a.tsv", &["line 2", "unknown label \"5.5\""]);
    nimbert(&["eval", "--data", "src", "--data-format", "csv", "--label-column", "star"])
        .failed(&["src", "directory"]);
}

#[test]
fn rows_that_may_have_been_merged_are_not_measured() {
    let run = |content: &str, more: &[&str]| {
        let (_data, data) = file("dev.csv", content);
        let common = ["eval", "--input", &data, "--label-column", "star", "--format", "json"];
        nimbert(&[&common[..], more].concat())
    };
    let unclosed: String = (0..100)
        .map(|i| format!("Star_{},{}\n", i % 5 + 1, if i == 5 { "\"bad film" } else { "good movie" }))
        .collect();
    run(&format!("star,text\n{unclosed}"), &[]).failed(&["dev.csv: line 7", "never closed"]);
    // Two stray quotes make a field that RFC 4180 allows.
    let merged = "star,text\n5,\"好\n4,坏\"\n3,一般\n";
    run(merged, &[]).failed(&["row 1 (line 2)", "2 lines look like a row each", "--multiline"]);
    assert_eq!(run(merged, &["--multiline"]).json()[0]["texts"], 2);
    run("text,star\n\"好\n坏\",3\n", &[]).done();
    run("star,text\n5,\"好\n坏, 坏, 坏\"\n", &[]).done();
    let (_model, model) = seeded("gelu-multi-label");
    let (directory, data) = file("dev.csv", merged);
    nimbert(&["compare", &model, "--precision-b", "int8", "-i", &data]).failed(&["(line 2)", "--multiline"]);
    let out = directory.path().join("out.nimbert");
    let pack = ["pack", "-m", &model, "-o", out.to_str().unwrap(), "--check", &data, "--budget", "99"];
    nimbert(&pack).failed(&["(line 2)", "--multiline"]);
    assert!(!out.exists());
}

#[test]
fn one_is_one_text() {
    let (_data, data) = file("one.tsv", "text\tstar\n神作\t5\n");
    let stdout = nimbert(&["eval", "--input", &data, "--label-column", "star", "--threads", "1"]).done();
    assert!(stdout.contains("one.tsv: 1 text\n") && stdout.contains("1 thread\n"), "{stdout}");
    let from_stdin = ["eval", "--input", "-", "--input-format", "tsv", "--label-column", "star"];
    let stdout = nimbert_fed(&from_stdin, "text\tstar\n神作\t5\n".as_bytes()).done();
    assert!(stdout.contains("standard input: 1 text\n"), "{stdout}");
}

#[test]
fn mistakes_in_the_arguments_are_explained() {
    let (_data, data) = file("a.tsv", "text\tstar\n好\t5\n");
    nimbert(&["eval", "--data", &data]).misused(&["--label-column"]);
    nimbert(&["eval", "--data", "a.txt", "--label-column", "star"]).misused(&["lines", "--input-format"]);
    let (_regression, regression) = seeded("tanh-regression-old-names");
    nimbert(&["eval", "--data", &data, "--label-column", "star", "--model", &regression])
        .failed(&["regression"]);
    // One label out of several must be exactly one.
    let (_single, single) = seeded("gelu-new-single-label");
    let (_none, none) = file("none.tsv", "text\tstar\n一\tnegative\n丁\t\n");
    nimbert(&["eval", "--data", &none, "--label-column", "star", "--model", &single])
        .failed(&["line 3", "no label"]);
}
