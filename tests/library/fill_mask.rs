//! Words for masks, against transformers' fill-mask pipeline, and against the encoder's hidden states times the table of words.

use std::{fs, path::Path};

use nimbert::{FillOptions, Filled, MaskFiller, OnLong, Options, PackOptions, Precision, Task, tasks};
use nimbert_test_support::shared;
use serde_json::Value;

use crate::Good as _;

/// Scores as the pipeline's, which are rounded to seven digits: sums in another order give 1e-6.
const CLOSE: f64 = 1e-5;

fn rows(dir: &Path) -> Vec<Value> {
    let expected: Value = serde_json::from_slice(&fs::read(dir.join("expected.json")).unwrap()).unwrap();
    expected["rows"].as_array().unwrap().clone()
}

fn check(found: &[Filled], expected: &Value) {
    let expected = expected.as_array().unwrap();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let [token, sequence] = ["token_str", "sequence"].map(|key| expected[key].as_str().unwrap());
        let id = expected["token"].as_u64().unwrap() as u32;
        assert_eq!((found.id, found.token.as_str(), found.sequence.as_str()), (id, token, sequence));
        let apart = (f64::from(found.score) - expected["score"].as_f64().unwrap()).abs();
        assert!(apart <= CLOSE, "{apart}: {expected}");
    }
}

#[test]
fn transformers_finds_the_same_words() {
    for name in ["bert-mlm", "roberta-mlm", "distilbert-mlm"] {
        if let Some(dir) = shared(&format!("family/{name}")) {
            finds_the_same_words(&dir);
        }
    }
}

fn finds_the_same_words(dir: &Path) {
    let packed = crate::tempdir();
    let file = packed.path().join("mlm.nimbert");
    nimbert::pack(dir, &file, &PackOptions::default().precision(Precision::F32), &mut |_, _| {}).unwrap();
    let rows = rows(dir);
    let texts: Vec<_> = rows.iter().map(|row| row["text"].as_str().unwrap()).collect();
    for path in [dir, &file] {
        assert_eq!(tasks(path).unwrap(), [Task::FillMask, Task::Embed]);
        let filler = MaskFiller::load(path, Options::default()).unwrap();
        let together = filler.fill(&texts, &FillOptions::default()).good();
        for ((row, text), found) in rows.iter().zip(&texts).zip(&together) {
            // The pipeline gives a single mask's words without a list around them.
            match (&row["result"][0], &found.masks[..]) {
                (Value::Object(_), [mask]) => check(mask, &row["result"]),
                (_, masks) => {
                    assert!(masks.len() > 1);
                    masks
                        .iter()
                        .zip(row["result"].as_array().unwrap())
                        .for_each(|(mask, own)| check(mask, own));
                }
            }
            assert_eq!(filler.fill(&[text], &FillOptions::default()).good()[0], *found, "alone");
        }
    }
}

/// In fewer bits the words stay near: int8 within a twentieth of the logits' spread, and f16 within 0.006, as for
/// the other tasks (`heads.rs` has the reason).
#[test]
fn logits_stay_near_in_fewer_bits() {
    for name in ["bert-mlm", "roberta-mlm", "distilbert-mlm"] {
        if let Some(dir) = shared(&format!("family/{name}")) {
            stays_near_in_fewer_bits(&dir);
        }
    }
}

fn stays_near_in_fewer_bits(dir: &Path) {
    let packed = crate::tempdir();
    let file = packed.path().join("mlm.nimbert");
    nimbert::pack(dir, &file, &PackOptions::default(), &mut |_, _| {}).unwrap();
    let logits = |path: &Path, precision| {
        let filler = MaskFiller::load(path, Options::default().precision(precision)).unwrap();
        let rows = rows(dir);
        let encode = |row: &Value| filler.encode(row["text"].as_str().unwrap()).unwrap();
        filler.logits(&rows.iter().map(encode).collect::<Vec<_>>()).good().concat()
    };
    let exact = logits(dir, Precision::F32);
    let mean = exact.iter().sum::<f32>() / exact.len() as f32;
    let spread: f32 = exact.iter().map(|logit| (logit - mean).powi(2)).sum();
    for (path, precision, most) in
        [(dir, Precision::F16, 6e-3), (dir, Precision::Int8, 0.05), (&*file, Precision::Int8, 0.05)]
    {
        let near = logits(path, precision);
        let apart: f32 = near.iter().zip(&exact).map(|(a, b)| (a - b).powi(2)).sum();
        let apart = (apart / spread).sqrt();
        println!("{precision}: {apart:.5} of the spread");
        assert!(apart <= most, "{precision}: {apart}");
    }
}

/// More masks than are computed at once, and a row without an answer between others.
#[test]
fn any_number_of_masks_beside_texts_without() {
    let Some(dir) = shared("family/bert-mlm") else { return };
    let filler = MaskFiller::load(&dir, Options::default().max_tokens(60)).unwrap();
    let many = "[MASK] . ".repeat(25);
    let late = "is ".repeat(80) + "[MASK]";
    let long = "[MASK] ".repeat(80);
    let texts = [many.as_str(), "no mask", "", &late, &long, "a [MASK]"];
    let found = filler.fill(&texts, &FillOptions::default().top_k(3));
    let errors: Vec<_> = found.iter().map(|found| found.as_ref().err().map(ToString::to_string)).collect();
    let none = |i| Some(format!("text {i}: no [MASK] in it"));
    let expected =
        [None, none(1), none(2), Some("text 3: no [MASK] in its first 60 tokens".to_owned()), None, None];
    assert_eq!(errors, expected);
    let masks = |i: usize| found[i].as_ref().unwrap().masks.len();
    assert_eq!([masks(0), masks(4), masks(5)], [25, 58, 1]);
    for i in [0, 4, 5] {
        let alone = filler.fill(&[texts[i]], &FillOptions::default().top_k(3)).good().remove(0);
        assert_eq!(*found[i].as_ref().unwrap(), alone);
        assert_eq!(alone.truncated, i == 4);
    }
    let strict = MaskFiller::load(&dir, Options::default().max_tokens(60).on_long(OnLong::Error)).unwrap();
    let error = strict.fill(&[&long], &FillOptions::default()).remove(0).unwrap_err();
    assert_eq!(error.to_string(), "text 0: longer than 60 tokens");
}

/// Of some words, with the scores that they have among all.
/// For who tokenizes apart.
#[test]
fn rows_are_filled_as_texts_are() {
    let Some(dir) = shared("family/bert-mlm") else { return };
    let filler = MaskFiller::load(&dir, Options::default()).unwrap();
    let texts = ["a [MASK] film", "[MASK] and [MASK]"];
    let mut rows = texts.map(|text| filler.encode(text).unwrap()).to_vec();
    let options = FillOptions::default().top_k(3);
    let expected = filler.fill(&texts, &options).good();
    assert_eq!(filler.fill_rows(&rows, &options).good(), expected);
    rows.insert(1, filler.engine().encode("none", None).unwrap());
    let found = filler.fill_rows(&rows, &options);
    assert_eq!(found[1].as_ref().unwrap_err().to_string(), "text 1: no mask in it");
    assert_eq!([&found[0], &found[2]].map(|found| found.as_ref().unwrap()), [&expected[0], &expected[1]]);
    let error = filler.fill_rows(&rows, &options.top_k(0)).remove(0).unwrap_err();
    assert_eq!(error.to_string(), "top-k: 0 is not at least 1");
}

#[test]
fn targets_are_words_of_the_vocabulary() {
    let Some(dir) = shared("family/bert-mlm") else { return };
    let filler = MaskFiller::load(&dir, Options::default()).unwrap();
    let words = filler.engine().config().encoder.vocab_size;
    let all = filler.fill(&["a [MASK] film"], &FillOptions::default().top_k(words)).good().remove(0);
    assert_eq!(all.masks[0].len(), words);
    let sum: f32 = all.masks[0].iter().map(|word| word.score).sum();
    assert!((sum - 1.0).abs() < 1e-4, "{sum}");
    let targets = filler.targets(&["film", "Honest", "honest", "##er"]).unwrap();
    assert_eq!(targets.len(), 3);
    let some = FillOptions::default().targets(targets.clone());
    let some = filler.fill(&["a [MASK] film"], &some).good().remove(0);
    let expected: Vec<_> = all.masks[0].iter().filter(|word| targets.contains(&word.id)).collect();
    assert_eq!(some.masks[0].iter().collect::<Vec<_>>(), expected);
    for (words, why) in [
        (&[][..], "targets: there are none"),
        (&["second violin"], "is not one token but"),
        (&["\u{3b1}\u{3c9}"], "targets: \"αω\" is not in the vocabulary"),
        (&[" "], "targets: \" \" is no token"),
    ] {
        let error = filler.targets(words).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    for (options, why) in [
        (FillOptions::default().top_k(0), "top-k: 0 is not at least 1"),
        (FillOptions::default().targets(vec![]), "targets: there are none"),
        (
            FillOptions::default().targets(vec![1 << 20]),
            "targets: id 1048576 is out of range: the model has 698 words",
        ),
    ] {
        assert_eq!(filler.fill(&["a [MASK]"], &options).remove(0).unwrap_err().to_string(), why);
    }
}
