//! `nimbert compare` and `nimbert pack --check` of models that make vectors and of those that order documents.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{embed::sentence, file, nimbert, seeded, seeded_texts};

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is a number"))
}

/// 10 queries with 12 documents each.
fn queries() -> String {
    let texts = seeded_texts(120);
    let row = |(i, document): (usize, &String)| {
        format!("{{\"query\":\"{}\",\"document\":\"{document}\"}}\n", texts[i / 12])
    };
    texts.iter().enumerate().map(row).collect()
}

#[test]
fn vectors_are_compared_by_their_cosine() {
    let (_model, model) = sentence("old-mean-tokens");
    let (_data, data) = file("texts.txt", seeded_texts(60).join("\n"));
    let compare = |more: &[&str]| {
        let arguments = ["compare", "--model", &model, "--input", &data, "--format", "json"];
        nimbert(&[&arguments[..], more].concat()).json().remove(0)
    };
    let same = compare(&["--precision-b", "f32"]);
    assert_eq!((number(&same["mean_cosine"]), number(&same["least_cosine"])), (1.0, 1.0));
    assert_eq!((number(&same["same_nearest"]), same["texts"].as_u64()), (1.0, Some(60)));
    let int8 = compare(&["--precision-b", "int8"]);
    let [mean, least] = ["mean_cosine", "least_cosine"].map(|key| number(&int8[key]));
    assert!(least < mean && mean < 1.0 && least > 0.99, "{int8}");
    assert_eq!((&int8["a"]["precision"], &int8["b"]["precision"]), (&"f32".into(), &"int8".into()));
    let human = nimbert(&["compare", &model, &model, "-i", &data]).done();
    for words in
        ["cosine of B to A    1.000000 on average", "same nearest text   100.00 % of 60", "speed of B"]
    {
        assert!(human.contains(words), "no {words:?} in {human}");
    }
    // A classifier's encoder, when it is asked for.
    let (_classifier, classifier) = seeded("gelu-multi-label");
    let embed = ["compare", &classifier, &classifier, "-i", &data, "--task", "embed", "--pooling", "cls"];
    assert!(nimbert(&embed).done().contains("cosine of B to A"));
}

#[test]
fn ranks_are_compared_by_their_order() {
    let (_model, model) = seeded("gelu-one-label-bf16-shards");
    let (_data, data) = file("rows.jsonl", queries());
    let compare = |more: &[&str]| {
        let arguments = ["compare", "-m", &model, "-i", &data, "--task", "rerank", "-f", "json"];
        nimbert(&[&arguments[..], more].concat()).json().remove(0)
    };
    let same = compare(&["--precision-b", "f32"]);
    assert_eq!((number(&same["order_agreement"]), number(&same["same_best"])), (1.0, 1.0));
    assert_eq!((same["queries"].as_u64(), same["documents"].as_u64()), (Some(10), Some(120)));
    let int8 = compare(&["--precision-b", "int8"]);
    assert!((0.5..1.0).contains(&number(&int8["order_agreement"])), "{int8}");
    assert!(number(&int8["largest_score_difference"]) >= number(&int8["mean_score_difference"]));
}

#[test]
fn what_does_not_compare_is_refused() {
    let (_model, model) = sentence("old-mean-tokens");
    let (_two, two) = sentence("new-two");
    let (_data, data) = file("texts.txt", "一\n");
    let (_empty, empty) = file("rows.csv", "query,document\n一,\n");
    nimbert(&["compare", &model, &two, "-i", &data]).failed(&["144 numbers", "of 72", "do not compare"]);
    nimbert(&["compare", &model, &model, "-i", &data, "--flips", "x.csv"])
        .misused(&["--flips is not for --task embed"]);
    nimbert(&["compare", &model, &model, "-i", &data, "--query-column", "q"]).misused(&["--query-column"]);
    let (_ranker, ranker) = seeded("gelu-one-label-bf16-shards");
    nimbert(&["compare", &ranker, &ranker, "-i", &data, "--task", "rerank"])
        .misused(&["lines have no columns"]);
    nimbert(&["compare", &ranker, &ranker, "-i", &empty, "--task", "rerank"])
        .failed(&["rows.csv: row 1 (line 2): an empty document"]);
    nimbert(&["compare", &ranker, &ranker, "-i", &empty, "--pooling", "cls"])
        .misused(&["--pooling is not for --task classify"]);
}

fn pack_with(model: &str, out: &Path, data: &str, budget: f64, more: &[&str]) -> crate::Run {
    let budget = budget.to_string();
    let arguments = ["pack", "-m", model, "-o", out.to_str().unwrap(), "--check", data, "--budget", &budget];
    nimbert(&[&arguments[..], more].concat())
}

/// The budget is for the mean cosine; parts are promoted until it is kept.
#[test]
fn a_packed_model_of_vectors_keeps_them_near() {
    let (_model, model) = sentence("dense-tanh");
    let (directory, data) = file("texts.txt", seeded_texts(80).join("\n"));
    let out = directory.path().join("packed.nimbert");
    let cosine = |out: &Path| {
        let compare = ["compare", &model, out.to_str().unwrap(), "-i", &data, "-f", "json"];
        number(&nimbert(&compare).json()[0]["mean_cosine"])
    };
    let stdout = pack_with(&model, &out, &data, 50.0, &[]).done();
    for words in ["80 texts, mean cosine 100.00 % in f32", "50 may be lost", "times that of f32"] {
        assert!(stdout.contains(words), "no {words:?} in {stdout}");
    }
    let (lost, size) = (100.0 * (1.0 - cosine(&out)), fs::metadata(&out).unwrap().len());
    assert!(lost > 0.0, "int8 costs something");
    let stdout = pack_with(&model, &out, &data, lost / 2.0, &[]).done();
    assert!(stdout.contains("in f16   bert."), "{stdout}");
    assert!(100.0 * (1.0 - cosine(&out)) <= lost / 2.0 + 1e-9);
    assert!(fs::metadata(&out).unwrap().len() > size);
    nimbert(&["verify", "--model", out.to_str().unwrap()]).done();
    pack_with(&model, &out, &data, -1.0, &[]).failed(&["no file written", "mean cosine", "-1 points"]);
}

#[test]
fn a_packed_cross_encoder_keeps_documents_in_order() {
    let (_model, model) = seeded("gelu-one-label-bf16-shards");
    let (directory, data) = file("rows.jsonl", queries());
    let out = directory.path().join("packed.nimbert");
    let stdout = pack_with(&model, &out, &data, 50.0, &["--task", "rerank"]).done();
    assert!(stdout.contains("order agreement 100.00 % in f32"), "{stdout}");
    let half = pack_with(&model, &out, &data, 0.5, &["--task", "rerank"]).done();
    assert!(half.contains("in f16"), "{half}");
    pack_with(&model, &out, &data, 0.5, &["--task", "rerank", "--label-column", "x"])
        .misused(&["--label-column is not for --task rerank"]);
    pack_with(&model, &out, &data, 0.5, &["--task", "embed", "--query-column", "x"])
        .misused(&["--query-column is not for --task embed"]);
}
