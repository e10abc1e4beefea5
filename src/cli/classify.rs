//! `nimbert classify`: texts in, labelled scores out, as a stream.

use std::{
    fs::File,
    io::{self, IsTerminal, Read},
    mem,
    path::{Path, PathBuf},
};

use anyhow::{Result, anyhow};
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
    error::ErrorKind,
};
use indicatif::{HumanCount, ProgressBar};
use nimbert::{Classification, Engine, Error, OnLong, Options};

use super::{
    input::{self, Row, Rows},
    model::ModelArgs,
    output::{self, Writer},
    positive, progress,
    scoring::{at_row, classify},
    to_stdout, usage_error,
};

const EXAMPLES: &str = "\
Examples:
  nimbert classify '连奥创都知道整容要去韩国'             one text, its best label
  nimbert classify --all 'first text' 'second text'       every label of both
  nimbert classify --input reviews.csv --column comment   a column of a table
  cat texts.txt | nimbert classify --input -              standard input, a text a line
  nimbert classify -i pairs.tsv --column question --pair-column answer --model DIR
  nimbert classify -i reviews.jsonl --format json | jq '.scores[0]'
  nimbert classify -- '-_-'                               a text that starts with a dash";

/// Score texts: from the command line, a file or standard input
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Classify {
    /// Texts to score
    #[arg(value_name = "TEXT", conflicts_with_all = ["input", "input_format", "column", "pair_column"])]
    texts: Vec<String>,

    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    model: ModelArgs,

    /// Texts scored at once; results come out after each batch and do not depend on it
    /// [default: 32, or 1 for a terminal's input]
    #[arg(long, value_name = "N", value_parser = positive)]
    batch: Option<usize>,

    /// Most tokens of a text, [CLS] and [SEP] included [default: as many as the model takes]
    #[arg(long, value_name = "N", value_parser = positive)]
    max_tokens: Option<usize>,

    /// What to do with a text of more tokens: score its start, or stop
    #[arg(long, default_value = "truncate", value_parser = on_long())]
    on_long: OnLong,

    /// Show the best K labels (JSON always has all)
    #[arg(short = 'k', long, value_name = "K", default_value_t = 1, value_parser = positive)]
    top_k: usize,

    /// Show all labels
    #[arg(short, long, conflicts_with = "top_k")]
    all: bool,

    /// How results are written to standard output
    #[arg(short, long, value_enum, default_value = "human")]
    format: output::Format,
}

/// Where texts are read from when they are not arguments.
#[derive(Args)]
struct Source {
    /// Read the texts from a file; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    input: Option<PathBuf>,

    /// What the input is [default: from the file's ending (.csv, .tsv, .jsonl, .ndjson), else lines]
    #[arg(long, value_name = "FORMAT", value_enum, requires = "input")]
    input_format: Option<input::Format>,

    /// Column (csv, tsv) or key (jsonl) with the text [default: text]
    #[arg(short, long, alias = "text-column", value_name = "NAME", requires = "input")]
    column: Option<String>,

    /// Column or key with a second text, to score the two as a pair
    #[arg(long, value_name = "NAME", requires = "input")]
    pair_column: Option<String>,
}

fn on_long() -> impl TypedValueParser<Value = OnLong> {
    PossibleValuesParser::new(["truncate", "error"]).map(|choice| match choice.as_str() {
        "error" => OnLong::Error,
        _ => OnLong::Truncate,
    })
}

impl Classify {
    pub(crate) fn run(self) -> Result<()> {
        let (rows, progress) = match &self.source.input {
            Some(path) => self.source.open(path)?,
            None => (arguments(self.texts)?, ProgressBar::hidden()),
        };
        let options = Options { max_tokens: self.max_tokens, on_long: self.on_long, ..Options::default() };
        let engine = self.model.load(options)?;
        let shown = if self.all { usize::MAX } else { self.top_k };
        let typed = self.source.input.is_some_and(|path| is_stdin(&path)) && io::stdin().is_terminal();
        let job = Job {
            writer: output::writer(self.format, shown, &engine),
            engine,
            batch: self.batch.unwrap_or(if typed { 1 } else { 32 }),
            done: 0,
            progress: progress.clone(),
        };
        let outcome = job.run(rows);
        progress.finish_and_clear();
        outcome
    }
}

fn arguments(texts: Vec<String>) -> Result<Rows> {
    if texts.is_empty() {
        let how =
            "no texts: give them as arguments, or a file with --input FILE, or standard input with --input -";
        return Err(usage_error("classify", ErrorKind::MissingRequiredArgument, how));
    }
    let count = texts.len();
    let row = move |(at, text)| Row {
        place: format!("text {} of {count}", at + 1),
        fields: vec![text],
        label: None,
    };
    Ok(Box::new(texts.into_iter().enumerate().map(row).map(Ok)))
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl Source {
    fn open(&self, path: &Path) -> Result<(Rows, ProgressBar)> {
        let format = self.input_format.unwrap_or_else(|| input::Format::guess(path));
        if format == input::Format::Lines && (self.column.is_some() || self.pair_column.is_some()) {
            let how =
                "lines have no columns: --column and --pair-column need --input-format csv, tsv or jsonl";
            return Err(usage_error("classify", ErrorKind::ArgumentConflict, how));
        }
        let text = self.column.clone().unwrap_or_else(|| "text".to_owned());
        let texts = [Some(text), self.pair_column.clone()].into_iter().flatten().collect();
        let columns = input::Columns { texts, label: None };
        let (source, name, progress): (Box<dyn Read>, _, _) = if is_stdin(path) {
            (Box::new(io::stdin()), "standard input".to_owned(), ProgressBar::hidden())
        } else {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|error| anyhow!("{name}: {error}"))?;
            let progress = progress::reading(&file);
            (Box::new(progress.wrap_read(file)), name, progress)
        };
        Ok((input::rows(source, &name, format, &columns)?, progress))
    }
}

/// A stream on its way from rows to results.
struct Job {
    engine: Engine,
    writer: Box<dyn Writer>,
    batch: usize,
    /// How many results were written.
    done: usize,
    progress: ProgressBar,
}

impl Job {
    fn run(mut self, rows: Rows) -> Result<()> {
        let mut batch = Vec::new();
        for row in rows {
            match row {
                Ok(row) => batch.push(row),
                Err(error) => {
                    self.score(&batch)?; // the rows before a bad one stand
                    return Err(error);
                }
            }
            if batch.len() == self.batch {
                self.score(&mem::take(&mut batch))?;
            }
        }
        self.score(&batch)?;
        to_stdout(self.writer.flush())
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
        }
        self.progress.set_message(format!("{} texts", HumanCount(self.done as u64)));
        to_stdout(self.writer.flush())
    }
}
