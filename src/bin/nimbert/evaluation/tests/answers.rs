//! Answers against SQuAD's scripts.

use serde_json::Value;

use super::reference;
use crate::evaluation::{
    answers::{Question, Questions, Script},
    page,
};

/// With ε = 2⁻⁵³: an F1 is the same operations on the same numbers; a sum of 140 of them is off by at most 140 ε of itself, in
/// either order.
const TOLERANCE: f64 = 1e-12;

fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn question<'a>(right: &'a [String], found: &'a str, score: f32) -> Question<'a> {
    Question { place: "a.json: question \"q\"", text: "<who>?", right, found, score }
}

#[test]
fn every_figure_is_that_of_the_scripts() {
    let cases = reference("answers");
    for (version, script, questions) in [("1.1", Script::V1, 132), ("2.0", Script::V2, 137)] {
        let case = &cases[version];
        let expected = case["questions"].as_array().unwrap();
        assert_eq!(expected.len(), questions);
        let mut questions = Questions::new(script);
        for expected in expected {
            let (found, right) = (expected["found"].as_str().unwrap(), strings(&expected["right"]));
            let judged = script.judge(found, &right);
            let what = format!("{version}, {found:?} for {right:?}");
            assert_eq!(u64::from(judged.is_exact), expected["exact"].as_u64().unwrap(), "{what}");
            assert!((judged.f1 - expected["f1"].as_f64().unwrap()).abs() <= TOLERANCE, "{what}: {judged:?}");
            questions.push(&question(&right, found, 0.5));
        }
        let figures = case["figures"].as_object().unwrap();
        for (key, _, figure) in questions.table() {
            let theirs = match script {
                Script::V1 => key.to_owned(),
                Script::V2 => key
                    .replace("has_ans", "HasAns")
                    .replace("no_ans", "NoAns")
                    .replace("exact_match", "exact"),
            };
            let (found, expected) = (figure.unwrap(), figures[&theirs].as_f64().unwrap() / 100.0);
            assert!(
                (found - expected).abs() <= TOLERANCE,
                "{version}, {key}: {found}, the script {expected}"
            );
        }
    }
}

#[test]
fn what_a_version_has_no_question_for_says_so() {
    let mut questions = Questions::new(Script::V2);
    questions.push(&question(&[], "", 0.5));
    let figures: Vec<_> = questions.table().into_iter().map(|(.., figure)| figure).collect();
    let none = || Err("there is no question with an answer".to_owned());
    assert_eq!(figures, [Ok(1.0), Ok(1.0), none(), none(), Ok(1.0), Ok(1.0)]);
    assert_eq!(questions.counts(), [1, 1]);
    assert!(page::answers(&[], &questions).contains("Every answer is right."));
}

#[test]
fn the_worst_answers_come_first_and_a_page_shows_them() {
    let right = ["Maria <Olsen>".to_owned(), "Olsen".to_owned()];
    let mut questions = Questions::new(Script::V2);
    for (right, found, score) in [
        (&right[..], "Maria", 0.9),
        (&right, "the Olsen", 0.9),
        (&[], "Ghent & Bruges", 0.2),
        (&right, "", 0.4),
    ] {
        questions.push(&question(right, found, score));
    }
    let found: Vec<_> = questions.mistakes().map(|mistake| mistake.found.as_str()).collect();
    assert_eq!(found, ["", "Ghent & Bruges", "Maria"]);
    let html = page::answers(&[("model", "<m>".to_owned())], &questions);
    for words in [
        "&lt;m&gt;",
        "Maria &lt;Olsen&gt;<br>Olsen",
        "Ghent &amp; Bruges",
        "(none)",
        "&lt;who&gt;?",
        "0.6667",
    ] {
        assert!(html.contains(words), "no {words} in {html}");
    }
    assert!(!html.contains("<Olsen>") && !html.contains("<who>"));
}
