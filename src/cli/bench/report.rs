//! Measurements as tables or as JSON.

use indicatif::{BinaryBytes, HumanCount};
use nimbert::Limits;
use serde_json::{Map, Value, json};

use super::{Report, Timing};
use crate::cli::memory;

/// The share of what the machine allows that the fastest run has reached.
fn of_limit(limits: &Limits, timing: &Timing) -> f64 {
    limits.seconds(&timing.work) * 1e3 / timing.min_ms()
}

pub(super) fn human(report: &Report<'_>) -> String {
    let Report { model, engine, load_ms, limits, shapes, lengths } = report;
    let (isa, precision, threads) = (engine.isa(), engine.precision(), engine.threads());
    let s = if threads == 1 { "" } else { "s" };
    let [matmul, attention, read] =
        [limits.matmul_rate, limits.attention_rate, limits.read_rate].map(|rate| rate / 1e9);
    let mut text = format!(
        "model    {model}\ncompute  {precision} on {isa}, {threads} thread{s}\n\
         machine  {matmul:.0} GOP/s in matmuls, {attention:.0} in attention, {read:.1} GB/s of weights\n\
         load     {load_ms:.1} ms\n"
    );
    let rows = shapes.iter().map(|(name, timing)| (name.as_str(), timing));
    let rows: Vec<_> = rows.chain(lengths.iter().map(|(_, timing)| ("lengths", timing))).collect();
    if !rows.is_empty() {
        text += &format!(
            "\n{:<9}{:>7}{:>11}{:>11}{:>11}{:>11}{:>10}\n",
            "shape", "runs", "min ms", "median ms", "p99 ms", "tokens/s", "of limit"
        );
    }
    for (name, timing) in &rows {
        text += &format!(
            "{name:<9}{:>7}{:>11.3}{:>11.3}{:>11.3}{:>11}{:>9.0}%\n",
            timing.runs(),
            timing.min_ms(),
            timing.median_ms(),
            timing.p99_ms(),
            HumanCount(timing.tokens_per_s() as u64).to_string(),
            100.0 * of_limit(limits, timing)
        );
    }
    if let Some((workload, _)) = lengths {
        let (texts, tokens) = (HumanCount(workload.texts as u64), HumanCount(workload.tokens as u64));
        text += &format!("lengths: {texts} texts, {tokens} tokens\n");
    }
    text += &profiles(&rows);
    if let Some(peak) = memory::peak() {
        text += &format!("\npeak memory {}\n", BinaryBytes(peak));
    }
    text
}

/// One table: operations down, shapes across, milliseconds of a run and their share.
fn profiles(rows: &[(&str, &Timing)]) -> String {
    let Some((_, first)) = rows.first().filter(|(_, timing)| !timing.profile.is_empty()) else {
        return String::new();
    };
    let header: String = rows.iter().map(|(name, _)| format!("{:>18}", format!("{name} ms"))).collect();
    let mut text = format!("\n{:<25}{header}\n", "operation");
    let total = |timing: &Timing| timing.profile.iter().map(|(_, ms)| ms).sum::<f64>();
    for (i, (operation, _)) in first.profile.iter().enumerate() {
        let cells = rows.iter().map(|(_, timing)| {
            let ms = timing.profile[i].1;
            format!("{ms:>11.3} {:>5.1}%", 100.0 * ms / total(timing))
        });
        text += &format!("{:<25}{}\n", operation.name(), cells.collect::<String>());
    }
    let totals: String = rows.iter().map(|(_, timing)| format!("{:>11.3}{:7}", total(timing), "")).collect();
    text += &format!("{:<25}{}\n", "sum", totals.trim_end());
    text
}

pub(super) fn json(report: &Report<'_>) -> Value {
    let Report { engine, load_ms, limits, shapes, lengths, .. } = report;
    let entries = shapes.iter().map(|(name, timing)| (name.clone(), entry(limits, timing)));
    let mut object = json!({
        "engine": format!("nimbert-{}", engine.precision()),
        "version": env!("CARGO_PKG_VERSION"),
        "isa": engine.isa().name(),
        "threads": engine.threads(),
        "load_ms": rounded(*load_ms),
        "limits": {
            "matmul_gops": rounded(limits.matmul_rate / 1e9),
            "attention_gops": rounded(limits.attention_rate / 1e9),
            "read_gbps": rounded(limits.read_rate / 1e9),
        },
        "shapes": entries.collect::<Map<_, _>>(),
    });
    if let Some((workload, timing)) = lengths {
        object["lengths"] = entry(limits, timing);
        object["texts"] = json!(workload.texts);
        object["tokens"] = json!(workload.tokens);
    }
    if let Some(peak) = memory::peak() {
        object["peak_rss_mb"] = json!(peak >> 20);
    }
    object
}

fn entry(limits: &Limits, timing: &Timing) -> Value {
    let mut entry = json!({
        "min_ms": rounded(timing.min_ms()),
        "median_ms": rounded(timing.median_ms()),
        "p99_ms": rounded(timing.p99_ms()),
        "runs": timing.runs(),
        "tokens_per_s": timing.tokens_per_s().round(),
        "of_limit": rounded(of_limit(limits, timing)),
        "work": {
            "matmul_gop": rounded(timing.work.matmul / 1e9),
            "attention_gop": rounded(timing.work.attention / 1e9),
            "weights_mb": rounded(timing.work.bytes / 1e6),
        },
    });
    if !timing.profile.is_empty() {
        let parts = timing.profile.iter().map(|(what, ms)| (what.name().to_owned(), json!(rounded(*ms))));
        entry["profile_ms"] = Value::Object(parts.collect());
    }
    entry
}

/// To three decimals: the rest is noise.
fn rounded(x: f64) -> f64 {
    (x * 1e3).round() / 1e3
}
