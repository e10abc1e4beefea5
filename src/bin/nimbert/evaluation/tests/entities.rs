//! Entities against seqeval's figures.

use serde_json::Value;

use super::reference;
use crate::{
    evaluation::{
        entities::{Entities, Sentence},
        page,
    },
    tags::{Scheme, Tag, spans},
};

/// With ε = 2⁻⁵³: rates are three operations on whole numbers, means over five types as many sums and one quotient. All are at most
/// 1, so either side is off by less than 20 ε.
const TOLERANCE: f64 = 1e-12;

fn tags(tags: &str) -> Vec<Tag<'_>> {
    tags.split_whitespace().map(|tag| Tag::parse(tag).unwrap()).collect()
}

/// A sentence of these tags, whose words are numbers; the model is as sure as `score` says.
fn push(entities: &mut Entities, own: &str, found: &str, score: f32) {
    let (own, found) = (tags(own), tags(found));
    let words: Vec<_> = (0..own.len()).map(|word| format!("<{word}>")).collect();
    let scores = vec![score; words.len()];
    entities.push(&Sentence { place: "a.conll: line 1", words: &words, own, found, scores });
}

fn scheme(name: &Value) -> Option<Scheme> {
    name.as_str().map(|name| if name == "IOB2" { Scheme::Iob2 } else { Scheme::Bioes })
}

#[track_caller]
fn assert_is(what: &str, found: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() <= TOLERANCE, "{what}: {found}, seqeval {expected}");
}

#[test]
fn every_figure_is_that_of_seqeval() {
    let cases = reference("entities");
    let cases = cases.as_object().unwrap();
    assert_eq!(cases.len(), 7);
    for (name, case) in cases {
        let mut entities = Entities::new(scheme(&case["scheme"]));
        for sentence in case["sentences"].as_array().unwrap() {
            push(&mut entities, sentence[0].as_str().unwrap(), sentence[1].as_str().unwrap(), 0.5);
        }
        let report = case["report"].as_object().unwrap();
        assert_eq!(entities.kinds().len() + 3, report.len(), "{name}: types and averages");
        for (kind, counts) in entities.kinds() {
            let row = &report[kind];
            for (key, rate) in ["precision", "recall", "f1-score"].into_iter().zip(counts.rates()) {
                assert_is(&format!("{name}, {key} of {kind}"), rate, &row[key]);
            }
            assert_is(&format!("{name}, entities of {kind}"), counts.own as f64, &row["support"]);
        }
        for (key, _, figure) in entities.table() {
            let expected = match key.split_once('_').unwrap_or(("micro", key)) {
                (_, "accuracy") => &case["accuracy"],
                (average, rate) => &report[&format!("{average} avg")][&rate.replace("f1", "f1-score")],
            };
            assert_is(&format!("{name}, {key}"), figure.unwrap(), expected);
        }
    }
}

#[test]
fn a_scheme_counts_only_what_is_spelled_as_it_says() {
    let found = |text: &str, scheme| -> Vec<_> {
        spans(&tags(text), scheme).iter().map(|span| (span.start, span.end)).collect()
    };
    let mixed = "I-A I-A B-A I-A E-A S-A B-A E-B";
    assert_eq!(found(mixed, None), [(0, 2), (2, 5), (5, 6), (6, 7), (7, 8)]);
    assert_eq!(found(mixed, Some(Scheme::Bioes)), [(2, 5), (5, 6)]);
    assert_eq!(found("I-A B-A I-A I-B B-B", Some(Scheme::Iob2)), [(1, 3), (4, 5)]);
    assert!(Scheme::Iob2.has(Tag::OUTSIDE) && !Scheme::Iob2.has(Tag::parse("E-A").unwrap()));
}

#[test]
fn what_is_no_tag_is_refused() {
    for text in ["", "o", "B", "PER", "b-PER", "L-PER", "PER-B", "B_PER", "BPER", "-", "B-", "0", "名-名"] {
        assert!(Tag::parse(text).is_err(), "{text}");
    }
    assert_eq!(Tag::parse("I-A-B").unwrap().kind(), Some("A-B"));
    assert_eq!(Tag::parse("O").unwrap().kind(), None);
}

#[test]
fn without_any_entity_there_is_only_accuracy() {
    let mut entities = Entities::new(None);
    push(&mut entities, "O O", "O O", 0.5);
    let defined: Vec<_> =
        entities.table().into_iter().filter_map(|(key, _, figure)| Some((key, figure.ok()?))).collect();
    assert_eq!(defined, [("accuracy", 1.0)]);
    assert!(Entities::new(None).table().iter().all(|(.., figure)| figure.is_err()));
    let html = page::entities(&[], &entities).unwrap();
    assert!(html.contains("undefined: there is no entity") && html.contains("Every entity is found"));
}

#[test]
fn the_surest_mistakes_come_first_and_a_page_shows_them() {
    let mut entities = Entities::new(None);
    push(&mut entities, "B-PER I-PER O O", "B-PER I-PER O O", 0.9);
    push(&mut entities, "B-PER I-PER O B-<x>", "B-PER O O O", 0.6);
    push(&mut entities, "O O", "O B-LOC", 0.8);
    let entity = |kind: &str, words: &str| Some((kind.to_owned(), words.to_owned()));
    let found: Vec<_> =
        entities.mistakes().map(|mistake| (mistake.own.clone(), mistake.found.clone())).collect();
    let expected = [
        (None, entity("LOC", "<1>")),
        (entity("PER", "<0> <1>"), entity("PER", "<0>")),
        (entity("<x>", "<3>"), None),
    ];
    assert_eq!(found, expected);
    let html = page::entities(&[("model", "<m>".to_owned())], &entities).unwrap();
    for words in
        ["&lt;m&gt;", "LOC: &lt;1&gt;", "<td>(none)</td>", "&lt;0&gt; &lt;1&gt; &lt;2&gt;", "a.conll: line 1"]
    {
        assert!(html.contains(words), "no {words} in {html}");
    }
    assert!(!html.contains("<x>") && !html.contains("<1>"));
    assert_eq!(html.matches("<svg").count(), 1);
    (0..30).for_each(|_| push(&mut entities, "O", "B-LOC", 0.7));
    assert_eq!(entities.mistakes().len(), 20);
}
