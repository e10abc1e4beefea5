//! The page on words with tags.

use std::fmt::Write;

use anyhow::{Error, Result};

use super::{END, escape, start, start_of};
use crate::evaluation::{charts, entities::Entities};

/// Types that the picture may have.
const DRAWN: usize = 20;
/// Characters of a type's name that have room there.
const NAME: usize = 20;

/// `about` heads the page: names and values.
pub(crate) fn render(about: &[(&str, String)], entities: &Entities) -> Result<String> {
    let mut page = start(about, &entities.table());
    types(&mut page, entities).map_err(Error::msg)?;
    mistakes(&mut page, entities);
    Ok(page + END)
}

fn types(page: &mut String, entities: &Entities) -> Result<(), String> {
    if entities.kinds().len() == 0 {
        return Ok(());
    }
    *page += "<h2>Types</h2>\n<table>\n<tr><th>type</th><th>entities</th><th>found</th><th>precision</th>\
              <th>recall</th><th>F1</th></tr>\n";
    for (kind, counts) in entities.kinds() {
        let rates = counts.rates().map(|rate| format!("<td class=\"number\">{rate:.4}</td>")).concat();
        _ = writeln!(
            page,
            "<tr><th>{}</th><td class=\"number\">{}</td><td class=\"number\">{}</td>{rates}</tr>",
            escape(kind),
            counts.own,
            counts.found
        );
    }
    let names: Vec<String> = entities.kinds().map(|(kind, _)| kind.chars().take(NAME).collect()).collect();
    let rates = entities.kinds().map(|(_, counts)| counts.rates());
    let drawn: Vec<_> = names.iter().map(String::as_str).zip(rates).take(DRAWN).collect();
    let chart = charts::types(&drawn)?;
    let some = match names.len() {
        all if all > DRAWN => format!(", of the first {DRAWN} of {all} types"),
        _ => String::new(),
    };
    _ = writeln!(
        page,
        "</table>\n<figure>{chart}<figcaption><span class=\"own\">■</span> precision: how many of what is found \
         is right. <span class=\"other\">■</span> recall: how many of what is there are found{some}.</figcaption></figure>"
    );
    Ok(())
}

fn mistakes(page: &mut String, entities: &Entities) {
    *page += "<h2>Worst errors</h2>\n";
    if entities.mistakes().len() == 0 {
        *page += "<p>Every entity is found, and nothing else.</p>\n";
        return;
    }
    *page += "<p>Those whose tags the model was surest of.</p>\n<table>\n<tr><th>where</th><th>entity</th>\
              <th>found</th><th>score</th><th>sentence</th></tr>\n";
    for mistake in entities.mistakes() {
        let [own, found] = [&mistake.own, &mistake.found].map(|entity| match entity {
            Some((kind, words)) => format!("{}: {}", escape(kind), start_of(words)),
            None => "(none)".to_owned(),
        });
        _ = writeln!(
            page,
            "<tr><td>{}</td><td>{own}</td><td>{found}</td><td class=\"number\">{:.3}</td>\
             <td class=\"text\">{}</td></tr>",
            escape(&mistake.place),
            mistake.score,
            start_of(&mistake.sentence)
        );
    }
    *page += "</table>\n";
}
