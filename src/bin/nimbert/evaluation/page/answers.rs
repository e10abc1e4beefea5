//! The page on questions.

use std::fmt::Write;

use super::{END, escape, start, start_of};
use crate::evaluation::answers::Questions;

/// `about` heads the page: names and values.
pub(crate) fn render(about: &[(&str, String)], questions: &Questions) -> String {
    let mut page = start(about, &questions.table());
    page += "<h2>Worst errors</h2>\n";
    if questions.mistakes().len() == 0 {
        return page + "<p>Every answer is right.</p>\n" + END;
    }
    page += "<p>Those of the lowest F1, and of these the ones that the model was surest of.</p>\n<table>\n<tr><th>where</th>\
             <th>right</th><th>found</th><th>F1</th><th>score</th><th>question</th></tr>\n";
    for mistake in questions.mistakes() {
        let or_none = |text: String| if text.is_empty() { "(none)".to_owned() } else { text };
        let right: Vec<_> = mistake.right.iter().map(|answer| start_of(answer)).collect();
        _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"number\">{:.4}</td><td class=\"number\">{:.3}</td>\
             <td class=\"text\">{}</td></tr>",
            escape(&mistake.place),
            or_none(right.join("<br>")),
            or_none(start_of(&mistake.found)),
            mistake.f1,
            mistake.score,
            start_of(&mistake.question)
        );
    }
    page + "</table>\n" + END
}
