//! Labels of one's own, against transformers' zero-shot pipeline, and against the logits of the pairs.

use std::{fs, path::Path};

use nimbert::{Hypotheses, OnLong, Options, Precision, Scoring, Task, ZeroShot, tasks};
use nimbert_test_support::{checkpoint::Spec, shared};
use serde_json::{Value, json};

use crate::Good as _;

/// Scores as the pipeline's, which are rounded to seven digits: sums in another order give 1e-6.
const CLOSE: f32 = 1e-5;

/// Two labels, of which the first says that a text entails the other.
fn inference(entailment: &str) -> tempfile::TempDir {
    let dir = crate::tempdir();
    Spec::read("relu-two-labels-f16").write(dir.path());
    let path = dir.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["id2label"] = json!({ "0": entailment, "1": "not_it" });
    fs::write(path, config.to_string()).unwrap();
    dir
}

fn check(model: &ZeroShot, row: &Value) {
    let labels: Vec<_> =
        row["candidate_labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap()).collect();
    let template = row["hypothesis_template"].as_str().unwrap();
    let hypotheses = Hypotheses::new(&labels, template, row["multi_label"] == true).unwrap();
    let found = model.rank(&[row["text"].as_str().unwrap()], &hypotheses).good().remove(0);
    let [names, scores] = ["labels", "scores"].map(|key| row["result"][key].as_array().unwrap());
    for ((found, name), score) in found.labels.iter().zip(names).zip(scores) {
        assert_eq!(hypotheses.label(found.index), name, "{row}");
        let apart = (found.score - score.as_f64().unwrap() as f32).abs();
        assert!(apart <= CLOSE, "{apart}: {row}");
    }
}

#[test]
fn transformers_gives_the_same_labels() {
    for name in ["bert-nli", "roberta-nli"] {
        if let Some(dir) = shared(&format!("family/{name}")) {
            gives_the_same_labels(&dir);
        }
    }
}

fn gives_the_same_labels(dir: &Path) {
    let expected: Value = serde_json::from_slice(&fs::read(dir.join("expected.json")).unwrap()).unwrap();
    let packed = crate::tempdir();
    let file = packed.path().join("nli.nimbert");
    let options = nimbert::PackOptions::default().precision(Precision::F32);
    nimbert::pack(dir, &file, &options, &mut |_, _| {}).unwrap();
    for path in [dir, &file] {
        let model = ZeroShot::load(path, Options::default(), None).unwrap();
        assert_eq!(model.entailment_label(), "entailment");
        let rows = expected["rows"].as_array().unwrap();
        assert!(rows.len() >= 20);
        rows.iter().for_each(|row| check(&model, row));
        assert_eq!(tasks(path).unwrap(), [Task::Classify, Task::ZeroShot, Task::Embed]);
    }
}

/// One or several labels to a text, at each precision, in any company: what softmax makes of the pairs' logits.
#[test]
fn scores_are_those_of_the_pairs() {
    let dir = inference("Entailment");
    let (texts, labels) = (["一丁七", "", "万丈三上下不与丐"], ["丑", "专且", "世"]);
    for precision in [Precision::F32, Precision::F16, Precision::Int8] {
        for multi_label in [false, true] {
            let options = Options::default().precision(precision);
            let model = ZeroShot::load(dir.path(), options, None).unwrap();
            let hypotheses = Hypotheses::new(&labels, "丙{}业", multi_label).unwrap();
            let together = model.rank(&texts, &hypotheses).good();
            for (text, found) in texts.iter().zip(&together) {
                assert_eq!(model.rank(&[text], &hypotheses).good()[0], *found, "alone");
                let seconds = labels.map(|label| format!("丙{label}业"));
                let pairs: Vec<_> = seconds.iter().map(|second| (*text, second.as_str())).collect();
                let logits = model.engine().classify_pairs(&pairs).good();
                // The last label contradicts, where the first entails.
                let each = |i: usize| Scoring::Softmax.scores(&[logits[i].logits[1], logits[i].logits[0]])[1];
                let all = Scoring::Softmax.scores(&[0, 1, 2].map(|i: usize| logits[i].logits[0]));
                for label in &found.labels {
                    let expected = if multi_label { each(label.index) } else { all[label.index] };
                    assert_eq!(label.score.to_bits(), expected.to_bits(), "{text} {precision} {multi_label}");
                }
                assert!(found.labels.is_sorted_by(|a, b| a.score >= b.score));
            }
        }
    }
}

/// The text is cut, never the hypothesis.
#[test]
fn a_long_text_leaves_room_for_each_label() {
    let dir = inference("entail");
    let load = |on_long| {
        let options = Options::default().max_tokens(10).on_long(on_long);
        ZeroShot::load(dir.path(), options, None).unwrap()
    };
    let hypotheses = |labels: &[&str]| Hypotheses::new(labels, "丙{}", false).unwrap();
    let (long, short) = ("一丁七万丈三上下不与丐", "一丁");
    let found = load(OnLong::Truncate).rank(&[long, short], &hypotheses(&["丑", "专且世丘"])).good();
    assert_eq!([found[0].truncated, found[1].truncated], [true, false]);
    let model = load(OnLong::Error);
    let found = model.rank(&[short, long, short], &hypotheses(&["丑", "专"]));
    assert_eq!(found.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(found[1].as_ref().unwrap_err().to_string(), "text 1: longer than 10 tokens");
    assert_eq!(found[0].as_ref().unwrap(), found[2].as_ref().unwrap());
    let error = model.rank(&[short], &hypotheses(&["专且世丘丙业东"])).remove(0).unwrap_err().to_string();
    assert!(error.contains("leave no room for a text beside \"丙专且世丘丙业东\""), "{error}");
}

#[test]
fn a_model_without_the_label_is_refused_or_told_which_it_is() {
    let refused = |dir: &Path, name: Option<&str>| {
        ZeroShot::load(dir, Options::default(), name).unwrap_err().to_string()
    };
    let dir = inference("agrees");
    let words = "entailment-label: no label of agrees, not_it begins with \"entail\"";
    assert!(refused(dir.path(), None).starts_with(words));
    assert!(refused(dir.path(), Some("no")).contains("no label is called \"no\": they are agrees, not_it"));
    let model = ZeroShot::load(dir.path(), Options::default(), Some("agrees")).unwrap();
    assert_eq!(model.entailment_label(), "agrees");
    assert_eq!(tasks(dir.path()).unwrap(), [Task::Classify, Task::Embed]);
}
