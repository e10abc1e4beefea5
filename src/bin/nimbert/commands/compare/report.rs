//! The comparison as text and as JSON.

use std::{fmt::Write, path::Path};

use anyhow::Result;
use indicatif::HumanCount;
use nimbert::{Engine, Scoring};
use serde_json::{Map, Value, json};

use super::labels::Comparison;
use crate::{commands::eval::rate, count::count, format::Format, model::compute, scoring::Speed, show};

/// Shows what was found of two models, with `lines` for people and `object` for programs.
pub(super) fn show_two(
    format: Format,
    models: &[(String, &Engine); 2],
    data: &str,
    speeds: &[Speed; 2],
    lines: &[(&str, String)],
    object: impl FnOnce() -> Value,
) -> Result<()> {
    show(&match format {
        Format::Human => {
            let mut out = head(models, data, speeds);
            for (name, value) in lines {
                _ = writeln!(out, "{name:<19} {value}");
            }
            out + &speed(speeds)
        }
        Format::Json => {
            let mut all = both(models, speeds);
            all.extend(object().as_object().cloned().unwrap_or_default());
            format!("{}\n", Value::Object(all))
        }
    })
}

/// The models, each with its letter, and the data.
fn head(models: &[(String, &Engine); 2], data: &str, speeds: &[Speed; 2]) -> String {
    let mut out = String::new();
    for (((name, engine), speed), letter) in models.iter().zip(speeds).zip(["A", "B"]) {
        _ = writeln!(out, "{letter}        {name}: {}, {}", compute(engine), rate(speed));
    }
    _ = writeln!(out, "data     {data}\n");
    out
}

fn speed(speeds: &[Speed; 2]) -> String {
    let [a, b] = speeds.map(|speed| speed.time.as_secs_f64());
    format!("speed of B          {:.2} times that of A\n", a / b)
}

pub(super) fn human(
    models: &[(String, &Engine); 2],
    data: &str,
    comparison: &Comparison,
    flips: Option<&Path>,
) -> String {
    let Comparison { texts, agreeing, largest, speeds, metrics, .. } = comparison;
    let mut out = head(models, &format!("{data}: {}", count(*texts, "text")), speeds);
    let flipped = texts - agreeing;
    let unit = if flipped == 1 { "text has" } else { "texts have" };
    if scoring(models) != Scoring::Identity {
        _ = writeln!(
            out,
            "same best label     {:.2} % ({} {unit} another one)",
            100.0 * comparison.agreement(),
            HumanCount(flipped as u64)
        );
    }
    _ = writeln!(out, "logits apart        {:.4} on average, {largest:.4} at most", comparison.mean());
    out += &speed(speeds);
    if let Some(path) = flips {
        _ = writeln!(out, "flips               in {}", path.display());
    }
    if !metrics.is_empty() {
        _ = writeln!(out, "\n{:<20} {:>8} {:>8} {:>9}   95 % interval", "", "A", "B", "B - A");
    }
    for (metric, values) in metrics {
        match values {
            Ok(([a, b], interval)) => {
                let difference = b - a;
                let (low, high) = (interval.low, interval.high);
                _ = writeln!(
                    out,
                    "{:<20} {a:>8.4} {b:>8.4} {difference:>+9.4}   {low:+.4} to {high:+.4}",
                    metric.name()
                );
            }
            Err(reason) => _ = writeln!(out, "{:<20} undefined: {reason}", metric.name()),
        }
    }
    out
}

/// That of both: a regression has no labels that could agree.
fn scoring(models: &[(String, &Engine); 2]) -> Scoring {
    models[0].1.scoring()
}

pub(super) fn object(models: &[(String, &Engine); 2], comparison: &Comparison) -> Value {
    let Comparison { texts, agreeing, largest, speeds, metrics, .. } = comparison;
    let is_classifier = scoring(models) != Scoring::Identity;
    let metrics: Map<_, _> = metrics
        .iter()
        .map(|(metric, values)| {
            let values = match values {
                Ok(([a, b], interval)) => {
                    json!({ "a": a, "b": b, "difference": b - a, "interval": [interval.low, interval.high] })
                }
                Err(reason) => json!({ "undefined": reason }),
            };
            (metric.key().to_owned(), values)
        })
        .collect();
    let found = json!({
        "texts": texts,
        "flipped": is_classifier.then_some(texts - agreeing),
        "agreement": is_classifier.then_some(comparison.agreement()),
        "mean_logit_difference": comparison.mean(),
        "largest_logit_difference": largest,
        "metrics": metrics,
    });
    let mut all = both(models, speeds);
    all.extend(found.as_object().cloned().unwrap_or_default());
    Value::Object(all)
}

/// The models as `a` and `b`.
fn both(models: &[(String, &Engine); 2], speeds: &[Speed; 2]) -> Map<String, Value> {
    let one = |((name, engine), speed): (&(String, &Engine), &Speed)| {
        json!({
            "model": name,
            "precision": engine.precision().to_string(),
            "isa": engine.isa().to_string(),
            "threads": engine.threads(),
            "texts_per_second": speed.texts_per_second(),
        })
    };
    ["a", "b"].map(str::to_owned).into_iter().zip(models.iter().zip(speeds).map(one)).collect()
}
