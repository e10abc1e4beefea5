//! One HTML file with the figures, charts and worst errors; it needs nothing beside itself.

use std::fmt::Write;

use anyhow::{Error, Result};

use super::{Figure, Metrics, Outcomes, Table, Worst, charts, worst::TEXT};

mod answers;
mod entities;
mod retrieval;
mod similarity;

pub(crate) use self::{
    answers::render as answers,
    entities::render as entities,
    retrieval::render as retrieval,
    similarity::{PairTexts, render as similarity},
};

const STYLE: &str = include_str!("page.css");
const END: &str = "</body>\n</html>\n";
/// Labels whose score histograms are shown.
const HISTOGRAMS: usize = 20;
/// Labels that the picture of the confusion matrix may have.
const MATRIX: usize = 20;

/// `about` heads the page: names and values.
pub(crate) fn render(
    about: &[(&str, String)],
    labels: &[String],
    outcomes: &Outcomes,
    metrics: &Metrics,
    worst: &Worst,
) -> Result<String> {
    let mut page = start(about, &metrics.table(outcomes.decision()));
    label_table(&mut page, labels, metrics);
    pictures(&mut page, labels, outcomes, metrics).map_err(Error::msg)?;
    mistakes(&mut page, labels, worst);
    Ok(page + END)
}

/// The page up to its figures, `table`.
fn start(about: &[(&str, String)], table: &Table) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Evaluation</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>Evaluation</h1>\n"
    );
    page += "<table class=\"about\">\n";
    for (name, value) in about {
        _ = writeln!(page, "<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(value));
    }
    page += "</table>\n<h2>Figures</h2>\n<table>\n";
    for (_, name, figure) in table {
        _ = writeln!(page, "<tr><th>{}</th>{}</tr>", escape(name), cell(figure));
    }
    page += "</table>\n";
    page
}

fn label_table(page: &mut String, labels: &[String], metrics: &Metrics) {
    *page += "<h2>Labels</h2>\n<table>\n<tr><th></th><th>label</th><th>texts</th><th>precision</th>\
              <th>recall</th><th>F1</th><th>ROC AUC</th></tr>\n";
    for (i, (of, label)) in metrics.labels.iter().zip(labels).enumerate() {
        let cells = [&of.precision, &of.recall, &of.f1, &of.roc_auc].map(cell).concat();
        _ = writeln!(
            page,
            "<tr><td class=\"number\">{i}</td><th>{}</th><td class=\"number\">{}</td>{cells}</tr>",
            escape(label),
            of.rows
        );
    }
    *page += "</table>\n";
}

fn pictures(
    page: &mut String,
    labels: &[String],
    outcomes: &Outcomes,
    metrics: &Metrics,
) -> Result<(), String> {
    if (2..=MATRIX).contains(&metrics.confusion.len()) {
        let matrix = charts::confusion(&metrics.confusion)?;
        _ = writeln!(
            page,
            "<h2>Confusion</h2>\n<figure>{matrix}<figcaption>Texts by their own label (rows) and their best label \
             (columns), and the share of the row.</figcaption></figure>"
        );
    }
    let reliability = charts::reliability(&metrics.reliability)?;
    _ = writeln!(
        page,
        "<h2>Reliability</h2>\n<figure>{reliability}<figcaption>Bars: how often the best label is right, by its score, \
         in {} parts. Dots: the same at the part's mean score. On the line, scores mean what they \
         say.</figcaption></figure>",
        metrics.reliability.len()
    );
    *page += "<h2>Scores</h2>\n<p><span class=\"own\">■</span> texts that have the label \
              <span class=\"other\">■</span> texts that do not</p>\n<div class=\"charts\">\n";
    for (i, label) in labels.iter().enumerate().take(HISTOGRAMS) {
        let chart = charts::scores(outcomes, i)?;
        _ = writeln!(page, "<figure>{chart}<figcaption>{}</figcaption></figure>", escape(label));
    }
    *page += "</div>\n";
    if labels.len() > HISTOGRAMS {
        _ = writeln!(page, "<p>The first {HISTOGRAMS} of {} labels.</p>", labels.len());
    }
    Ok(())
}

fn mistakes(page: &mut String, labels: &[String], worst: &Worst) {
    *page += "<h2>Worst errors</h2>\n";
    if worst.mistakes().len() == 0 {
        *page += "<p>No text has a wrong best label.</p>\n";
        return;
    }
    *page +=
        "<table>\n<tr><th>where</th><th>own label</th><th>best label</th><th>score</th><th>text</th></tr>\n";
    for mistake in worst.mistakes() {
        let own: Vec<_> = mistake.labels.iter().map(|&label| labels[label].as_str()).collect();
        let own = if own.is_empty() { "(none)".to_owned() } else { own.join(", ") };
        let (best, score) = mistake.found;
        let [place, own, best, text] =
            [&mistake.place, &own, &labels[best], &mistake.text].map(|text| escape(text));
        _ = writeln!(
            page,
            "<tr><td>{place}</td><td>{own}</td><td>{best}</td><td class=\"number\">{score:.3}</td>\
             <td class=\"text\">{text}</td></tr>"
        );
    }
    *page += "</table>\n";
}

fn cell(figure: &Figure) -> String {
    match figure {
        Ok(number) => format!("<td class=\"number\">{number:.4}</td>"),
        Err(reason) => format!("<td>undefined: {}</td>", escape(reason)),
    }
}

/// As [`escape`], of a text that may be long.
fn start_of(text: &str) -> String {
    escape(&text.chars().take(TEXT).collect::<String>())
}

/// Text as HTML shows it, inside elements.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
