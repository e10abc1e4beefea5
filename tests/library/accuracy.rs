//! The 6-layer model on 4,500 labelled comments: as many right as PyTorch gets, and what int8 costs.

use nimbert::{Encoding, Engine, OnLong, Options, PackOptions, Precision, pack};
use nimbert_test_support::{data, shared};
use std::{fs, path::Path};

use crate::Good as _;

/// Stars and texts of a TSV.
fn rows(dev: &str) -> Vec<(&str, &str)> {
    dev.lines()
        .skip(1)
        .map(|line| (line.split('\t').next().expect("a star"), line.split('\t').nth(2).expect("a text")))
        .collect()
}

/// Top-label accuracy on 4,500 labelled comments, within one row of what PyTorch gets (`tools/count_correct.py`).
#[test]
#[ignore = "takes minutes: cargo test --release --test library accuracy -- --ignored --nocapture"]
fn the_six_layer_model_gets_as_many_stars_right_as_pytorch() {
    let Some(model) = shared("models/douban-stars-6l") else { return };
    let Some(dev) = shared("data/douban-stars/dev.tsv") else { return };
    let dev = fs::read_to_string(dev).expect("UTF-8");
    let rows = rows(&dev);
    let expected = fs::read_to_string(data("dev-accuracy.json")).expect("committed");
    let expected: Vec<serde_json::Value> = serde_json::from_str(&expected).expect("JSON");
    for pytorch in expected {
        let number = |key: &str| pytorch[key].as_u64().expect("a number") as usize;
        let options = Options::default().max_tokens(number("max_tokens")).precision(Precision::F32);
        let engine = Engine::load(&model, options).expect("a good model");
        assert_eq!(rows.len(), number("rows"), "another dev.tsv");
        let correct: usize = rows
            .chunks(32)
            .map(|rows| {
                let texts: Vec<&str> = rows.iter().map(|row| row.1).collect();
                let found = engine.classify(&texts).good();
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

/// int8 of a directory, with its words as they are, and of a packed file, with words in int8, too: against f32 at 128 tokens.
#[test]
#[ignore = "takes minutes: cargo test --release --test library accuracy -- --ignored --nocapture"]
fn int8_keeps_labels_and_logits() {
    let Some(model) = shared("models/douban-stars-6l") else { return };
    let Some(dev) = shared("data/douban-stars/dev.tsv") else { return };
    let dev = fs::read_to_string(dev).expect("UTF-8");
    let rows = rows(&dev);
    let dir = crate::tempdir();
    let file = dir.path().join("packed.nimbert");
    pack(&model, &file, &PackOptions::default(), &mut |_, _| {}).expect("a good checkpoint");
    let load = |path: &Path, precision| {
        Engine::load(path, Options::default().max_tokens(128).precision(precision)).expect("a good model")
    };
    let f32 = load(&model, Precision::F32);
    let encode = |(_, text): &(&str, &str)| {
        f32.tokenizer().encode(text, None, 128, OnLong::Truncate).expect("encodes")
    };
    let encodings: Vec<Encoding> = rows.iter().map(encode).collect();
    let best =
        |logits: &[f32]| (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).expect("labels");
    let right = |all: &[Vec<f32>]| {
        let is_right =
            |(logits, (star, _)): &(&Vec<f32>, &(&str, &str))| (best(logits) + 1).to_string() == *star;
        all.iter().zip(&rows).filter(is_right).count()
    };
    let reference = f32.logits(&encodings).good();
    println!("{:9} {:>6} {:>12} {:>8} {:>8}", "int8 of", "right", "same label", "mean", "largest");
    for (what, path) in [("directory", model.as_path()), ("file", &file)] {
        let logits = load(path, Precision::Int8).logits(&encodings).good();
        let same = logits.iter().zip(&reference).filter(|(ours, theirs)| best(ours) == best(theirs)).count();
        let apart: Vec<_> = logits
            .iter()
            .flatten()
            .zip(reference.iter().flatten())
            .map(|(a, b)| f64::from((a - b).abs()))
            .collect();
        let (mean, largest) =
            (apart.iter().sum::<f64>() / apart.len() as f64, apart.iter().copied().fold(0.0, f64::max));
        let agreement = 100.0 * same as f64 / rows.len() as f64;
        println!("{what:9} {:6} {agreement:10.2} % {mean:8.4} {largest:8.3}", right(&logits));
        assert!(agreement >= 99.2, "{what}: {agreement} % of the labels");
        assert!(mean <= 0.018, "{what}: logits {mean} apart on average");
        // 0.2 points of 4,500.
        assert!(right(&logits) + 9 >= right(&reference), "{what}: more than 0.2 points less than f32");
    }
}
