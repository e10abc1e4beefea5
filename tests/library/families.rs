//! Every architecture: token ids and logits against those of transformers, in each precision, from a directory and packed.

use std::{fs, path::Path};

use nimbert::{Encoding, Engine, OnLong, Options, PackOptions, Precision, pack};
use nimbert_test_support::{distance, shared};
use serde_json::{Value, json};

use crate::{Good as _, THREADS};

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
        let two = Engine::load(&dir, Options::default().threads(THREADS)).unwrap();
        for (encoding, ours) in encodings.iter().zip(&together) {
            assert_eq!(engine.logits(std::slice::from_ref(encoding)).good()[0], *ours, "{name}");
            assert_eq!(two.logits(std::slice::from_ref(encoding)).good()[0], *ours, "{name}");
            let trace = engine.trace(&encoding.token_ids, &encoding.token_type_ids).unwrap();
            assert!(distance(&trace.logits, ours) <= 2.0 * CLOSE, "{name}");
        }
    }
}

/// Packed, the same bits as from the directory in f32; f16 within a fiftieth of the logits' spread, which for a few logits of a
/// small model is some eight times what rounding does and, where sums are in f16, twice what they do (up to 0.0134, with one logit
/// a text); int8 within an eighth (0.118 where attention is in f16, with one logit a text; several are within a twentieth).
#[test]
fn fewer_bits_and_packed_files_stay_near() {
    for name in CLASSIFIERS {
        let Some(dir) = shared(&format!("family/{name}")) else { return };
        let rows = rows(&dir);
        let scratch = crate::tempdir();
        let file = scratch.path().join("packed.nimbert");
        let exact = Engine::load(&dir, Options::default()).unwrap();
        let encodings = encode(&exact, &rows);
        let exact = exact.logits(&encodings).good().concat();
        let mean = exact.iter().sum::<f32>() / exact.len() as f32;
        let spread = exact.iter().map(|logit| (logit - mean).powi(2)).sum::<f32>().sqrt();
        for (precision, most) in [(Precision::F32, 0.0), (Precision::F16, 0.02), (Precision::Int8, 0.125)] {
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

/// The second text of a pair is of type 1 in many a tokenizer of a model that has no types: there it is no other than the first.
#[test]
fn token_types_that_a_model_does_not_have_change_nothing() {
    for name in ["distilbert-classify", "roberta-classify", "mpnet-classify"] {
        let Some(dir) = shared(&format!("family/{name}")) else { return };
        let copy = crate::tempdir();
        for entry in fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        let path = copy.path().join("tokenizer.json");
        let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let [cls, sep] = if name.starts_with("distil") { ["[CLS]", "[SEP]"] } else { ["<s>", "</s>"] };
        let special = |id: &str, kind: u32| json!({"SpecialToken": {"id": id, "type_id": kind}});
        let text = |id: &str, kind: u32| json!({"Sequence": {"id": id, "type_id": kind}});
        let ids = [cls, sep].map(|token| (token, json["model"]["vocab"][token].clone()));
        let tokens: Value = ids
            .into_iter()
            .map(|(token, id)| (token.to_owned(), json!({"id": token, "ids": [id], "tokens": [token]})))
            .collect();
        json["post_processor"] = json!({
            "type": "TemplateProcessing",
            "single": [special(cls, 0), text("A", 0), special(sep, 0)],
            "pair": [special(cls, 0), text("A", 0), special(sep, 0), text("B", 1), special(sep, 1)],
            "special_tokens": tokens,
        });
        fs::write(&path, json.to_string()).unwrap();
        let engine = Engine::load(copy.path(), Options::default()).unwrap();
        let encoding = engine.encode("a film", Some("a town")).unwrap();
        assert!(encoding.token_type_ids.iter().all(|&kind| kind == 0), "{name}");
        let found = engine.classify_pairs(&[("a film", "a town")]).good().remove(0);
        assert_eq!(found.logits, engine.logits(std::slice::from_ref(&encoding)).good()[0], "{name}");
        // Who says it in numbers asks for what there is not.
        let told = Encoding { token_type_ids: vec![1; encoding.token_ids.len()], ..encoding };
        let error = engine.logits(&[told]).remove(0).unwrap_err().to_string();
        assert!(error.contains("token type 1 is out of range"), "{name}: {error}");
    }
}
