//! `nimbert zero-shot`: labels of one's own, in each format, and what is refused.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{file, nimbert, objects, seeded};

/// A model of two labels, of which the last says that one text entails the other.
fn inference() -> (tempfile::TempDir, String) {
    let (directory, model) = seeded("relu-two-labels-f16");
    rename(&model, "contradiction", "entailment");
    (directory, model)
}

fn rename(model: &str, first: &str, second: &str) {
    let path = Path::new(model).join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["id2label"] = json!({ "0": first, "1": second });
    fs::write(path, config.to_string()).unwrap();
}

#[test]
fn labels_come_best_first_in_each_format() {
    let (_model, model) = inference();
    let common = ["zero-shot", "--model", &model, "--labels", "丑, 专", "--labels", "且\\,世"];
    let run = |more: &[&str]| nimbert(&[&common[..], more].concat());
    let found = run(&["--format", "json", "一丁七", "丙"]).json();
    assert_eq!(found.len(), 2);
    for (index, found) in found.iter().enumerate() {
        assert_eq!((&found["index"], &found["truncated"]), (&json!(index), &json!(false)));
        let scores: Vec<_> =
            found["scores"].as_array().unwrap().iter().map(|score| score.as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b) && scores.len() == 3, "{scores:?}");
        assert!((scores.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{scores:?}");
        let mut labels: Vec<_> =
            found["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap()).collect();
        labels.sort_unstable();
        assert_eq!(labels, ["丑", "专", "且,世"]);
    }
    let several = run(&["--format", "json", "--multi-label", "--template", "丙{}", "一丁七"]).json();
    assert_ne!(several[0]["scores"], found[0]["scores"]);
    let human = run(&["一丁七", "丙"]).done();
    assert_eq!(human.lines().count(), 8);
    assert!(human.starts_with("一丁七\n  0."), "{human}");
    let (_data, data) = file("a.csv", "id,text\nx,一丁七\n");
    let csv = run(&["--input", &data, "--format", "csv"]).done();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!((lines.len(), lines[0]), (4, "id,text,index,label,score"));
    assert!(lines[1..].iter().all(|line| line.starts_with("x,一丁七,0,")), "{csv}");
    assert!(csv.contains("\"且,世\""), "{csv}");
}

#[test]
fn a_packed_file_gives_the_same_labels() {
    let (directory, model) = inference();
    let packed = directory.path().join("f32.nimbert").to_str().unwrap().to_owned();
    nimbert(&["pack", "--model", &model, "--precision", "f32", "-o", &packed]).done();
    let run =
        |model: &str| nimbert(&["zero-shot", "-m", model, "-l", "丑,专", "-f", "json", "一丁七"]).done();
    assert_eq!(run(&model), run(&packed));
    let info = nimbert(&["info", &packed, "--format", "json"]).json();
    assert_eq!(info[0]["commands"], json!(["classify", "zero-shot", "embed", "eval", "compare"]));
}

#[test]
fn what_cannot_be_labelled_is_named() {
    let (_model, model) = inference();
    let run = |more: &[&str]| nimbert(&[&["zero-shot", "-m", &model], more].concat());
    run(&["一"]).misused(&["--labels <LABELS>"]);
    run(&["--labels", "", "一"]).misused(&["--labels: label 1 is blank"]);
    run(&["--labels", "a,b,a", "一"]).misused(&["--labels: \"a\" is there twice"]);
    run(&["--labels", "a", "--template", "It is.", "一"]).misused(&["--template: \"It is.\" has no {}"]);
    run(&["--labels", "a"]).misused(&["no texts"]);
    run(&["--labels", "a", "-i", "x.csv", "--pair-column", "b"]).misused(&["--pair-column"]);
    nimbert(&["zero-shot", "--labels", "a", "一"]).misused(&["--model <PATH>"]);
    // A line that is no object, and a text that is too long, cost the others nothing.
    let long = "一".repeat(40);
    let lines = format!("{{\"text\":\"一\"}}\n7\n{{\"text\":\"{long}\"}}\n{{\"text\":\"丁\"}}\n");
    let (_data, data) = file("a.jsonl", lines);
    let options = ["--max-tokens", "30", "--on-long", "error", "--format", "json"];
    let found = run(&[&["--labels", "丑", "-i", &data], &options[..]].concat());
    let indexes: Vec<_> =
        objects(&found.stdout).iter().map(|found| found["index"].as_u64().unwrap()).collect();
    assert_eq!((found.code, indexes), (1, vec![0, 3]), "{}", found.stderr);
    found.says(&["a.jsonl: line 2: expected a JSON object", "a.jsonl: line 3: longer than 30 tokens"]);
    rename(&model, "yes", "no");
    run(&["--labels", "a", "一"]).failed(&["entailment-label", "yes, no"]);
    let named = run(&["--labels", "a", "--entailment-label", "yes", "--format", "json", "一"]).json();
    assert_eq!(named[0]["labels"], json!(["a"]));
    run(&["--labels", "a", "--entailment-label", "maybe", "一"]).failed(&["\"maybe\"", "yes, no"]);
    let (_stars, stars) = seeded("gelu-multi-label");
    nimbert(&["zero-shot", "-m", &stars, "-l", "a", "一"]).failed(&["Star_1, Star_2", "\"entail\""]);
}
