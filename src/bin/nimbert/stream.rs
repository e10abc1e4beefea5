//! Rows in and results out, a batch at a time: what came before a bad row stands.

use std::{
    io::{self, IsTerminal},
    iter,
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
    tell,
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

    /// What to do with a text of more tokens: read its start, or refuse it
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
        self.model.options(self.reading.options(Options::default().on_long(self.on_long)))
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

/// Gives each row an answer, or an error that says why it has none.
type Answer<'a, A> = dyn Fn(&[Row]) -> Vec<Result<A, Error>> + 'a;

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
    /// Whether results are of use where one is missing, as they say which row they belong to.
    pub(crate) goes_on: bool,
    pub(crate) progress: Progress,
}

/// How far a stream has come.
#[derive(Default)]
pub(crate) struct Progress {
    /// Rows that were read.
    rows: usize,
    /// Results that were written.
    pub(crate) done: usize,
    /// A record that may be several rows.
    merged: Option<String>,
    failures: Failures,
}

/// Rows that have no result. Each is told in a line: all but the last when the next one comes, the last as the command's outcome.
#[derive(Default)]
pub(crate) struct Failures(Option<anyhow::Error>);

impl Failures {
    pub(crate) fn add(&mut self, error: anyhow::Error, bar: &ProgressBar) {
        if let Some(before) = self.0.replace(error) {
            bar.suspend(|| tell(&before));
        }
    }

    /// The last one, if there is any.
    pub(crate) fn outcome(&mut self) -> Result<()> {
        self.0.take().map_or(Ok(()), Err)
    }
}

impl<'a, A> Stream<'a, A> {
    /// To standard output, where results say which row they belong to.
    pub(crate) fn to_stdout(
        answer: &'a Answer<'a, A>,
        writer: &'a mut dyn Writer<A>,
        batch: usize,
        bar: ProgressBar,
        multiline: bool,
    ) -> Self {
        let told = crate::to_stdout;
        Self { answer, writer, batch, bar, multiline, told, goes_on: true, progress: Progress::default() }
    }

    /// Answers all rows, and points out a record that may be several. A row that has no answer is named, and the others are answered
    /// none the less, as far as the input can be read.
    pub(crate) fn run(&mut self, rows: Rows) -> Result<()> {
        let outcome = self.all(rows);
        self.bar.finish_and_clear();
        if let Some(place) = self.progress.merged.take().filter(|_| !self.multiline) {
            hint(&format!(
                "{place}: a record of lines that look like a row each: merged by a quote that is missing or one too \
                 many? If it is one text, say --multiline"
            ));
        }
        outcome.and_then(|()| self.progress.failures.outcome())
    }

    fn all(&mut self, mut rows: Rows) -> Result<()> {
        loop {
            let (batch, outcome) = next_batch(&mut rows, self.batch);
            let is_last = batch.is_empty() && outcome.is_ok();
            self.some(&batch)?; // the rows before a bad one stand
            if let Err(error) = outcome {
                self.progress.rows += 1;
                self.fail(error)?;
            }
            if is_last {
                // Of rows without any result there is not even a header.
                let is_empty = self.progress.done == 0 && self.progress.rows > 0;
                return if is_empty { Ok(()) } else { (self.told)(self.writer.flush()) };
            }
        }
    }

    /// Answers and writes `rows`.
    fn some(&mut self, rows: &[Row]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        for (row, result) in iter::zip(rows, (self.answer)(rows)) {
            match result {
                Ok(result) => {
                    (self.told)(self.writer.write(self.progress.rows, row, &result))?;
                    self.progress.done += 1;
                }
                Err(error) => self.fail(at_row(error, row))?,
            }
            self.progress.rows += 1;
            if row.rows_in_one >= MANY_LINES && self.progress.merged.is_none() {
                self.progress.merged = Some(row.place.clone());
            }
        }
        self.bar.set_message(count(self.progress.done, "text").to_string());
        (self.told)(self.writer.flush())
    }

    /// A row has no result.
    fn fail(&mut self, error: anyhow::Error) -> Result<()> {
        if !self.goes_on {
            return Err(error);
        }
        if self.progress.done > 0 {
            // What was answered before it is seen before it.
            (self.told)(self.writer.flush())?;
        }
        self.progress.failures.add(error, &self.bar);
        Ok(())
    }
}
