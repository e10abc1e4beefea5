//! The page on pairs of texts.

use std::fmt::Write;

use anyhow::{Error, Result};

use super::{END, escape, start};
use crate::evaluation::{
    Sample, charts,
    correlation::Pairs,
    worst::{MOST, TEXT},
};

/// Dots of the picture.
const DOTS: usize = 2000;
/// Scores beyond are not drawn: plotters would look for marks of an axis of 1e300 without end.
const FARTHEST: f64 = 1e9;

/// What the page shows of a pair.
#[derive(Debug, Clone)]
pub(crate) struct PairTexts {
    place: String,
    texts: [String; 2],
}

impl PairTexts {
    /// `place` is file and line; of the texts the start is kept.
    pub(crate) fn new(place: &str, texts: [&str; 2]) -> Self {
        let texts = texts.map(|text| text.chars().take(TEXT).collect());
        Self { place: place.to_owned(), texts }
    }
}

/// `about` heads the page: names and values. `texts` has those of each of `pairs`.
pub(crate) fn render(about: &[(&str, String)], pairs: &Pairs, texts: &[PairTexts]) -> Result<String> {
    let mut page = start(about, &pairs.table());
    scatter(&mut page, pairs).map_err(Error::msg)?;
    worst(&mut page, pairs, texts);
    Ok(page + END)
}

fn scatter(page: &mut String, pairs: &Pairs) -> Result<(), String> {
    *page += "<h2>Cosine and score</h2>\n";
    if pairs.points().any(|(_, score)| score.abs() > FARTHEST) {
        _ = writeln!(page, "<p>No picture: there are scores beyond {FARTHEST:e}.</p>");
        return Ok(());
    }
    let mut dots = Sample::new(DOTS);
    for point in pairs.points() {
        dots.offer(|| Ok::<_, String>(point))?;
    }
    let chart = charts::scatter(&dots.into_items())?;
    let drawn = match pairs.len() {
        all if all <= DOTS => "Each pair".to_owned(),
        all => format!("{DOTS} of the {all} pairs, drawn by lot"),
    };
    _ = writeln!(
        page,
        "<figure>{chart}<figcaption>{drawn}: its score, by the cosine of its \
         vectors.</figcaption></figure>"
    );
    Ok(())
}

fn worst(page: &mut String, pairs: &Pairs, texts: &[PairTexts]) {
    *page += "<h2>Worst pairs</h2>\n";
    let worst = pairs.worst(MOST);
    if worst.is_empty() {
        *page += "<p>Cosines order the pairs as their scores do.</p>\n";
        return;
    }
    *page += "<p>Those whose ranks by cosine and by score, each from 1 for the lowest, are farthest apart.</p>\n\
              <table>\n<tr><th>where</th><th>cosine</th><th>score</th><th>rank by cosine</th><th>rank by score</th>\
              <th>texts</th></tr>\n";
    for pair in worst {
        let PairTexts { place, texts: [first, second] } = &texts[pair.pair];
        let [place, first, second] = [place, first, second].map(|text| escape(text));
        _ = writeln!(
            page,
            "<tr><td>{place}</td><td class=\"number\">{:.3}</td><td class=\"number\">{}</td>\
             <td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"text\">{first}<br>{second}</td></tr>",
            pair.cosine, pair.score, pair.cosine_rank, pair.score_rank
        );
    }
    *page += "</table>\n";
}
