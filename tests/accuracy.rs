//! The 6-layer model on labelled comments: as many right as PyTorch gets.

mod support;

use nimbert::{Engine, Options, Precision};
use std::fs;
use support::{data, shared};

/// Top-label accuracy on 4,500 labelled comments, within one row of what PyTorch gets (`tools/count_correct.py`).
#[test]
#[ignore = "takes minutes: cargo test --release --test accuracy -- --ignored --nocapture"]
fn the_six_layer_model_gets_as_many_stars_right_as_pytorch() {
    let Some(model) = shared("models/douban-stars-6l") else { return };
    let Some(dev) = shared("data/douban-stars/dev.tsv") else { return };
    let dev = fs::read_to_string(dev).expect("UTF-8");
    let rows: Vec<(&str, &str)> = dev
        .lines()
        .skip(1)
        .map(|line| (line.split('\t').next().expect("a star"), line.split('\t').nth(2).expect("a text")))
        .collect();
    let expected = fs::read_to_string(data("dev-accuracy.json")).expect("committed");
    let expected: Vec<serde_json::Value> = serde_json::from_str(&expected).expect("JSON");
    for pytorch in expected {
        let number = |key: &str| pytorch[key].as_u64().expect("a number") as usize;
        let options = Options {
            max_tokens: Some(number("max_tokens")),
            precision: Precision::F32,
            ..Options::default()
        };
        let engine = Engine::load(&model, options).expect("a good model");
        assert_eq!(rows.len(), number("rows"), "another dev.tsv");
        let correct: usize = rows
            .chunks(32)
            .map(|rows| {
                let texts: Vec<&str> = rows.iter().map(|row| row.1).collect();
                let found = engine.classify(&texts).expect("good texts");
                found
                    .iter()
                    .zip(rows)
                    .filter(|(one, row)| one.top().label == format!("Star_{}", row.0))
                    .count()
            })
            .sum();
        println!(
            "{} tokens: {correct} of {} rows right, PyTorch {}",
            engine.max_tokens(),
            rows.len(),
            number("correct")
        );
        assert!(correct.abs_diff(number("correct")) <= 1, "PyTorch gets {} rows right", number("correct"));
    }
}
