//! Rows in and results out, a batch at a time: what came before a bad row stands.

use std::{
    io::{self, IsTerminal},
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
    error::ErrorKind,
};
use indicatif::ProgressBar;
use nimbert::{Error, OnLong, Options};

use crate::{
    count::count,
    hint,
    input::{Input, Row, Rows},
    model::ModelArgs,
    named, positive,
    progress::Results,
    scoring::{Source, at_row, next_batch},
    texts::{TextArgs, is_stdin},
    usage_error,
};

/// Lines of one record, each of which looks like a row, from which on that is said.
const MANY_LINES: usize = 4;

/// Which texts go through which model, and how: the options of every command that reads a stream of them.
#[derive(Args)]
pub(crate) struct StreamArgs {
    /// Read the texts from a file; `-` is standard input
    #[arg(short, long, alias = "data", value_name = "FILE")]
    input: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) model: ModelArgs,

    /// Texts computed at once; results do not depend on it
    /// [default: 32, or 1 for a terminal's input]
    #[arg(long, value_name = "N", value_parser = positive)]
    batch: Option<usize>,

    /// What to do with a text of more tokens: read its start, or stop
    #[arg(long, default_value = "truncate", value_parser = on_long())]
    on_long: OnLong,

    #[command(flatten)]
    pub(crate) reading: TextArgs,
}

fn on_long() -> impl TypedValueParser<Value = OnLong> {
    PossibleValuesParser::new(["truncate", "error"]).map(|choice| match choice.as_str() {
        "error" => OnLong::Error,
        _ => OnLong::Truncate,
    })
}

impl StreamArgs {
    /// The file, or the texts of the command line, which clap lets only one of be.
    pub(crate) fn open(&self, command: &str, texts: &[String]) -> Result<Source> {
        match &self.input {
            Some(path) => self.reading.open(command, path, None, Results::AsTheyCome),
            None => arguments(command, texts.to_vec()),
        }
    }

    /// The file that is read, if it is one.
    pub(crate) fn input(&self) -> Option<&Path> {
        self.input.as_deref()
    }

    /// How the model is to run.
    pub(crate) fn options(&self) -> Options {
        let options = Options { on_long: self.on_long, ..Options::default() };
        self.model.options(self.reading.options(options))
    }

    /// How many texts are computed at once: what is typed is answered line by line, unless it was said.
    pub(crate) fn batch(&self) -> usize {
        let typed = self.input().is_some_and(is_stdin) && io::stdin().is_terminal();
        self.batch.unwrap_or(if typed { 1 } else { 32 })
    }
}

/// Writes results in the order of their texts. Nothing goes out before the first call of `write` or `flush`.
pub(crate) trait Writer<A> {
    /// `index` counts the texts from 0.
    fn write(&mut self, index: usize, row: &Row, result: &A) -> io::Result<()>;
    /// Passes everything on to where it goes.
    fn flush(&mut self) -> io::Result<()>;
}

/// The texts of a command line.
fn arguments(command: &str, texts: Vec<String>) -> Result<Source> {
    if texts.is_empty() {
        let how =
            "no texts: give them as arguments, or a file with --input FILE, or standard input with --input -";
        return Err(usage_error(command, ErrorKind::MissingRequiredArgument, how));
    }
    named::check(command, &texts)?;
    let count = texts.len();
    let row = move |(at, text)| {
        let place = format!("text {} of {count}", at + 1);
        Ok(Row { place, fields: vec![text], ..Row::default() })
    };
    let rows = Box::new(texts.into_iter().enumerate().map(row));
    Ok(Source { input: Input { columns: Vec::new(), rows }, bar: ProgressBar::hidden(), multiline: false })
}

/// Gives an answer for each row, or an error that says for which there is none.
type Answer<'a, A> = dyn Fn(&[Row]) -> Result<Vec<A>, Error> + 'a;

/// A stream on its way from rows to results.
pub(crate) struct Stream<'a, A> {
    pub(crate) answer: &'a Answer<'a, A>,
    pub(crate) writer: &'a mut dyn Writer<A>,
    pub(crate) batch: usize,
    pub(crate) bar: ProgressBar,
    /// Whether fields of several lines are texts, whatever they look like.
    pub(crate) multiline: bool,
    /// Names in an error what was written to.
    pub(crate) told: fn(io::Result<()>) -> Result<()>,
    /// How many results were written.
    pub(crate) done: usize,
}

impl<A> Stream<'_, A> {
    /// Answers all rows, and points out a record that may be several.
    pub(crate) fn run(&mut self, rows: Rows) -> Result<()> {
        let mut merged = None;
        let outcome = self.all(rows, &mut merged);
        self.bar.finish_and_clear();
        if let Some(place) = merged.filter(|_| !self.multiline) {
            hint(&format!(
                "{place}: a record of lines that look like a row each: merged by a quote that is missing or one too \
                 many? If it is one text, say --multiline"
            ));
        }
        outcome
    }

    fn all(&mut self, mut rows: Rows, merged: &mut Option<String>) -> Result<()> {
        loop {
            let (batch, outcome) = next_batch(&mut rows, self.batch);
            self.some(&batch, merged)?; // the rows before a bad one stand
            outcome?;
            if batch.is_empty() {
                return (self.told)(self.writer.flush());
            }
        }
    }

    /// Answers and writes `rows`, up to the first that has no answer.
    fn some(&mut self, rows: &[Row], merged: &mut Option<String>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        match (self.answer)(rows) {
            Ok(results) => self.write(rows, &results, merged),
            Err(error) => {
                if let Error::Text { index, .. } = error {
                    self.some(&rows[..index.min(rows.len() - 1)], merged)?;
                }
                Err(at_row(error, rows))
            }
        }
    }

    fn write(&mut self, rows: &[Row], results: &[A], merged: &mut Option<String>) -> Result<()> {
        for (row, result) in rows.iter().zip(results) {
            (self.told)(self.writer.write(self.done, row, result))?;
            self.done += 1;
            if row.rows_in_one >= MANY_LINES && merged.is_none() {
                *merged = Some(row.place.clone());
            }
        }
        self.bar.set_message(count(self.done, "text").to_string());
        (self.told)(self.writer.flush())
    }
}
