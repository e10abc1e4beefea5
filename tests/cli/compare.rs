//! `nimbert compare`: two models on the same texts.

use std::fs;

use nimbert_test_support::skip;
use serde_json::Value;

use crate::{file, nimbert, seeded, seeded_texts};

fn labelled(count: usize) -> String {
    let rows =
        seeded_texts(count).into_iter().enumerate().map(|(i, text)| format!("{}\t{text}\n", 1 + i % 5));
    "star\ttext\n".to_owned() + &rows.collect::<String>()
}

#[test]
fn a_model_is_as_good_as_itself() {
    let (_model, model) = seeded("gelu-multi-label");
    let (directory, data) = file("dev.tsv", labelled(60));
    let flips = directory.path().join("flips.csv");
    let arguments =
        ["compare", &model, &model, "--data", &data, "--label-column", "star", "--resamples", "50"];
    let both = [&arguments[..], &["--format", "json", "--flips", flips.to_str().unwrap()]].concat();
    let object = &nimbert(&both).json()[0];
    assert_eq!((&object["agreement"], &object["largest_logit_difference"]), (&1.0.into(), &0.0.into()));
    for (name, metric) in object["metrics"].as_object().unwrap() {
        assert_eq!(
            (&metric["difference"], &metric["interval"]),
            (&0.0.into(), &vec![0.0, 0.0].into()),
            "{name}"
        );
    }
    assert_eq!(fs::read_to_string(flips).unwrap(), "where,text,pair,label_a,score_a,label_b,score_b\n");
}

#[test]
fn a_precision_is_set_beside_another_with_intervals_and_flips() {
    let (_model, model) = seeded("gelu-multi-label");
    let (directory, data) = file("dev.tsv", labelled(400));
    let flips = directory.path().join("flips.csv");
    let arguments =
        ["compare", &model, "--precision-b", "int8", "--data", &data, "--label-column", "star", "--flips"];
    let stdout = nimbert(&[&arguments[..], &[flips.to_str().unwrap()]].concat()).done();
    for words in ["f32 on", "int8 on", "same best label", "95 % interval", "top-label accuracy", "speed of B"]
    {
        assert!(stdout.contains(words), "no {words:?} in {stdout}");
    }
    let object = &nimbert(&[&arguments[..], &["/dev/null", "--format", "json"]].concat()).json()[0];
    let number = |value: &Value| value.as_f64().unwrap();
    assert!(number(&object["mean_logit_difference"]) > 0.0);
    let flipped = fs::read_to_string(flips).unwrap().lines().count() - 1;
    assert_eq!(object["flipped"], flipped);
    assert!((number(&object["agreement"]) - (1.0 - flipped as f64 / 400.0)).abs() < 1e-9);
    for (name, metric) in object["metrics"].as_object().unwrap() {
        let [low, high] = [0, 1].map(|i| number(&metric["interval"][i]));
        let difference = number(&metric["difference"]);
        assert!(low <= difference && difference <= high, "{name}: {metric}");
    }
}

#[test]
fn models_are_named_by_options_or_words() {
    let ((_a, a), (_b, b)) = (seeded("gelu-multi-label"), seeded("gelu-multi-label"));
    let (_data, data) = file("texts.txt", seeded_texts(4).join("\n"));
    let run = |models: &[&str]| {
        let common = ["compare", "--input", &data, "--format", "json"];
        let object = nimbert(&[&common[..], models].concat()).json().remove(0);
        [&object["a"]["model"], &object["b"]["model"]].map(|name| name.as_str().unwrap().to_owned())
    };
    for models in [&["--model", &a, "--model-b", &b][..], &["-m", &a, &b], &["--model-b", &b, &a], &[&a, &b]]
    {
        assert_eq!(run(models), [a.as_str(), b.as_str()], "{models:?}");
    }
    nimbert(&["compare", "-i", &data, "--precision-b", "int8"]).misused(&["--model"]);
    nimbert(&["compare", "-i", &data, "-m", &a, &a, &a]).misused(&["three models"]);
}

/// Also on a disk that is full: what took long is not lost for what can be done again.
#[test]
fn figures_come_out_whatever_becomes_of_the_flips() {
    if !std::path::Path::new("/dev/full").exists() {
        return skip("there is no /dev/full");
    }
    let (_model, model) = seeded("gelu-multi-label");
    let (_data, data) = file("texts.txt", seeded_texts(400).join("\n"));
    let arguments = ["compare", &model, "--precision-b", "int8", "--input", &data, "--flips", "/dev/full"];
    let stdout = nimbert(&arguments).failed(&["/dev/full"]);
    assert!(stdout.contains("same best label") && !stdout.contains("flips  "), "{stdout}");
    let (_data, data) = file("dev.tsv", labelled(5));
    let arguments = ["eval", "--input", &data, "--label-column", "star", "--report", "/dev/full"];
    assert!(nimbert(&arguments).failed(&["/dev/full"]).contains("top-label accuracy"));
}

#[test]
fn plain_texts_need_no_labels() {
    let (_model, model) = seeded("gelu-multi-label");
    let (_data, data) = file("texts.txt", seeded_texts(10).join("\n"));
    let arguments = ["compare", &model, "--precision-b", "int8", "--data", &data, "--format", "json"];
    let object = &nimbert(&arguments).json()[0];
    assert_eq!((&object["texts"], object["metrics"].as_object().unwrap().len()), (&10.into(), 0));
}

#[test]
fn models_of_one_label_agree_by_what_they_decide_and_regressions_have_no_labels() {
    let (_one, one) = seeded("gelu-one-label-bf16-shards");
    let (_data, data) = file("dev.jsonl", "{\"text\":\"一\",\"has\":[1]}\n{\"text\":\"丁\",\"has\":false}\n");
    let compare = |model: &str| {
        let arguments = ["compare", model, "--precision-b", "int8", "--data", &data, "--format", "json"];
        nimbert(&arguments).json().remove(0)
    };
    let found = compare(&one);
    assert_eq!(found["flipped"].as_u64().unwrap() as f64, 2.0 * (1.0 - found["agreement"].as_f64().unwrap()));
    let eval = ["eval", "--model", &one, "--data", &data, "--label-column", "has", "--format", "json"];
    assert_eq!(nimbert(&eval).json()[0]["labels"][0]["texts"], 1);
    let (_regression, regression) = seeded("tanh-regression-old-names");
    assert_eq!(compare(&regression)["agreement"], Value::Null);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let ((_a, a), (_b, b)) = (seeded("gelu-multi-label"), seeded("relu-two-labels-f16"));
    let (_data, data) = file("texts.txt", "一\n");
    nimbert(&["compare", &a, &b, "--data", &data]).failed(&["other labels", "Star_1"]);
    nimbert(&["compare", &a, "--data", &data]).misused(&["--precision-b"]);
    nimbert(&["compare", &a, &a, "--data", &data, "--resamples", "18446744073709551615"])
        .misused(&["1000000"]);
    let (_c, c) = seeded("gelu-multi-label");
    let config = std::path::Path::new(&c).join("config.json");
    let other = fs::read_to_string(&config).unwrap().replace("multi_label", "single_label");
    fs::write(config, other).unwrap();
    nimbert(&["compare", &a, &c, "--data", &data]).failed(&["Softmax and Sigmoid"]);
    let (_empty, empty) = file("empty.txt", "");
    nimbert(&["compare", &a, &a, "--data", &empty]).failed(&["empty.txt", "no texts"]);
    nimbert(&["compare", &a, &a, "--data", &data, "--flips", "no/such/dir.csv"]).failed(&["no/such/dir.csv"]);
}
