//! `nimbert classify`: texts in, labelled scores out, as a stream.

use std::io::{self, IsTerminal, Write};

use anyhow::Result;
use clap::Args;

use crate::{
    count::count,
    input::{Input, Row},
    model::load,
    output, positive,
    scoring::{Model, Source},
    stream::{Stream, StreamArgs},
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

/// Score texts: from the command line, a file or standard input
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Classify {
    /// Texts to score
    #[arg(value_name = "TEXT")]
    #[arg(conflicts_with_all = ["input", "input_format", "column", "pair_column", "multiline"])]
    texts: Vec<String>,

    #[command(flatten)]
    stream: StreamArgs,

    /// Show the best K labels (JSON always has all)
    #[arg(short = 'k', long, value_name = "K", default_value_t = 1, value_parser = positive)]
    #[arg(help_heading = "Results")]
    top_k: usize,

    /// Show all labels
    #[arg(short, long, conflicts_with = "top_k", help_heading = "Results")]
    all: bool,

    /// How results are written to standard output; json has all labels and logits, csv a row for each label shown
    #[arg(short, long, value_enum, default_value = "human", help_heading = "Results")]
    format: output::RowFormat,
}

impl Classify {
    pub(crate) fn run(self) -> Result<()> {
        let Source { input: Input { columns, rows }, bar, multiline } =
            self.stream.open("classify", &self.texts)?;
        let engine = load(self.stream.model.path(), self.stream.options())?;
        let shown = if self.all { usize::MAX } else { self.top_k };
        let mut writer = output::writer(self.format, shown, &engine, columns);
        let (batch, answer) = (self.stream.batch(), |rows: &[Row]| engine.answers(rows));
        let mut stream = Stream::to_stdout(&answer, &mut *writer, batch, bar, multiline);
        let outcome = stream.run(rows);
        let is_file = self.stream.input().is_some();
        if is_file && self.format == output::RowFormat::Human && io::stderr().is_terminal() {
            let _ = writeln!(io::stderr(), "{}", count(stream.progress.done, "text"));
        }
        outcome
    }
}
