//! Rankings against scikit-learn's figures.

use serde_json::Value;

use super::reference;
use crate::evaluation::{
    page,
    retrieval::{Judged, Queries, Undefined},
};

/// With ε = 2⁻⁵³: scikit-learn's discounts are differences of sums of at most 10 numbers below 5, each off by 50 ε; a gain has
/// at most 10 of them, each times at most the highest relevance, which the ideal gain is not below. So NDCG is off by less than
/// 1000 ε ≈ 1.1e-13. Average precision is a mean of at most 40 ratios: off by less than 50 ε.
const TOLERANCE: f64 = 1e-12;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn push(queries: &mut Queries, text: &str, scores: &[f64], relevance: &[f64]) {
    for (&score, &relevance) in scores.iter().zip(relevance) {
        queries.push(text, "a.jsonl: line 1", Judged { score: score as f32, relevance });
    }
}

#[track_caller]
fn assert_is(what: &str, found: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() <= TOLERANCE, "{what}: {found}, scikit-learn {expected}");
}

#[test]
fn every_figure_is_that_of_scikit_learn() {
    let case = reference("ranking");
    let expected = case["queries"].as_array().unwrap();
    let mut queries = Queries::default();
    for (i, query) in expected.iter().enumerate() {
        push(&mut queries, &i.to_string(), &numbers(&query["scores"]), &numbers(&query["relevance"]));
    }
    let measured = queries.measure();
    assert_eq!((measured.orders.len(), measured.left_out.len()), (60, 0));
    for ((query, order), expected) in measured.orders.iter().zip(expected) {
        assert_eq!(order.first as u64, expected["first"].as_u64().unwrap(), "query {}", query.text);
        assert_is(&format!("NDCG of {}", query.text), order.ndcg, &expected["ndcg"]);
        assert_is(&format!("AP of {}", query.text), order.average_precision, &expected["average_precision"]);
    }
    let table = measured.table();
    assert_eq!(table.len(), case["figures"].as_object().unwrap().len());
    for (key, _, figure) in table {
        assert_is(key, figure.unwrap(), &case["figures"][key]);
    }
    assert_eq!(measured.first_ranks().iter().sum::<usize>(), 60);
    assert!(measured.first_ranks()[10] > 0, "some are beyond");
}

#[test]
fn irrelevant_documents_of_an_equal_score_come_first() {
    let mut queries = Queries::default();
    push(&mut queries, "all equal", &[0.5; 4], &[1.0, 0.0, 0.0, 2.0]);
    push(&mut queries, "best equal", &[0.9, 0.9, 0.1], &[1.0, 0.0, 1.0]);
    push(&mut queries, "zeros", &[0.0, -0.0], &[1.0, 0.0]);
    let measured = queries.measure();
    let firsts: Vec<_> = measured.orders.iter().map(|(_, order)| order.first).collect();
    assert_eq!(firsts, [3, 2, 2]);
    assert_eq!(measured.first_ranks()[..4], [0, 2, 1, 0]);
}

#[test]
fn a_query_of_which_every_order_is_the_same_is_left_out() {
    let mut queries = Queries::default();
    push(&mut queries, "none", &[0.5, 0.1], &[0.0, 0.0]);
    push(&mut queries, "one", &[0.5], &[1.0]);
    push(&mut queries, "<one, and none>", &[0.5], &[0.0]);
    let measured = queries.measure();
    assert!(measured.table().iter().all(|(.., figure)| figure.is_err()));
    let texts = |reason| measured.without(reason).map(|query| query.text.as_str()).collect::<Vec<_>>();
    assert_eq!(texts(Undefined::NoRelevant), ["none", "<one, and none>"]);
    assert_eq!(texts(Undefined::SingleDocument), ["one"]);
    let html = page::retrieval(&[], &measured).unwrap();
    assert!(html.contains("Left out: 2 without a relevant document") && html.contains("undefined: no query"));
    assert!(
        html.contains("&lt;one, and none&gt;") && html.contains("No query has documents in a wrong order")
    );
}

#[test]
fn the_worst_queries_come_first_and_rows_need_not_be_adjacent() {
    let mut queries = Queries::default();
    push(&mut queries, "bad & worse", &[0.1], &[1.0]);
    push(&mut queries, "good", &[0.9, 0.1], &[2.0, 1.0]);
    push(&mut queries, "bad", &[0.1, 0.2], &[1.0, 2.0]);
    push(&mut queries, "bad & worse", &[0.2, 0.3], &[0.0, 0.0]);
    push(&mut queries, "bad", &[0.3], &[0.0]);
    let measured = queries.measure();
    let worst: Vec<_> = measured.worst(5).iter().map(|(query, _)| query.text.as_str()).collect();
    assert_eq!(worst, ["bad & worse", "bad"]);
    assert_eq!(measured.worst(1).len(), 1);
    let (query, order) = measured.orders[0];
    assert_eq!((query.documents(), order.first), ([3, 1], 3));
    let html = page::retrieval(&[("model", "<m>".to_owned())], &measured).unwrap();
    assert!(html.contains("bad &amp; worse") && html.contains("&lt;m&gt;") && html.contains("beyond"));
    assert_eq!(html.matches("<svg").count(), 1);
}

#[test]
fn no_size_of_grades_makes_a_figure_that_is_no_number() {
    for scale in [f64::MIN_POSITIVE, 1e-200, 1e200, f64::MAX] {
        let mut queries = Queries::default();
        push(&mut queries, "q", &[0.9, 0.8, 0.7, 0.7], &[scale / 2.0, 0.0, scale, scale]);
        push(&mut queries, "q1", &[0.9, 0.8, 0.7, 0.7], &[0.5, 0.0, 1.0, 1.0]);
        let measured = queries.measure();
        assert!((measured.orders[0].1.ndcg - measured.orders[1].1.ndcg).abs() <= TOLERANCE, "{scale}");
    }
}
