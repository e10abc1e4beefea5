//! Entities, against transformers' token-classification pipeline.

use std::{fs, path::Path};

use nimbert::{
    Aggregation, Engine, OnLong, Options, PackOptions, Precision, TagOptions, Tagger, Task, tasks,
};
use nimbert_test_support::shared;
use serde_json::Value;

use crate::Good as _;

/// Scores as the pipeline's, which are rounded to seven digits: sums in another order give 1e-6.
const CLOSE: f64 = 1e-5;

const AGGREGATIONS: [(&str, Aggregation); 5] = [
    ("none", Aggregation::None),
    ("simple", Aggregation::Simple),
    ("first", Aggregation::First),
    ("average", Aggregation::Average),
    ("max", Aggregation::Max),
];

fn expected(dir: &Path) -> Vec<Value> {
    let expected: Value = serde_json::from_slice(&fs::read(dir.join("expected.json")).unwrap()).unwrap();
    expected["rows"].as_array().unwrap().clone()
}

#[test]
fn transformers_finds_the_same_entities() {
    for name in ["bert-ner", "roberta-ner", "xlm-roberta-ner", "distilbert-ner"] {
        if let Some(dir) = shared(&format!("family/{name}")) {
            finds_the_same_entities(&dir);
        }
    }
}

fn finds_the_same_entities(dir: &Path) {
    let packed = crate::tempdir();
    let file = packed.path().join("ner.nimbert");
    nimbert::pack(dir, &file, &PackOptions::default().precision(Precision::F32), &mut |_, _| {}).unwrap();
    let rows = expected(dir);
    let texts: Vec<_> = rows.iter().map(|row| row["text"].as_str().unwrap()).collect();
    for path in [dir, &file] {
        assert_eq!(tasks(path).unwrap(), [Task::Tag, Task::Embed]);
        let tagger = Tagger::load(path, Options::default()).unwrap();
        for (name, aggregation) in AGGREGATIONS {
            let options = TagOptions::default().aggregation(aggregation);
            let together = tagger.tag(&texts, &options).good();
            for (row, found) in rows.iter().zip(&together) {
                let expected = row[name].as_array().unwrap();
                assert_eq!(
                    found.entities.len(),
                    expected.len(),
                    "{name} of {}: {:?}",
                    row["text"],
                    found.entities
                );
                for (found, expected) in found.entities.iter().zip(expected) {
                    let key = if aggregation == Aggregation::None { "entity" } else { "entity_group" };
                    let own = (found.label.as_str(), found.word.as_str(), found.start, found.end);
                    let [start, end] = ["start", "end"].map(|key| expected[key].as_u64().unwrap() as usize);
                    let theirs =
                        (expected[key].as_str().unwrap(), expected["word"].as_str().unwrap(), start, end);
                    assert_eq!(own, theirs, "{name} of {}", row["text"]);
                    assert_eq!(found.index, expected["index"].as_u64().map(|index| index as usize));
                    let apart = (f64::from(found.score) - expected["score"].as_f64().unwrap()).abs();
                    assert!(apart <= CLOSE, "{apart}: {name} of {}", row["text"]);
                }
            }
        }
    }
}

/// Logits of every token, at each precision: int8 within a twentieth of their spread, and f16 within 0.006, as for the
/// other tasks (`heads.rs` has the reason).
#[test]
fn logits_are_those_of_transformers() {
    for name in ["bert-ner", "roberta-ner", "xlm-roberta-ner", "distilbert-ner"] {
        if let Some(dir) = shared(&format!("family/{name}")) {
            has_the_same_logits(&dir);
        }
    }
}

fn has_the_same_logits(dir: &Path) {
    let rows = expected(dir);
    for (precision, most) in [(Precision::F32, 1e-5), (Precision::F16, 6e-3), (Precision::Int8, 0.05)] {
        let tagger = Tagger::load(dir, Options::default().precision(precision)).unwrap();
        let (mut square, mut count, mut all) = (0.0, 0, Vec::new());
        for row in &rows {
            let found = tagger.tag(&[row["text"].as_str().unwrap()], &TagOptions::default()).good().remove(0);
            let theirs = row["logits"].as_array().unwrap().iter().flat_map(|token| token.as_array().unwrap());
            let theirs: Vec<_> = theirs.map(|logit| logit.as_f64().unwrap()).collect();
            assert_eq!(found.logits.len(), theirs.len());
            square += found.logits.iter().zip(&theirs).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum::<f64>();
            count += theirs.len();
            all.extend(theirs);
        }
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let spread = (all.iter().map(|logit| (logit - mean).powi(2)).sum::<f64>() / all.len() as f64).sqrt();
        let apart = (square / f64::from(count as u32)).sqrt() / spread;
        println!("{precision}: {apart:.5} of the spread");
        assert!(apart <= most, "{precision}: {apart}");
    }
}

/// For who tokenizes apart.
#[test]
fn logits_of_rows_are_those_of_texts() {
    let Some(dir) = shared("family/bert-ner") else { return };
    let tagger = Tagger::load(&dir, Options::default()).unwrap();
    let texts = ["Maria Olsen moved to Ghent", "nobody did"];
    let rows = texts.map(|text| tagger.engine().encode(text, None).unwrap());
    let found = tagger.tag(&texts, &TagOptions::default()).good();
    for ((logits, row), found) in tagger.logits(&rows).good().iter().zip(&rows).zip(found) {
        assert_eq!((logits.len(), logits), (row.token_ids.len() * tagger.labels().len(), &found.logits));
    }
    let other = Engine::load(shared("family/bert-nli").unwrap(), Options::default()).unwrap();
    let error = Tagger::new(other).unwrap_err().to_string();
    assert!(error.contains("token classifier") && error.contains("bert-nli"), "{error}");
}

/// In windows nothing is lost, and of what two of them find one stays; without, the end is.
#[test]
fn long_texts_go_through_in_windows() {
    let Some(dir) = shared("family/bert-ner") else { return };
    let text = expected(&dir)
        .iter()
        .map(|row| row["text"].as_str().unwrap().to_owned())
        .collect::<Vec<_>>()
        .join(" ");
    let tagger = |on_long| Tagger::load(&dir, Options::default().max_tokens(20).on_long(on_long)).unwrap();
    let cut = tagger(OnLong::Truncate).tag(&[&text], &TagOptions::default()).good().remove(0);
    let whole = TagOptions::default().stride(6);
    let found = tagger(OnLong::Error).tag(&[&text], &whole).good().remove(0);
    assert_eq!((cut.truncated, cut.tokens, found.truncated), (true, 20, false));
    assert!(found.entities.windows(2).all(|pair| pair[0].end <= pair[1].start), "{:?}", found.entities);
    assert!(found.entities.last().unwrap().end > text.chars().count() / 2);
    let error = tagger(OnLong::Error).tag(&[&text], &TagOptions::default()).remove(0).unwrap_err();
    assert_eq!(error.to_string(), "text 0: longer than 20 tokens");
    for (options, why) in [
        (whole.clone().stride(18), "stride: 18 tokens are not less than the 18 that a window has of a text"),
        (
            whole.aggregation(Aggregation::None),
            "stride: single tokens of windows that overlap would be there twice",
        ),
    ] {
        let error = tagger(OnLong::Truncate).tag(&[&text], &options).remove(0).unwrap_err();
        assert_eq!(error.to_string(), why);
    }
}

/// A word's label is that of its first token, wherever white space is lost.
#[test]
fn words_have_the_label_of_their_first_token() {
    let Some(dir) = shared("family/bert-ner") else { return };
    let tagger = Tagger::load(&dir, Options::default()).unwrap();
    let words = ["Maria", "\u{200b}", "Olsen's", "无间道", "B", "93.5", "%"];
    let found = tagger.tag_words(&[&words]).good().remove(0);
    let options = TagOptions::default().aggregation(Aggregation::None).ignore_labels(vec![]);
    let tokens = tagger.tag(&[&words.join(" ")], &options).good().remove(0).entities;
    let mut start = 0;
    for (word, found) in words.iter().zip(&found.labels) {
        let end = start + word.chars().count();
        let first = tokens.iter().find(|token| (start..end).contains(&token.start));
        let own = found.map(|(label, score)| (tagger.labels()[label].clone(), score));
        assert_eq!(own, first.map(|token| (token.label.clone(), token.score)), "{word:?}");
        start = end + 1;
    }
    assert_eq!(found.labels[1], None);
    assert!(!found.truncated && found.labels[6].is_some());
}

#[test]
fn a_model_for_something_else_is_refused() {
    let Some(dir) = shared("family/bert-nli") else { return };
    let error = Tagger::load(&dir, Options::default()).unwrap_err().to_string();
    assert!(error.ends_with("has no token classifier; `nimbert classify` gives its labels"), "{error}");
}
