//! `--task answer`: are the answers that a model finds in a text the right ones?

use std::{iter, time::Instant};

use anyhow::{Result, bail, ensure};
use indicatif::HumanCount;
use nimbert::{ReadOptions, Reader};
use serde_json::{Map, Value, json};

use super::{
    Eval,
    report::{head, json_head, json_table, rate_of, summary},
};
use crate::{
    count::count,
    evaluation::{
        answers::{Question, Questions, Script},
        page,
    },
    input::{Label, Row},
    progress,
    scoring::{Source, Speed, all, batches},
    texts,
};

/// A model's answers on a file.
struct Answered {
    questions: Questions,
    speed: Speed,
    /// Questions that were cut to the tokens allowed.
    truncated: usize,
}

pub(super) fn run(eval: &Eval) -> Result<()> {
    let model = eval.model.resolve();
    let (path, options) = (eval.path(&model)?, eval.options(&model));
    let reader = progress::during("loading the model", || Reader::load(path, options))?;
    let page = eval.page(&model)?;
    let found = Answered::measure(eval, &reader)?;
    let about = found.about(&model.to_string(), eval, &reader);
    let written = page.map_or(Ok(()), |page| page.fill(page::answers(&about, &found.questions).as_bytes()));
    let human = || summary(&about, &found.questions.table());
    eval.show(written, human, || found.object(&model.to_string(), &reader))
}

impl Answered {
    /// How the first question is asked depends on whether any has no answer, so that all are read before.
    fn measure(eval: &Eval, reader: &Reader) -> Result<Self> {
        let mut source = eval.columns.open_questions("eval", &eval.input, eval.query_column.as_deref())?;
        let rows = source.input.rows.collect::<Result<Vec<_>>>()?;
        ensure!(!rows.is_empty(), "{}: no questions", texts::name(&eval.input));
        let mut may_have_none = false;
        for row in &rows {
            may_have_none |= right(row)?.is_empty();
        }
        source.input.rows = Box::new(rows.into_iter().map(Ok));
        let script = if may_have_none { Script::V2 } else { Script::V1 };
        let mut found = Self { questions: Questions::new(script), speed: Speed::default(), truncated: 0 };
        found.ask(source, reader, &ReadOptions::default().handle_impossible(may_have_none))?;
        Ok(found)
    }

    fn ask(&mut self, source: Source, reader: &Reader, how: &ReadOptions) -> Result<()> {
        batches(source, |rows| {
            let asked: Vec<_> = rows.iter().map(Row::pair).collect();
            let start = Instant::now();
            let answers = all(reader.answer(&asked, how), rows)?;
            self.speed.add(start, answers.iter().map(|answers| answers.tokens));
            for (row, answers) in iter::zip(rows, &answers) {
                self.truncated += usize::from(answers.truncated);
                let best = answers.answers.first();
                self.questions.push(&Question {
                    place: &row.place,
                    text: &row.fields[0],
                    right: right(row)?,
                    found: best.map_or("", |best| &best.text),
                    score: best.map_or(0.0, |best| best.score),
                });
            }
            Ok(())
        })
    }

    /// What was measured, on what.
    fn about(&self, model: &str, eval: &Eval, reader: &Reader) -> Vec<(&'static str, String)> {
        let [questions, without] = self.questions.counts();
        let some = |number: usize, what: &str| match number {
            0 => String::new(),
            number => format!(", {} of them {what}", HumanCount(number as u64)),
        };
        let data = format!(
            "{}: {}{}{}",
            texts::name(&eval.input),
            count(questions, "question"),
            some(without, "without an answer"),
            some(self.truncated, "cut"),
        );
        head(model, reader.engine(), data, rate_of(&self.speed, "questions"))
    }

    fn object(&self, model: &str, reader: &Reader) -> Value {
        let mut undefined = Map::new();
        let mut object = json_head(model, reader.engine());
        let [questions, without] = self.questions.counts();
        object.insert("figures".to_owned(), json_table(&self.questions.table(), &mut undefined));
        object.insert("undefined".to_owned(), undefined.into());
        object.insert("window".to_owned(), json!(reader.window()));
        object.insert("questions".to_owned(), json!(questions));
        object.insert("unanswerable".to_owned(), json!(without));
        object.insert("truncated".to_owned(), json!(self.truncated));
        object.insert("questions_per_second".to_owned(), json!(self.speed.texts_per_second()));
        Value::Object(object)
    }
}

/// A row's answers.
fn right(row: &Row) -> Result<&[String]> {
    match &row.label {
        Some(Label::List(answers)) => Ok(answers),
        _ => bail!("{}: no answers", row.place),
    }
}
