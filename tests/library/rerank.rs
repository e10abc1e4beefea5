//! Scores of documents for a query, against what sentence-transformers computes.

use std::{fs, path::Path};

use nimbert::{Engine, Options, Reranker};
use nimbert_test_support::{checkpoint::Spec, copy, data, shared};

use crate::Good as _;
use serde_json::Value;

/// Of scores and logits of a size of 1: as for the vectors.
const CLOSE: f32 = 1e-5;

/// The cross-encoder `name` of tests/data/cross-encoder, and what it should say.
fn cross_encoder(name: &str) -> (tempfile::TempDir, Value) {
    let dir = crate::tempdir();
    Spec::read("gelu-one-label-bf16-shards").write(dir.path());
    let source = data("cross-encoder").join(name);
    copy(&source, dir.path());
    let json =
        |path: std::path::PathBuf| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let mut config = json(dir.path().join("config.json"));
    let more = json(source.join("more.json")).as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(more);
    fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
    (dir, json(source.join("expected.json")))
}

fn check(reranker: &Reranker, expected: &Value, scores: &str) {
    let query = expected["query"].as_str().unwrap();
    let documents: Vec<_> =
        expected["documents"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    let found = reranker.scores(query, &documents).good();
    for (found, expected) in found.iter().zip(expected[scores].as_array().unwrap()) {
        let expected = expected.as_f64().unwrap() as f32;
        assert!((found.score - expected).abs() <= CLOSE, "{} for {expected}", found.score);
        let alone = reranker.scores(query, &[documents[found.index]]).good();
        assert_eq!(alone[0].score.to_bits(), found.score.to_bits());
    }
    let ranked = reranker.rank(query, &documents).unwrap();
    let order: Vec<_> = ranked.iter().map(|ranked| ranked.index).collect();
    let rank: Vec<_> = expected["rank"].as_array().unwrap().clone();
    let place = |value: &Value| value.as_u64().or_else(|| value["corpus_id"].as_u64()).unwrap() as usize;
    assert_eq!(order, rank.iter().map(place).collect::<Vec<_>>());
}

/// The activation that the directory names, in the old form and the new, or the sigmoid.
#[test]
fn sentence_transformers_ranks_the_same() {
    for name in ["plain", "old-identity", "identity", "sigmoid", "new-identity"] {
        let (dir, expected) = cross_encoder(name);
        check(&Reranker::load(dir.path(), Options::default()).unwrap(), &expected, "scores");
        // What a packed file says of it is the same.
        let packed = dir.path().join("packed.nimbert");
        let options = nimbert::PackOptions::default().precision(nimbert::Precision::F32);
        nimbert::pack(dir.path(), &packed, &options, &mut |_, _| {}).unwrap();
        let reranker = Reranker::load(&packed, Options::default()).unwrap();
        check(&reranker, &expected, "scores");
        let of_directory = Reranker::load(dir.path(), Options::default()).unwrap();
        assert_eq!(reranker.engine().max_tokens(), of_directory.engine().max_tokens(), "{name}");
    }
}

#[test]
fn another_cross_encoder_ranks_the_same() {
    for name in ["ce-bert", "ce-xlm-roberta"] {
        if let Some(dir) = shared(&format!("family/{name}")) {
            ranks_the_same(&dir);
        }
    }
}

fn ranks_the_same(dir: &Path) {
    let expected = serde_json::from_slice(&fs::read(dir.join("expected.json")).unwrap()).unwrap();
    check(&Reranker::load(dir, Options::default()).unwrap(), &expected, "predict");
}

#[test]
fn what_is_no_cross_encoder_says_why() {
    let refused = |dir: &Path, words: &[&str]| {
        let error = Reranker::load(dir, Options::default()).unwrap_err().to_string();
        words.iter().for_each(|word| assert!(error.contains(word), "{error}"));
    };
    let several = crate::tempdir();
    Spec::read("gelu-multi-label").write(several.path());
    refused(several.path(), &["with 5 labels has no single label", "nimbert classify"]);
    let (dir, _) = cross_encoder("new-identity");
    let edit = |file: &str, from: &str, to: &str| {
        let path = dir.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    };
    edit("config_sentence_transformers.json", "linear.Identity", "activation.Softplus");
    refused(dir.path(), &["activation_fn", "Softplus", "only Sigmoid and Identity"]);
    edit("modules.json", "transformer.Transformer", "logit_score.LogitScore");
    refused(dir.path(), &["modules.json", "LogitScore"]);
    // To classify, nobody asks how documents are ranked.
    assert!(Engine::load(dir.path(), Options::default()).is_ok());
    // Nor what a program can do that loads it for whatever it can do.
    assert_eq!(nimbert::tasks(dir.path()).unwrap()[0], nimbert::Task::Classify);
}
