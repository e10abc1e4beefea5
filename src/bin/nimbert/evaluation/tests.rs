//! Against scikit-learn, scipy, seqeval and SQuAD's scripts (tests/data/metrics, made by tools/metrics_reference.py,
//! tools/ranking_reference.py and tools/spans_reference.py), and what they do not have by hand.

mod answers;
mod correlation;
mod entities;
mod retrieval;

use std::{fs, path::Path};

use serde_json::Value;

use super::{
    Decision, Figure, LabelSet, Metric, Metrics, Outcomes, Resamples, Worst, bootstrap::quantile, page,
};

/// scikit-learn's figures are f64 sums in another order, of f32 scores: beyond 1e-6 something else was computed.
const TOLERANCE: f64 = 1e-6;

/// `name` of tests/data/metrics.
fn reference(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/metrics/{name}.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn outcomes_of(case: &Value) -> Outcomes {
    let numbers = |value: &Value| -> Vec<f32> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
    };
    let logits: Vec<_> = case["logits"].as_array().unwrap().iter().map(numbers).collect();
    let scores: Vec<_> = case["scores"].as_array().unwrap().iter().map(numbers).collect();
    let labels = logits[0].len();
    let names: Vec<_> = (0..labels).map(|label| format!("L{label}")).collect();
    let decision = if case["decision"] == "best" { Decision::Best } else { Decision::Threshold };
    let ranks = (labels > 1).then(|| (0..labels).collect());
    let mut outcomes = Outcomes::new(&names, decision, ranks);
    for ((scores, logits), own) in scores.iter().zip(&logits).zip(case["truth"].as_array().unwrap()) {
        outcomes.push_row(scores, logits, &set(labels, own.as_array().unwrap().iter().map(index)));
    }
    outcomes
}

fn index(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

fn set(labels: usize, own: impl IntoIterator<Item = usize>) -> LabelSet {
    let mut set = LabelSet::new(labels);
    own.into_iter().for_each(|label| set.insert(label));
    set
}

#[track_caller]
fn assert_is(what: &str, found: Option<&Figure>, expected: &Value) {
    match (found, expected.as_f64()) {
        (Some(Ok(found)), Some(expected)) => {
            assert!((found - expected).abs() <= TOLERANCE, "{what}: {found}, scikit-learn {expected}");
        }
        (None | Some(Err(_)), None) => {}
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn every_figure_is_that_of_scikit_learn() {
    for name in ["multi-label", "one-of-many", "one-label", "rare-label"] {
        let case = reference(name);
        let outcomes = outcomes_of(&case);
        let metrics = Metrics::new(&outcomes);
        let table = metrics.table(outcomes.decision());
        let expected = case["figures"].as_object().unwrap();
        for (key, expected) in expected {
            let found = table.iter().find(|(found, ..)| found == key).map(|(.., figure)| figure);
            assert_is(&format!("{name}, {key}"), found, expected);
        }
        assert!(table.len() >= expected.len() - 1, "{name}: a figure without a reference");
        for (label, of) in metrics.labels.iter().enumerate() {
            for (key, found) in [
                ("precision", &of.precision),
                ("recall", &of.recall),
                ("f1", &of.f1),
                ("roc_auc", &of.roc_auc),
            ] {
                assert_is(&format!("{name}, {key} of {label}"), Some(found), &case["labels"][key][label]);
            }
        }
        assert_eq!(serde_json::to_value(&metrics.confusion).unwrap(), case["confusion"], "{name}");
    }
}

/// Two labels, the best one with a score of 0.9; each row is right or wrong.
fn rights(rights: &[bool]) -> Outcomes {
    let mut outcomes = Outcomes::new(&["no".to_owned(), "yes".to_owned()], Decision::Best, None);
    for &right in rights {
        outcomes.push_row(&[0.1, 0.9], &[-1.0, 1.0], &set(2, [usize::from(right)]));
    }
    outcomes
}

#[test]
fn one_class_only_is_said_and_no_figure_is_nan() {
    let metrics = Metrics::new(&rights(&[true; 3]));
    assert_eq!(metrics.roc_auc_macro, Err("no text has no".to_owned()));
    assert_eq!(metrics.labels[0].recall, Err("no text has it".to_owned()));
    assert_eq!(metrics.labels[0].precision, Err("it is never given".to_owned()));
    assert_eq!(metrics.labels[1].roc_auc, Err("every text has yes".to_owned()));
    assert_eq!((metrics.top_label_accuracy.clone(), metrics.macro_f1.clone()), (Ok(1.0), Ok(1.0)));
    for (key, _, figure) in metrics.table(Decision::Best) {
        assert!(
            figure.as_ref().is_ok_and(|number| number.is_finite()) || figure.is_err(),
            "{key}: {figure:?}"
        );
    }
}

#[test]
fn a_model_is_no_better_than_itself_and_a_clear_winner_is_one() {
    let some: Vec<_> = (0..200).map(|i| i % 3 == 0).collect();
    let (a, b) = (rights(&some), rights(&[true; 200]));
    let steps = &mut || {};
    let (same, interval) = Resamples(200).difference(Metric::Top1, &a, &a, steps).unwrap();
    assert_eq!((same[1] - same[0], interval.low, interval.high), (0.0, 0.0, 0.0));
    let ([before, after], interval) = Resamples(500).difference(Metric::Top1, &a, &b, steps).unwrap();
    let gain = after - before;
    assert!((gain - 133.0 / 200.0).abs() < 1e-12);
    // The difference is a mean of 200 rows that are 1 with p = 0.665: ±1.96·√(p(1-p)/200) = ±0.065.
    assert!((interval.low - 0.600).abs() < 0.02 && (interval.high - 0.730).abs() < 0.02, "{interval:?}");
    let undefined = Resamples(10).difference(Metric::Auc, &b, &b, steps);
    assert_eq!(undefined.unwrap_err(), "no text has no");
}

#[test]
fn quantiles_lie_between_neighbours_as_numpy_has_them() {
    assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), Some(2.0));
    assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 0.25), Some(1.75));
    assert_eq!((quantile(&[7.0], 0.975), quantile(&[], 0.5)), (Some(7.0), None));
}

#[test]
fn a_million_rows_take_few_bytes_each() {
    let names = ["a", "b", "c", "d", "e"].map(str::to_owned);
    let outcomes = Outcomes::new(&names, Decision::Threshold, None);
    let (row, order) = (outcomes.bytes_per_row(), size_of::<u32>() * names.len());
    // Two models at most. Vectors double as they grow: one may have twice the room while another is copied, old and new;
    // then all give back what they do not need, and a macro ROC AUC sorts by every label, weighted by draws.
    let (growing, sorting) = (2 * row + 3 * row, 2 * (row + order) + size_of::<u32>());
    assert!(growing.max(sorting) <= 128, "{growing} while growing, {sorting} while sorting");
}

#[test]
fn texts_on_a_page_are_escaped_and_the_worst_come_first() {
    let names = ["<b>", "good & bad"].map(str::to_owned);
    let mut outcomes = Outcomes::new(&names, Decision::Threshold, None);
    let mut worst = Worst::default();
    for (score, text) in [(0.6, "mild"), (0.9, "<script>alert(1)</script>"), (0.2, "right")] {
        outcomes.push_row(&[0.5, score], &[0.0, 1.0], &set(2, [0]));
        worst.see(&outcomes, "dev.tsv: line 2", &[text.to_owned()]);
    }
    let texts: Vec<_> = worst.mistakes().map(|mistake| mistake.text.as_str()).collect();
    assert_eq!(texts, ["<script>alert(1)</script>", "mild"]);
    let metrics = Metrics::new(&outcomes);
    let html = page::render(&[("model", "<m>".to_owned())], &names, &outcomes, &metrics, &worst).unwrap();
    assert!(!html.contains("<script>") && html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(html.contains("&lt;b&gt;") && html.contains("good &amp; bad") && html.contains("&lt;m&gt;"));
    assert!(html.matches("<svg").count() >= 4, "confusion, reliability and two histograms");
    assert!(
        !html.contains("http://")
            || html.matches("http://").count() == html.matches("http://www.w3.org/").count()
    );
}
