//! Answers, against the question-answering pipeline of transformers 4.57.

use std::{fs, path::Path};

use nimbert::{Cut, Encoding, OnLong, Options, PackOptions, Precision, ReadOptions, Reader, Task, tasks};
use nimbert_test_support::shared;
use serde_json::Value;

use crate::Good as _;

/// Scores as the pipeline's, which are rounded to seven digits: sums in another order give 1e-6.
const CLOSE: f64 = 1e-5;

fn rows(dir: &Path) -> Vec<Value> {
    let expected: Value = serde_json::from_slice(&fs::read(dir.join("expected.json")).unwrap()).unwrap();
    expected["rows"].as_array().unwrap().clone()
}

fn asked(row: &Value) -> (&str, &str) {
    (row["question"].as_str().unwrap(), row["context"].as_str().unwrap())
}

fn check(reader: &Reader, rows: &[Value], key: &str, options: &ReadOptions) {
    let together = reader.answer(&rows.iter().map(asked).collect::<Vec<_>>(), options).good();
    for (row, found) in rows.iter().zip(&together) {
        let expected = row[key].as_array().cloned().unwrap_or_else(|| vec![row[key].clone()]);
        assert_eq!(found.answers.len(), expected.len(), "{key} of {}", row["question"]);
        for (found, expected) in found.answers.iter().zip(&expected) {
            let [start, end] = ["start", "end"].map(|key| expected[key].as_u64().unwrap() as usize);
            let theirs = (expected["answer"].as_str().unwrap(), start, end);
            assert_eq!((found.text.as_str(), found.start, found.end), theirs, "{key} of {}", row["question"]);
            let apart = (f64::from(found.score) - expected["score"].as_f64().unwrap()).abs();
            assert!(apart <= CLOSE, "{apart}: {key} of {}", row["question"]);
        }
        assert_eq!(reader.answer(&[asked(row)], options).good()[0], *found, "alone");
    }
}

#[test]
fn transformers_finds_the_same_answers() {
    for name in ["bert-qa", "roberta-qa", "distilbert-qa"] {
        if let Some(dir) = shared(&format!("family/{name}")) {
            finds_the_same_answers(&dir);
        }
    }
}

fn finds_the_same_answers(dir: &Path) {
    let packed = crate::tempdir();
    let file = packed.path().join("qa.nimbert");
    nimbert::pack(dir, &file, &PackOptions::default().precision(Precision::F32), &mut |_, _| {}).unwrap();
    let rows = rows(dir);
    for path in [dir, &file] {
        assert_eq!(tasks(path).unwrap(), [Task::Answer, Task::Embed]);
        let reader = Reader::load(path, Options::default()).unwrap();
        assert_eq!(reader.window(), 64);
        check(&reader, &rows, "top3", &ReadOptions::default().top_k(3));
        check(&reader, &rows, "impossible", &ReadOptions::default().handle_impossible(true));
        let narrow = Reader::load(path, Options::default().max_tokens(40)).unwrap();
        check(&narrow, &rows, "stride", &ReadOptions::default().top_k(2).stride(12));
    }
}

/// Of the first window of each context, at each precision: int8 within a twentieth of their spread, as for the other tasks.
#[test]
fn logits_are_those_of_transformers() {
    for name in ["bert-qa", "roberta-qa", "distilbert-qa"] {
        if let Some(dir) = shared(&format!("family/{name}")) {
            has_the_same_logits(&dir);
        }
    }
}

/// int8 is 0.02 to 0.03 away in all three, which is 2 to 3 % of BERT's and DistilBERT's logits, and 8 % of RoBERTa's: those are
/// spread by 0.31 alone. No part is to blame: with any one of them in f16 it is 7 to 9 %. f16: what `heads.rs` allows where sums are
/// in f16, 0.006, and a third more for the same reason (found: up to 0.0054).
fn has_the_same_logits(dir: &Path) {
    let rows = rows(dir);
    for (precision, most) in [(Precision::F32, 1e-5), (Precision::F16, 8e-3), (Precision::Int8, 0.1)] {
        let reader = Reader::load(dir, Options::default().precision(precision)).unwrap();
        let (mut theirs, mut ours) = (Vec::new(), Vec::new());
        for row in &rows {
            let found = reader.answer(&[asked(row)], &ReadOptions::default()).good().remove(0);
            let window = &row["first_window"];
            for (side, key) in ["start_logits", "end_logits"].into_iter().enumerate() {
                let logits = window[key].as_array().unwrap();
                theirs.extend(logits.iter().map(|logit| logit.as_f64().unwrap()));
                ours.extend(found.logits.iter().skip(side).step_by(2).take(logits.len()).copied());
            }
        }
        let mean = theirs.iter().sum::<f64>() / theirs.len() as f64;
        let square = |apart: f64| apart * apart;
        let spread: f64 = theirs.iter().map(|logit| square(logit - mean)).sum();
        let apart: f64 = ours.iter().zip(&theirs).map(|(a, b)| square(f64::from(*a) - b)).sum();
        let apart = (apart / spread).sqrt();
        println!("{precision}: {apart:.5} of the spread");
        assert!(apart <= most, "{precision}: {apart}");
    }
}

#[test]
fn what_cannot_be_answered_is_said_and_costs_nobody_else() {
    let Some(dir) = shared("family/bert-qa") else { return };
    let reader = Reader::load(&dir, Options::default().max_tokens(20)).unwrap();
    let long = "where ".repeat(30);
    let questions = [
        ("Who?", "Maria met Olsen"),
        ("", "Maria"),
        ("Who?", " \t"),
        (&*long, "Maria"),
        ("Who?", "Maria met Olsen"),
    ];
    let found = reader.answer(&questions, &ReadOptions::default());
    let errors: Vec<_> = found.iter().map(|found| found.as_ref().err().map(ToString::to_string)).collect();
    let long = "text 3: a question of 30 tokens leaves no room for a context in windows of 20";
    let expected =
        [None, Some("text 1: an empty question"), Some("text 2: an empty context"), Some(long), None];
    assert_eq!(errors, expected.map(|error| error.map(str::to_owned)));
    assert_eq!(found[0].as_ref().unwrap(), found[4].as_ref().unwrap());
    let error = reader.answer(&questions[..1], &ReadOptions::default().top_k(0)).remove(0).unwrap_err();
    assert_eq!(error.to_string(), "top-k: 0 is not at least 1");
    let all = reader.answer(&questions[..1], &ReadOptions::default().top_k(usize::MAX)).good();
    assert!(all[0].answers.len() > 1 && all[0].answers[..1] == found[0].as_ref().unwrap().answers);
    let error = reader.answer(&[("Who?", &"Maria ".repeat(40))], &ReadOptions::default().stride(15));
    let error = error[0].as_ref().unwrap_err().to_string();
    assert!(error.contains("a stride of 15 tokens is not less than the"), "{error}");
}

/// For who tokenizes apart: the tokens of the best answer, by their rows alone.
#[test]
fn the_best_span_of_rows_is_the_answer() {
    let Some(dir) = shared("family/bert-qa") else { return };
    let reader = Reader::load(&dir, Options::default()).unwrap();
    let options = ReadOptions::default().align_to_words(false).stride(12);
    for row in &rows(&dir) {
        let (question, context) = asked(row);
        let tokenizer = reader.engine().tokenizer();
        let windows =
            tokenizer.windows(question, Some(context), reader.window(), Cut::Second, Some(12)).unwrap();
        let encodings: Vec<_> = windows.iter().map(|window| window.encoding.clone()).collect();
        let span = reader.span(&encodings, &options).unwrap().expect("a context");
        let [first, last] =
            [span.first, span.last].map(|token| windows[span.window].origins[token].expect("the context's"));
        let found = reader.answer(&[(question, context)], &options).good().remove(0);
        let best = &found.answers[0];
        assert_eq!((first.start, last.end), (best.start, best.end), "{question}");
        // Of the same words in another window, too.
        assert!(span.score <= best.score && best.score <= span.score * windows.len() as f32, "{question}");
    }
    let empty = Encoding { token_ids: vec![], token_type_ids: vec![], truncated: false };
    let none = [reader.engine().encode("Who?", None).unwrap(), empty];
    assert_eq!(reader.span(&none[..1], &options).unwrap(), None);
    assert_eq!(reader.span(&none, &options).unwrap_err().to_string(), "text 1: no tokens, not even [CLS]");
}

/// Its first tokens ask, or it is refused.
#[test]
fn a_long_question_is_cut_or_refused() {
    let Some(dir) = shared("family/bert-qa") else { return };
    let load = |on_long| Reader::load(&dir, Options::default().on_long(on_long)).unwrap();
    let options = ReadOptions::default().max_question_tokens(4);
    // A letter by itself is a token, known or not.
    let (long, short) = ("a b c d e f", "a b c d");
    let context = "The harbour pilot from Lisbon met Maria Olsen";
    let reader = load(OnLong::Truncate);
    let [cut, whole] =
        [long, short].map(|question| reader.answer(&[(question, context)], &options).good().remove(0));
    assert_eq!((cut.truncated, whole.truncated), (true, false));
    assert_eq!((cut.answers, cut.logits), (whole.answers, whole.logits));
    let error = load(OnLong::Error).answer(&[(long, context)], &options).remove(0).unwrap_err();
    assert_eq!(error.to_string(), "text 0: a question of more than 4 tokens");
}
