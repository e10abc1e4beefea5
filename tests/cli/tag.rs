//! `nimbert tag`: entities in each format, long texts, and what is refused.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{file, nimbert, objects, seeded};

/// A classifier of tokens: a classifier of texts has the same matrix, for its first row alone.
fn tagger() -> (tempfile::TempDir, String) {
    let (directory, model) = seeded("relu-two-labels-f16");
    let path = Path::new(&model).join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["architectures"] = json!(["BertForTokenClassification"]);
    config["id2label"] = json!({ "0": "O", "1": "B-FILM" });
    fs::write(path, config.to_string()).unwrap();
    (directory, model)
}

#[test]
fn entities_come_in_each_format() {
    let (_model, model) = tagger();
    let run = |more: &[&str]| nimbert(&[&["tag", "-m", &model, "--ignore-labels", ""], more].concat());
    let tokens = run(&["-a", "none", "-f", "json", "一丁七", "丙"]).json();
    let labels = |object: &Value, key: &str| -> Vec<String> {
        let entities = object["entities"].as_array().unwrap().iter();
        entities.map(|entity| entity[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((tokens.len(), &tokens[1]["index"], &tokens[1]["truncated"]), (2, &json!(1), &json!(false)));
    assert_eq!(labels(&tokens[0], "word"), ["一", "丁", "七"]);
    let second = &tokens[0]["entities"][1];
    assert_eq!((&second["index"], &second["start"], &second["end"]), (&json!(2), &json!(1), &json!(2)));
    assert!(second["score"].as_f64().unwrap() >= 0.5 && second.get("entity_group").is_none(), "{second}");
    // By default B- begins anew, and its kind is what is left without it.
    let groups = run(&["-f", "json", "一丁七", "丙"]).json();
    let kinds: Vec<_> = groups.iter().flat_map(|object| labels(object, "entity_group")).collect();
    assert!(!kinds.is_empty() && kinds.iter().all(|kind| kind == "O" || kind == "FILM"), "{kinds:?}");
    let (_data, data) = file("a.csv", "id,text\nx,一丁七\ny,\n");
    let csv = run(&["-a", "none", "-i", &data, "-f", "csv"]).done();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!((lines.len(), lines[0]), (4, "id,text,index,label,score,word,start,end"));
    assert!(lines[2].starts_with("x,一丁七,0,") && lines[2].ends_with(",丁,1,2"), "{csv}");
    let human = run(&["-a", "none", "一丁七"]).done();
    assert!(human.starts_with("[一]") && human.lines().count() == 4, "{human}");
}

#[test]
fn a_long_text_is_read_in_windows() {
    let (_model, model) = tagger();
    let long: String = ('一'..).take(60).collect();
    let run = |more: &[&str]| {
        let options = ["tag", "-m", &model, "--ignore-labels", "", "--max-tokens", "20", "-f", "json"];
        nimbert(&[&options[..], more, &[&long]].concat())
    };
    let last = |objects: &[Value]| objects[0]["entities"].as_array().unwrap().last().unwrap()["end"].clone();
    let (cut, whole) = (run(&[]).json(), run(&["--stride", "5"]).json());
    assert_eq!((&cut[0]["truncated"], last(&cut)), (&json!(true), json!(18)));
    assert_eq!((&whole[0]["truncated"], last(&whole)), (&json!(false), json!(60)));
    run(&["--stride", "18"]).failed(&["--stride: 18 tokens are not less than the 18"]);
    run(&["--stride", "5", "-a", "none"]).misused(&["--stride needs an --aggregation"]);
}

#[test]
fn a_packed_file_finds_the_same() {
    let (directory, model) = tagger();
    let packed = directory.path().join("f32.nimbert").to_str().unwrap().to_owned();
    nimbert(&["pack", "--model", &model, "--precision", "f32", "-o", &packed]).done();
    let run = |model: &str| nimbert(&["tag", "-m", model, "-a", "max", "-f", "json", "一丁七万丈"]).done();
    assert_eq!(run(&model), run(&packed));
    let info = nimbert(&["info", &packed, "--format", "json"]).json().remove(0);
    assert_eq!(info["commands"], json!(["tag", "embed", "eval", "compare"]));
    assert_eq!((&info["class"], &info["scoring"]), (&json!("BertForTokenClassification"), &json!("softmax")));
}

#[test]
fn what_cannot_be_tagged_is_named() {
    let (_model, model) = tagger();
    nimbert(&["tag", "一"]).misused(&["--model <PATH>"]);
    nimbert(&["tag", "-m", &model]).misused(&["no texts"]);
    nimbert(&["tag", "-m", &model, "-i", "x.csv", "--pair-column", "b"]).misused(&["--pair-column"]);
    nimbert(&["tag", "-m", &model, "--ignore-labels", "FILM,LOC", "一"])
        .failed(&["--ignore-labels: no label is called \"LOC\": they are O, B-FILM"]);
    nimbert(&["classify", "-m", &model, "一"]).failed(&["no sequence classifier", "`nimbert tag`"]);
    let (_stars, stars) = seeded("gelu-multi-label");
    nimbert(&["tag", "-m", &stars, "一"]).failed(&["no token classifier", "`nimbert classify`"]);
    // A line that is no object, and a text that is too long, cost the others nothing.
    let lines =
        format!("{{\"text\":\"一\"}}\n7\n{{\"text\":\"{}\"}}\n{{\"text\":\"丁\"}}\n", "一".repeat(40));
    let (_data, data) = file("a.jsonl", lines);
    let run = nimbert(&[
        "tag",
        "-m",
        &model,
        "-i",
        &data,
        "--max-tokens",
        "30",
        "--on-long",
        "error",
        "-f",
        "json",
    ]);
    let indexes: Vec<_> = objects(&run.stdout).iter().map(|found| found["index"].clone()).collect();
    assert_eq!((run.code, indexes), (1, vec![json!(0), json!(3)]), "{}", run.stderr);
    run.says(&["a.jsonl: line 2: expected a JSON object", "a.jsonl: line 3: longer than 30 tokens"]);
}

/// What int8 costs, by the entities that stay.
#[test]
fn fewer_bits_are_judged_by_entities() {
    let (directory, model) = tagger();
    let (_data, data) = file("texts.txt", crate::seeded_texts(60).join("\n"));
    let compare = |precision: &str| {
        nimbert(&["compare", "-m", &model, "--precision-b", precision, "-i", &data, "-f", "json"])
            .json()
            .remove(0)
    };
    let same = compare("f32");
    assert_eq!((&same["agreement"], &same["same_texts"]), (&json!(1.0), &json!(1.0)));
    assert_eq!(same["entities"][0], same["entities"][1]);
    let int8 = compare("int8");
    let agreement = int8["agreement"].as_f64().unwrap();
    assert!(
        (0.5..=1.0).contains(&agreement) && int8["mean_logit_difference"].as_f64().unwrap() > 0.0,
        "{int8}"
    );
    nimbert(&["compare", &model, &model, "-i", &data, "--query-column", "q"]).misused(&["--query-column"]);
    nimbert(&["compare", &model, &model, "-i", &data, "--label-column", "q"]).misused(&["--label-column"]);
    let packed = directory.path().join("int8.nimbert").to_str().unwrap().to_owned();
    let pack =
        |budget: &str| nimbert(&["pack", "-m", &model, "-o", &packed, "--check", &data, "--budget", budget]);
    let text = pack("50").done();
    assert!(text.contains("60 texts, entity F1 100.00 % in f32"), "{text}");
    pack("-1").failed(&["the loss in entity F1 is above the budget of -1 points"]);
}
