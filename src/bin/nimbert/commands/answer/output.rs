//! How answers are written.

use std::io::{self, Write};

use nimbert::{Answer, Answers};
use serde::Serialize;

use crate::{forms::AnswerForm, input::Row, layout::Layout, mark::mark_in_context, shorten::shorten};

/// Characters of a question that are shown.
const QUESTION: usize = 200;
/// Characters of the context around an answer that are shown, on each side.
const AROUND: usize = 50;

pub(super) struct Found;

#[derive(Serialize)]
pub(super) struct Object<'a> {
    answers: Vec<AnswerForm<'a>>,
    truncated: bool,
}

impl Layout<Answers> for Found {
    const COLUMNS: &'static [&'static str] = &["score", "start", "end", "answer"];
    type Object<'a>
        = Object<'a>
    where
        Self: 'a;

    fn human(&self, row: &Row, answers: &Answers, out: &mut dyn Write) -> io::Result<()> {
        let cut = if answers.truncated { "  (cut)" } else { "" };
        writeln!(out, "{}{cut}", shorten(&row.fields[0], QUESTION))?;
        for answer in &answers.answers {
            let shown = match answer.text.as_str() {
                "" => "(no answer)".to_owned(),
                _ => mark_in_context(&row.fields[1], (answer.start, answer.end), AROUND),
            };
            writeln!(out, "  {:.3}  {shown}", answer.score)?;
        }
        Ok(())
    }

    fn object<'a>(&'a self, _: &'a Row, answers: &'a Answers) -> Object<'a> {
        Object {
            answers: answers.answers.iter().map(AnswerForm::from).collect(),
            truncated: answers.truncated,
        }
    }

    fn records(&self, answers: &Answers) -> Vec<Vec<String>> {
        let record = |answer: &Answer| {
            let Answer { score, start, end, text, .. } = answer;
            vec![score.to_string(), start.to_string(), end.to_string(), text.clone()]
        };
        answers.answers.iter().map(record).collect()
    }
}
