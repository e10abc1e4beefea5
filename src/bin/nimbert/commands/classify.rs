//! `nimbert classify`: texts in, labelled scores out, as a stream.

mod named;

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use anyhow::Result;
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
    error::ErrorKind,
};
use indicatif::ProgressBar;
use nimbert::{Classification, Engine, Error, OnLong, Options};

use crate::{
    count::count,
    hint,
    input::{Input, Row, Rows},
    model::ModelArgs,
    output::{self, Writer},
    positive,
    progress::Results,
    scoring::{Source, at_row, classify, next_batch},
    texts::{TextArgs, is_stdin},
    to_stdout, usage_error,
};

const EXAMPLES: &str = "\
Examples:
  nimbert classify '连奥创都知道整容要去韩国'             one text, its best label
  nimbert classify --all 'first text' 'second text'       every label of both
  nimbert classify --input reviews.csv --column comment   a column of a table
  cat texts.txt | nimbert classify --input -              standard input, a text a line
  nimbert classify -i pairs.tsv --column question --pair-column answer --model DIR
  nimbert classify -i reviews.csv --format csv            the same table with more columns
  nimbert classify -i reviews.jsonl --format json | jq '.scores[0]'
  nimbert classify -- '-_-'                               a text that starts with a dash

CSV has a row for each label shown: the input's columns (of jsonl: id and the texts), then index, tokens, truncated, label
and score; one of these that the input has too gets nimbert_ before it. Texts without columns are in the column text. JSON
has the value of id, where the input has one, right after index.";

/// Lines of one record, each of which looks like a row, from which on that is said.
const MANY_LINES: usize = 4;

/// Score texts: from the command line, a file or standard input
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Classify {
    /// Texts to score
    #[arg(value_name = "TEXT")]
    #[arg(conflicts_with_all = ["input", "input_format", "column", "pair_column", "multiline"])]
    texts: Vec<String>,

    /// Read the texts from a file; `-` is standard input
    #[arg(short, long, alias = "data", value_name = "FILE")]
    input: Option<PathBuf>,

    #[command(flatten)]
    model: ModelArgs,

    /// Texts scored at once; results come out after each batch and do not depend on it
    /// [default: 32, or 1 for a terminal's input]
    #[arg(long, value_name = "N", value_parser = positive)]
    batch: Option<usize>,

    /// What to do with a text of more tokens: score its start, or stop
    #[arg(long, default_value = "truncate", value_parser = on_long())]
    on_long: OnLong,

    #[command(flatten)]
    reading: TextArgs,

    /// Show the best K labels (JSON always has all)
    #[arg(short = 'k', long, value_name = "K", default_value_t = 1, value_parser = positive)]
    #[arg(help_heading = "Results")]
    top_k: usize,

    /// Show all labels
    #[arg(short, long, conflicts_with = "top_k", help_heading = "Results")]
    all: bool,

    /// How results are written to standard output
    #[arg(short, long, value_enum, default_value = "human", help_heading = "Results")]
    format: output::Format,
}

fn on_long() -> impl TypedValueParser<Value = OnLong> {
    PossibleValuesParser::new(["truncate", "error"]).map(|choice| match choice.as_str() {
        "error" => OnLong::Error,
        _ => OnLong::Truncate,
    })
}

impl Classify {
    pub(crate) fn run(self) -> Result<()> {
        let Source { input: Input { columns, rows }, bar, multiline } = match &self.input {
            Some(path) => self.reading.open("classify", path, None, Results::AsTheyCome)?,
            None => arguments(self.texts)?,
        };
        let options = self.reading.options(Options { on_long: self.on_long, ..Options::default() });
        let engine = self.model.load(options)?;
        let shown = if self.all { usize::MAX } else { self.top_k };
        let is_file = self.input.is_some();
        let typed = self.input.is_some_and(|path| is_stdin(&path)) && io::stdin().is_terminal();
        let mut job = Job {
            writer: output::writer(self.format, shown, &engine, columns),
            engine,
            batch: self.batch.unwrap_or(if typed { 1 } else { 32 }),
            done: 0,
            merged: None,
            bar,
        };
        let outcome = job.run(rows);
        job.bar.finish_and_clear();
        if let Some(place) = job.merged.filter(|_| !multiline) {
            hint(&format!(
                "{place}: a record of lines that look like a row each: merged by a quote that is missing or one too \
                 many? If it is one text, say --multiline"
            ));
        }
        if is_file && self.format == output::Format::Human && io::stderr().is_terminal() {
            let _ = writeln!(io::stderr(), "{}", count(job.done, "text"));
        }
        outcome
    }
}

fn arguments(texts: Vec<String>) -> Result<Source> {
    if texts.is_empty() {
        let how =
            "no texts: give them as arguments, or a file with --input FILE, or standard input with --input -";
        return Err(usage_error("classify", ErrorKind::MissingRequiredArgument, how));
    }
    named::check(&texts)?;
    let count = texts.len();
    let row = move |(at, text)| {
        let place = format!("text {} of {count}", at + 1);
        Ok(Row { place, fields: vec![text], ..Row::default() })
    };
    let rows = Box::new(texts.into_iter().enumerate().map(row));
    Ok(Source { input: Input { columns: Vec::new(), rows }, bar: ProgressBar::hidden(), multiline: false })
}

/// A stream on its way from rows to results.
struct Job {
    engine: Engine,
    writer: Box<dyn Writer>,
    batch: usize,
    /// How many results were written.
    done: usize,
    /// The first record of many lines that look like rows.
    merged: Option<String>,
    bar: ProgressBar,
}

impl Job {
    fn run(&mut self, mut rows: Rows) -> Result<()> {
        loop {
            let (batch, outcome) = next_batch(&mut rows, self.batch);
            self.score(&batch)?; // the rows before a bad one stand
            outcome?;
            if batch.is_empty() {
                return to_stdout(self.writer.flush());
            }
        }
    }

    /// Scores and writes `rows`, up to the first that cannot be scored.
    fn score(&mut self, rows: &[Row]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        match classify(&self.engine, rows) {
            Ok(results) => self.write(rows, &results),
            Err(error) => {
                if let Error::Text { index, .. } = error {
                    self.score(&rows[..index.min(rows.len() - 1)])?;
                }
                Err(at_row(error, rows))
            }
        }
    }

    fn write(&mut self, rows: &[Row], results: &[Classification]) -> Result<()> {
        for (row, result) in rows.iter().zip(results) {
            to_stdout(self.writer.write(self.done, row, result))?;
            self.done += 1;
            if row.rows_in_one >= MANY_LINES && self.merged.is_none() {
                self.merged = Some(row.place.clone());
            }
        }
        self.bar.set_message(count(self.done, "text").to_string());
        to_stdout(self.writer.flush())
    }
}
