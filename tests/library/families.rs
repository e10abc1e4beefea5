//! Every architecture: token ids and logits against those of transformers, in each precision, from a directory and packed.

use std::{fs, path::Path};

use nimbert::{Encoding, Engine, OnLong, Options, PackOptions, Precision, pack};
use nimbert_test_support::{distance, shared};
use serde_json::Value;

use crate::Good as _;

const CLASSIFIERS: [&str; 6] = [
    "bert-rerank",
    "roberta-classify",
    "xlm-roberta-rerank",
    "camembert-classify",
    "distilbert-classify",
    "mpnet-classify",
];

/// In f32: sums in another order, of numbers that are rounded to seven digits.
const CLOSE: f32 = 1e-5;

fn floats(numbers: &Value) -> Vec<f32> {
    numbers.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

/// What is expected of each text that has token ids; they are cut to 64.
fn rows(dir: &Path) -> Vec<(String, Vec<u32>, Vec<f32>)> {
    let expected: Value = serde_json::from_slice(&fs::read(dir.join("expected.json")).unwrap()).unwrap();
    let row = |row: &Value| {
        let ids = row["ids"].as_array()?.iter().map(|id| id.as_u64().unwrap() as u32).collect();
        Some((row["text"].as_str().unwrap().to_owned(), ids, floats(&row["logits"])))
    };
    expected["rows"].as_array().unwrap().iter().filter_map(row).collect()
}

/// The tokens of all rows, which are those of transformers.
fn encode(engine: &Engine, rows: &[(String, Vec<u32>, Vec<f32>)]) -> Vec<Encoding> {
    let encode = |(text, ids, _): &(String, Vec<u32>, Vec<f32>)| {
        let encoding = engine.tokenizer().encode(text, None, 64, OnLong::Truncate).unwrap();
        assert_eq!(encoding.token_ids, *ids, "{text}");
        encoding
    };
    rows.iter().map(encode).collect()
}

#[test]
fn classifiers_have_the_logits_of_transformers() {
    for name in CLASSIFIERS {
        let Some(dir) = shared(&format!("family/{name}")) else { return };
        let rows = rows(&dir);
        assert!(rows.len() >= 10, "{name}");
        let engine = Engine::load(&dir, Options::default()).unwrap();
        let encodings = encode(&engine, &rows);
        let together = engine.logits(&encodings).good();
        for ((text, _, theirs), ours) in rows.iter().zip(&together) {
            let apart = distance(ours, theirs);
            assert!(apart <= CLOSE, "{name}, {text}: {apart}");
        }
        // A row alone, every row of the last layer computed, and on more threads.
        let two = Engine::load(&dir, Options::default().threads(2)).unwrap();
        for (encoding, ours) in encodings.iter().zip(&together) {
            assert_eq!(engine.logits(std::slice::from_ref(encoding)).good()[0], *ours, "{name}");
            assert_eq!(two.logits(std::slice::from_ref(encoding)).good()[0], *ours, "{name}");
            let trace = engine.trace(&encoding.token_ids, &encoding.token_type_ids).unwrap();
            assert!(distance(&trace.logits, ours) <= 2.0 * CLOSE, "{name}");
        }
    }
}

/// Packed, the same bits as from the directory in f32; f16 within a hundredth of the logits' spread, which for a few logits of a small
/// model is some four times what rounding does; int8 within a tenth (one
/// logit a text; several are within a twentieth).
#[test]
fn fewer_bits_and_packed_files_stay_near() {
    for name in CLASSIFIERS {
        let Some(dir) = shared(&format!("family/{name}")) else { return };
        let rows = rows(&dir);
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("packed.nimbert");
        let exact = Engine::load(&dir, Options::default()).unwrap();
        let encodings = encode(&exact, &rows);
        let exact = exact.logits(&encodings).good().concat();
        let mean = exact.iter().sum::<f32>() / exact.len() as f32;
        let spread = exact.iter().map(|logit| (logit - mean).powi(2)).sum::<f32>().sqrt();
        for (precision, most) in [(Precision::F32, 0.0), (Precision::F16, 0.01), (Precision::Int8, 0.1)] {
            pack(&dir, &file, &PackOptions::default().precision(precision), &mut |_, _| {}).unwrap();
            nimbert::verify_packed(&file).unwrap();
            for path in [&dir, &file] {
                let engine = Engine::load(path, Options::default().precision(precision)).unwrap();
                let near = engine.logits(&encode(&engine, &rows)).good().concat();
                let apart = near.iter().zip(&exact).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
                assert!(apart <= most * spread, "{name} in {precision}: {}", apart / spread);
            }
        }
    }
}
