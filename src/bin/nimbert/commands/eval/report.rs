//! The results as text and as JSON.

use std::fmt::Write;

use indicatif::HumanCount;
use nimbert::Engine;
use serde_json::{Map, Value, json};

use super::Evaluation;
use crate::{
    count::count,
    evaluation::{Decision, Figure, Metrics, Table},
    model::compute,
    scoring::Speed,
};

/// What was measured, on what: name and value, for the head of a report.
pub(crate) fn about(
    model: &str,
    engine: &Engine,
    data: &str,
    evaluation: &Evaluation,
) -> Vec<(&'static str, String)> {
    let Evaluation { speed, truncated, metrics, .. } = evaluation;
    let texts = format!("{}{}", count(metrics.rows, "text"), cut(*truncated, engine));
    head(model, engine, format!("{data}: {texts}"), rate(speed))
}

/// How many of some texts were cut, if any.
pub(super) fn cut(truncated: usize, engine: &Engine) -> String {
    match truncated {
        0 => String::new(),
        n => format!(", {} of them cut at {}", HumanCount(n as u64), count(engine.max_tokens(), "token")),
    }
}

pub(super) fn head(model: &str, engine: &Engine, data: String, speed: String) -> Vec<(&'static str, String)> {
    vec![("model", model.to_owned()), ("compute", compute(engine)), ("data", data), ("speed", speed)]
}

pub(crate) fn rate(speed: &Speed) -> String {
    rate_of(speed, "texts")
}

/// The same with another name of the texts.
pub(super) fn rate_of(speed: &Speed, texts: &str) -> String {
    let of = |n: usize| HumanCount((n as f64 / speed.time.as_secs_f64()) as u64);
    format!("{} {texts}/s, {} tokens/s", of(speed.texts), of(speed.tokens))
}

pub(super) fn human(about: &[(&str, String)], engine: &Engine, evaluation: &Evaluation) -> String {
    let Evaluation { outcomes, metrics, .. } = evaluation;
    let mut out = summary(about, &metrics.table(outcomes.decision()));
    out += "\n";
    out += &label_table(metrics, engine.labels());
    out += &confusion(metrics, engine.labels());
    out
}

/// What was measured, and the figures.
pub(super) fn summary(about: &[(&str, String)], table: &Table) -> String {
    let mut out = String::new();
    for (name, value) in about {
        _ = writeln!(out, "{name:<8} {value}");
    }
    out += "\n";
    for (_, name, figure) in table {
        _ = writeln!(out, "{name:<28} {}", figures(figure));
    }
    out
}

/// The number, or why there is none.
fn figures(figure: &Figure) -> String {
    match figure {
        Ok(number) => format!("{number:.4}"),
        Err(reason) => format!("undefined: {reason}"),
    }
}

/// A line for each label.
fn label_table(metrics: &Metrics, labels: &[String]) -> String {
    let heads = ["precision", "recall", "F1", "ROC AUC"];
    let mut out = format!("{:>7}", "texts");
    for head in heads {
        _ = write!(out, " {head:>9}");
    }
    out += "  label\n";
    let mut reasons = Vec::new();
    for (of, label) in metrics.labels.iter().zip(labels) {
        _ = write!(out, "{:>7}", HumanCount(of.rows as u64).to_string());
        for (head, figure) in heads.into_iter().zip([&of.precision, &of.recall, &of.f1, &of.roc_auc]) {
            match figure {
                Ok(number) => _ = write!(out, " {number:>9.4}"),
                Err(reason) => {
                    _ = write!(out, " {:>9}", "-");
                    reasons.push(format!("{head} of {label} is undefined: {reason}\n"));
                }
            }
        }
        _ = writeln!(out, "  {label}");
    }
    out + &reasons.concat()
}

/// Rows are true labels, columns best ones; the darker, the larger a part of its row.
fn confusion(metrics: &Metrics, labels: &[String]) -> String {
    let matrix = &metrics.confusion;
    if labels.len() < 2 || labels.len() > 20 || matrix.is_empty() {
        return String::new();
    }
    let counted: usize = matrix.iter().flatten().sum();
    let most = matrix.iter().flatten().max().copied().unwrap_or_default().to_string();
    let width = most.len().max(2) + 1;
    let mut out = "\nconfusion: rows are the texts' labels, columns the best labels\n".to_owned();
    if counted < metrics.rows {
        let left = count(metrics.rows - counted, "text");
        _ = writeln!(out, "(without {left} that have no label, or several)");
    }
    _ = write!(out, "   ");
    for column in 0..labels.len() {
        _ = write!(out, "{column:>width$}   ");
    }
    out.truncate(out.trim_end().len());
    out += "\n";
    for (i, (row, label)) in matrix.iter().zip(labels).enumerate() {
        let all: usize = row.iter().sum();
        _ = write!(out, "{i:>3}");
        for &count in row {
            _ = write!(out, "{count:>width$} {} ", shade(count, all));
        }
        _ = writeln!(out, " {label}");
    }
    out
}

fn shade(count: usize, all: usize) -> char {
    let share = count as f64 / all.max(1) as f64;
    match share {
        s if s >= 0.6 => '█',
        s if s >= 0.35 => '▓',
        s if s >= 0.15 => '▒',
        s if s >= 0.05 => '░',
        _ => ' ',
    }
}

pub(super) fn object(model: &str, engine: &Engine, evaluation: &Evaluation) -> Value {
    let Evaluation { outcomes, metrics, speed, truncated, .. } = evaluation;
    let mut object = json_figures(metrics, engine.labels(), outcomes.decision());
    object.extend(json_head(model, engine));
    object.insert("texts".to_owned(), json!(metrics.rows));
    object.insert("truncated".to_owned(), json!(truncated));
    object.insert("texts_per_second".to_owned(), json!(speed.texts_per_second()));
    Value::Object(object)
}

/// The model, and how it computed.
pub(super) fn json_head(model: &str, engine: &Engine) -> Map<String, Value> {
    let head = json!({
        "model": model,
        "precision": engine.precision().to_string(),
        "isa": engine.isa().to_string(),
        "threads": engine.threads(),
        "max_tokens": engine.max_tokens(),
    });
    head.as_object().cloned().unwrap_or_default()
}

/// The figures by their keys; why one is null goes to `undefined`.
pub(super) fn json_table(table: &Table, undefined: &mut Map<String, Value>) -> Value {
    let mut figures = Map::new();
    for (key, _, figure) in table {
        if let Err(reason) = figure {
            undefined.insert(format!("figures.{key}"), json!(reason));
        }
        figures.insert((*key).to_owned(), json!(figure.as_ref().ok()));
    }
    Value::Object(figures)
}

/// `figures`, `labels`, `confusion`, `reliability`, and in `undefined` why a figure is null.
fn json_figures(metrics: &Metrics, labels: &[String], decision: Decision) -> Map<String, Value> {
    let mut undefined = Map::new();
    let figures = json_table(&metrics.table(decision), &mut undefined);
    let mut value = |path: String, figure: &Figure| match figure {
        Ok(number) => json!(number),
        Err(reason) => {
            undefined.insert(path, json!(reason));
            Value::Null
        }
    };
    let labels: Vec<_> = metrics
        .labels
        .iter()
        .zip(labels)
        .enumerate()
        .map(|(i, (of, label))| {
            let mut value = |key: &str, figure: &Figure| value(format!("labels.{i}.{key}"), figure);
            json!({
                "label": label,
                "texts": of.rows,
                "precision": value("precision", &of.precision),
                "recall": value("recall", &of.recall),
                "f1": value("f1", &of.f1),
                "roc_auc": value("roc_auc", &of.roc_auc),
            })
        })
        .collect();
    let all = json!({
        "figures": figures,
        "labels": labels,
        "confusion": metrics.confusion,
        "reliability": metrics.reliability,
        "undefined": undefined,
    });
    all.as_object().cloned().unwrap_or_default()
}
