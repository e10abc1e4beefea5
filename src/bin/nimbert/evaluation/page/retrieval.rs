//! The page on documents for queries.

use std::fmt::Write;

use anyhow::{Error, Result};

use super::{END, escape, start, start_of};
use crate::evaluation::{
    charts,
    retrieval::{Measured, Undefined},
    worst::MOST,
};

/// `about` heads the page: names and values.
pub(crate) fn render(about: &[(&str, String)], measured: &Measured<'_>) -> Result<String> {
    let mut page = start(about, &measured.table());
    let chart = charts::first_ranks(&measured.first_ranks()).map_err(Error::msg)?;
    _ = writeln!(
        page,
        "<h2>First relevant document</h2>\n<figure>{chart}<figcaption>Queries by the rank of their first relevant \
         document; of equal scores the irrelevant ones come first.</figcaption></figure>"
    );
    worst(&mut page, measured);
    left_out(&mut page, measured);
    Ok(page + END)
}

fn worst(page: &mut String, measured: &Measured<'_>) {
    *page += "<h2>Worst queries</h2>\n";
    let worst = measured.worst(MOST);
    if worst.is_empty() {
        *page += "<p>No query has documents in a wrong order.</p>\n";
        return;
    }
    *page += "<p>Those of the lowest NDCG@10.</p>\n<table>\n<tr><th>where</th><th>NDCG@10</th>\
              <th>average precision</th><th>first relevant</th><th>documents</th><th>relevant</th><th>query</th></tr>\n";
    for (query, order) in worst {
        let [documents, relevant] = query.documents();
        _ = writeln!(
            page,
            "<tr><td>{}</td><td class=\"number\">{:.4}</td><td class=\"number\">{:.4}</td>\
             <td class=\"number\">{}</td><td class=\"number\">{documents}</td><td class=\"number\">{relevant}</td>\
             <td class=\"text\">{}</td></tr>",
            escape(&query.place),
            order.ndcg,
            order.average_precision,
            order.first,
            start_of(&query.text)
        );
    }
    *page += "</table>\n";
}

/// Which queries have no figures.
fn left_out(page: &mut String, measured: &Measured<'_>) {
    for reason in Undefined::ALL {
        let queries: Vec<_> = measured.without(reason).collect();
        if queries.is_empty() {
            continue;
        }
        _ = writeln!(page, "<h2>Left out: {} {}</h2>\n<ul>", queries.len(), reason.reason());
        for query in queries.iter().take(MOST) {
            _ = writeln!(page, "<li>{}: {}</li>", escape(&query.place), start_of(&query.text));
        }
        if queries.len() > MOST {
            _ = writeln!(page, "<li>and {} more</li>", queries.len() - MOST);
        }
        *page += "</ul>\n";
    }
}
