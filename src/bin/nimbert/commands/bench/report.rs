//! Measurements as tables.

use indicatif::{BinaryBytes, HumanCount};

use super::{
    Report,
    baseline::{Baseline, Comparison},
    forward::Task,
    record::Rates,
    rounds::Row,
    shape::Subject,
};
use crate::{count::count, memory, model::compute, shorten::shorten};

pub(super) fn human(report: &Report<'_>) -> String {
    let Report { model, forward, load_ms, limits, rows, .. } = report;
    let (compute, machine) = (compute(forward.engine()), Rates::new(limits).describe());
    let task = match (forward.task(), forward.pooling()) {
        (Task::Classify, _) => String::new(),
        (task, None) => format!("task     {}\n", task.name()),
        (task, Some(pooling)) => format!("task     {}, pooling {pooling}\n", task.name()),
    };
    let mut text =
        format!("model    {model}\n{task}compute  {compute}\nmachine  {machine}\nload     {load_ms:.1} ms\n");
    if !rows.is_empty() {
        text += &format!(
            "\n{:<9}{:>7}{:>11}{:>11}{:>11}{:>11}{:>10}\n",
            "shape", "runs", "min ms", "median ms", "p99 ms", "tokens/s", "of limit"
        );
    }
    for Row { subject, timing, .. } in rows {
        text += &format!(
            "{subject:<9}{:>7}{:>11.3}{:>11.3}{:>11.3}{:>11}{:>9.0}%\n",
            timing.runs(),
            timing.min_ms(),
            timing.median_ms(),
            timing.p99_ms(),
            HumanCount(timing.tokens_per_s() as u64).to_string(),
            100.0 * timing.of_limit(limits)
        );
    }
    if let Some(row) = rows.iter().find(|row| matches!(row.subject, Subject::Lengths)) {
        let (texts, tokens) = (count(row.workload.texts, "text"), count(row.workload.tokens, "token"));
        text += &format!("lengths: {texts}, {tokens}\n");
    }
    text += &profiles(rows);
    if let Some(peak) = memory::peak() {
        text += &format!("\npeak memory {}\n", BinaryBytes(peak));
    }
    text
}

/// The baseline, the ratios to it, and what they mean.
pub(super) fn comparison(comparison: &Comparison<'_>) -> String {
    let Comparison { baseline, rows } = comparison;
    let Baseline { tolerance, record, .. } = baseline;
    let weights = if record.copy_weights { " with copied weights" } else { "" };
    let [model, version] = [&record.model, &record.version].map(|text| shorten(text, 80));
    let mut text = format!(
        "\nagainst  {}: {model}{weights}, nimbert {version}\nmachine  {} then\n\n\
         {:<9}{:>11}{:>11}{:>8}{:>12}{:>11}{:>8}  verdict\n",
        baseline.name(),
        record.limits.describe(),
        "shape",
        "min ms",
        "then",
        "ratio",
        "median ms",
        "then",
        "ratio"
    );
    for row in rows {
        let ([min_then, min], [median_then, median]) = (row.min, row.median);
        let verdict = if row.is_slower { "slower" } else { "good" };
        let again = if row.again { ", measured again" } else { "" };
        text += &format!(
            "{:<9}{min:>11.3}{min_then:>11.3}{:>8.3}{median:>12.3}{median_then:>11.3}{:>8.3}  {verdict}{again}\n",
            row.subject, row.ratio.min, row.ratio.median
        );
    }
    text += &format!(
        "(new over old; the minimum decides, which noise moves least: up to {:.3} is good)\n",
        1.0 + tolerance / 100.0
    );
    if rows.iter().any(|row| row.again) {
        text += "(what was slower at first was measured again; all of its runs count)\n";
    }
    text
}

/// One table: operations down, shapes across, milliseconds of a run and their share.
fn profiles(rows: &[Row<'_>]) -> String {
    let profiles: Vec<_> = rows.iter().map(|row| row.timing.profile()).collect();
    let Some(first) = profiles.first().filter(|profile| !profile.is_empty()) else {
        return String::new();
    };
    let header: String = rows.iter().map(|row| format!("{:>18}", format!("{} ms", row.subject))).collect();
    let mut text = format!("\n{:<25}{header}\n", "operation");
    let totals: Vec<f64> = profiles.iter().map(|profile| profile.iter().map(|(_, ms)| ms).sum()).collect();
    for (i, (operation, _)) in first.iter().enumerate() {
        let cells = profiles.iter().zip(&totals).map(|(profile, total)| {
            let ms = profile[i].1;
            format!("{ms:>11.3} {:>5.1}%", 100.0 * ms / total)
        });
        text += &format!("{:<25}{}\n", operation.name(), cells.collect::<String>());
    }
    let totals: String = totals.iter().map(|total| format!("{total:>11.3}{:7}", "")).collect();
    text += &format!("{:<25}{}\n", "sum", totals.trim_end());
    text
}
