//! `nimbert fill-mask`: words in each format, and what is refused.

use nimbert_test_support::shared;
use serde_json::{Value, json};

use crate::{file, nimbert, objects, seeded};

fn model() -> Option<String> {
    shared("family/bert-mlm").map(|path| path.to_str().unwrap().to_owned())
}

#[test]
fn words_come_in_each_format() {
    let Some(model) = model() else { return };
    let run = |more: &[&str]| nimbert(&[&["fill-mask", "-m", &model], more].concat());
    let found = run(&["-k", "2", "-f", "json", "It rained in [MASK] .", "[MASK] is the [MASK] ."]).json();
    let masks = |object: &Value| object["masks"].as_array().unwrap().clone();
    // A list for each mask, also where there is one.
    assert_eq!([masks(&found[0]).len(), masks(&found[1]).len()], [1, 2]);
    let first = &found[0]["masks"][0][0];
    assert_eq!(first["sequence"], json!("it rained in 全."));
    assert_eq!((&first["token"], &first["token_str"]), (&json!(96), &json!("全")));
    assert!(found[1]["masks"][1][0]["sequence"].as_str().unwrap().starts_with("[CLS] [MASK] is the "));
    let words = ["--targets", "film,honest", "-f", "json", "It rained in [MASK] ."];
    let targets: Vec<_> = masks(&run(&words).json()[0])[0].as_array().unwrap().clone();
    let tokens: Vec<_> = targets.iter().map(|word| word["token_str"].as_str().unwrap()).collect();
    assert_eq!(tokens, ["honest", "film"]);
    let csv = run(&["-k", "2", "-f", "csv", "a [MASK]"]).done();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "index,text,mask,score,token,token_str,sequence"));
    let human = run(&["-k", "1", "[MASK] is the [MASK] ."]).done();
    assert!(human.starts_with("[MASK] is the [MASK] .\n  mask 1\n  0."), "{human}");
}

#[test]
fn what_cannot_be_filled_is_named() {
    let (_stars, stars) = seeded("gelu-multi-label");
    nimbert(&["fill-mask", "一"]).misused(&["--model <PATH>"]);
    nimbert(&["fill-mask", "-m", &stars]).misused(&["no texts"]);
    nimbert(&["fill-mask", "-m", &stars, "-i", "x.csv", "--pair-column", "b"]).misused(&["--pair-column"]);
    nimbert(&["fill-mask", "-m", &stars, "[MASK]"])
        .failed(&["no head that finds words for masks", "`nimbert classify`"]);
    let Some(model) = model() else { return };
    for (words, why) in [
        ("second violin", "--targets: \"second violin\" is not one token but"),
        ("", "--targets: \"\" is no token"),
        ("αω", "--targets: \"αω\" is not in the vocabulary"),
    ] {
        nimbert(&["fill-mask", "-m", &model, "--targets", words, "a [MASK]"]).misused(&[why]);
    }
    let (_data, data) =
        file("a.jsonl", "{\"text\":\"a [MASK]\"}\n{\"text\":\"none\"}\n[]\n{\"text\":\"[MASK]\"}\n");
    let run = nimbert(&["fill-mask", "-m", &model, "-i", &data, "-f", "json"]);
    let indexes: Vec<_> = objects(&run.stdout).iter().map(|found| found["index"].clone()).collect();
    assert_eq!((run.code, indexes), (1, vec![json!(0), json!(3)]), "{}", run.stderr);
    run.says(&["a.jsonl: line 2: no [MASK] in it", "a.jsonl: line 3: expected a JSON object"]);
}

/// What int8 costs, by the best words that stay; texts without masks have one in their middle, but for empty ones.
#[test]
fn fewer_bits_are_judged_by_words() {
    let Some(model) = model() else { return };
    let (directory, data) =
        file("a.txt", "It rained in [MASK] .\nthe second violin went\n\n[MASK] is [MASK]\n");
    let compared = nimbert(&["compare", "-m", &model, "--precision-b", "f32", "-i", &data, "-f", "json"])
        .json()
        .remove(0);
    assert_eq!((&compared["agreement"], &compared["masks"]), (&json!(1.0), &json!([4, 4])));
    assert_eq!(compared["texts"], json!(4));
    let packed = directory.path().join("mlm.nimbert").to_str().unwrap().to_owned();
    let text = nimbert(&["pack", "-m", &model, "-o", &packed, "--check", &data, "--budget", "100"]).done();
    assert!(text.contains("4 texts, same best word 100.00 % in f32"), "{text}");
    let info = nimbert(&["info", &packed, "-f", "json"]).json().remove(0);
    assert_eq!(info["commands"], json!(["fill-mask", "embed", "eval", "compare"]));
    // Words that are the last matrix, too, are trained once.
    let [packed, plain] =
        [&packed, &model].map(|path| nimbert(&["info", path, "-f", "json"]).json().remove(0));
    assert_eq!(packed["parameters"], plain["parameters"]);
}
