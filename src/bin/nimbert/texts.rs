//! Which texts, and how they are read: the options that every command with texts has.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use anyhow::{Result, anyhow, bail};
use clap::{Args, ValueEnum, error::ErrorKind};
use nimbert::Options;

use crate::{
    input::{self, Columns, FileFormat, Input, Lines, conll, jsonl, squad},
    positive,
    progress::{self, Results},
    scoring::Source,
    usage_error,
};

/// How to read texts.
#[derive(Args)]
#[command(next_help_heading = "Reading the texts")]
pub(crate) struct TextArgs {
    /// What the file is [default: from its ending (.csv, .tsv, .jsonl, .ndjson), else lines]
    ///
    /// All are UTF-8; lines end with LF or CR LF and, as a record of csv, have at most 16 MiB. lines: each is a text, an
    /// empty one too. csv, tsv: the first row names the columns, and each row has as many fields; empty lines may stand
    /// at the end only. jsonl: an object a line, no key in it twice.
    #[arg(long, alias = "data-format", value_name = "FORMAT", value_enum)]
    input_format: Option<FileFormat>,

    /// Column (csv, tsv) or key (jsonl) with the text [default: text]
    #[arg(short, long, alias = "text-column", value_name = "NAME")]
    column: Option<String>,

    /// Column or key with a second text, to score the two as a pair
    #[arg(long, value_name = "NAME")]
    pair_column: Option<String>,

    /// Fields of several lines in csv are texts, even where each line looks like a row
    ///
    /// Where a quote is missing, or one too many, several rows become one. A record of which each line has as many commas
    /// as a row is therefore refused in data that a model is measured on, and pointed out by `classify`, unless this is
    /// given.
    #[arg(long)]
    multiline: bool,

    /// Most tokens of a text, [CLS] and [SEP] included [default: as many as the model takes]
    #[arg(long, value_name = "N", value_parser = positive)]
    max_tokens: Option<usize>,
}

impl TextArgs {
    /// Whether anything was said.
    pub(crate) fn says_anything(&self) -> bool {
        let Self { input_format, column, pair_column, multiline, max_tokens } = self;
        input_format.is_some()
            || column.is_some()
            || pair_column.is_some()
            || *multiline
            || max_tokens.is_some()
    }

    /// Whether a second text is asked for.
    pub(crate) fn has_pairs(&self) -> bool {
        self.pair_column.is_some()
    }

    /// `options` with what was said here.
    pub(crate) fn options(&self, options: Options) -> Options {
        options.max_tokens(self.max_tokens)
    }

    /// Opens the file at `path`, or standard input if that is `-`, and reads the header; a bar shows how far it is read.
    pub(crate) fn open(
        &self,
        command: &str,
        path: &Path,
        label: Option<&str>,
        results: Results,
    ) -> Result<Source> {
        let format = self.input_format.unwrap_or_else(|| FileFormat::guess(path));
        if format == FileFormat::Lines {
            self.refuse_columns(command, label)?;
        }
        let columns = Columns {
            texts: [Some(self.column("text")), self.pair_column.clone()].into_iter().flatten().collect(),
            label: label.map(str::to_owned),
            keep: results == Results::AsTheyCome,
        };
        self.open_as(path, format, &columns, results)
    }

    /// The same of a file that must have all these columns, so that it can't be lines.
    pub(crate) fn open_table(
        &self,
        command: &str,
        path: &Path,
        columns: &Columns,
        results: Results,
    ) -> Result<Source> {
        let format = self.input_format.unwrap_or_else(|| FileFormat::guess(path));
        if format == FileFormat::Lines {
            let how = format!(
                "lines have no columns, and {} are needed: --input-format csv, tsv or jsonl",
                columns
                    .texts
                    .iter()
                    .chain(&columns.label)
                    .map(|name| format!("{name:?}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            return Err(usage_error(command, ErrorKind::ArgumentConflict, &how));
        }
        self.open_as(path, format, columns, results)
    }

    /// Opens a file of sentences whose words have tags, in the column or under the key `tags`: JSON Lines, or CoNLL.
    pub(crate) fn open_words(&self, command: &str, path: &Path, tags: Option<&str>) -> Result<Source> {
        if self.format_or(command, path, FileFormat::Conll)? == FileFormat::Jsonl {
            let keys = [self.column("tokens"), tags.unwrap_or("tags").to_owned()];
            return self.source(path, Results::AtTheEnd, |source, name| {
                Ok(jsonl::open_words(Lines::new(source, name), keys))
            });
        }
        let number = |option: &str, column: Option<&str>| {
            let wrong = |why| {
                let how = format!(
                    "{option} {:?}: columns of conll have no names: {why}",
                    column.unwrap_or_default()
                );
                usage_error(command, ErrorKind::InvalidValue, &how)
            };
            column.map(|column| positive(column).map_err(wrong).map(|number| number - 1)).transpose()
        };
        let word = number("--column", self.column.as_deref())?.unwrap_or_default();
        let columns = conll::WordColumns { word, tag: number("--label-column", tags)? };
        self.source(path, Results::AtTheEnd, |source, name| {
            Ok(conll::open(Lines::new(source, name), columns))
        })
    }

    /// Opens a file of questions with contexts and answers, under the keys `question` and `answers`: JSON Lines, or SQuAD's JSON.
    pub(crate) fn open_questions(
        &self,
        command: &str,
        path: &Path,
        question: Option<&str>,
        answers: Option<&str>,
    ) -> Result<Source> {
        if self.format_or(command, path, FileFormat::Squad)? == FileFormat::Jsonl {
            let [question, answers] = [question.unwrap_or("question"), answers.unwrap_or("answers")];
            let keys = [question.to_owned(), self.column("context"), answers.to_owned()];
            return self.source(path, Results::AtTheEnd, |source, name| {
                Ok(jsonl::open_questions(Lines::new(source, name), keys))
            });
        }
        let given = [
            ("--column", self.column.is_some()),
            ("--query-column", question.is_some()),
            ("--label-column", answers.is_some()),
        ];
        if let Some((option, _)) = given.into_iter().find(|(_, is_given)| *is_given) {
            let how = format!("the keys of squad have their own names: {option} needs --input-format jsonl");
            return Err(usage_error(command, ErrorKind::ArgumentConflict, &how));
        }
        self.source(path, Results::AtTheEnd, squad::open)
    }

    /// JSON Lines where it is said, by an option or the file's ending; else `other`.
    fn format_or(&self, command: &str, path: &Path, other: FileFormat) -> Result<FileFormat> {
        let name = |format: FileFormat| {
            format.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
        };
        match self.input_format.unwrap_or_else(|| FileFormat::guess(path)) {
            FileFormat::Jsonl => Ok(FileFormat::Jsonl),
            given if self.input_format.is_some() && given != other => {
                let how = format!("--input-format {} is not for this: {} or jsonl", name(given), name(other));
                Err(usage_error(command, ErrorKind::ArgumentConflict, &how))
            }
            _ => Ok(other),
        }
    }

    fn open_as(
        &self,
        path: &Path,
        format: FileFormat,
        columns: &Columns,
        results: Results,
    ) -> Result<Source> {
        self.source(path, results, |source, name| input::open(source, name, format, columns))
    }

    /// What `read` makes of the file, of which it gets the name for errors, too.
    fn source(
        &self,
        path: &Path,
        results: Results,
        read: impl FnOnce(Box<dyn Read>, &str) -> Result<Input>,
    ) -> Result<Source> {
        let name = name(path);
        let (source, bar) = open(path, &name, results)?;
        Ok(Source { input: read(source, &name)?, bar, multiline: self.multiline })
    }

    /// What the column of the text is called.
    pub(crate) fn column(&self, default: &str) -> String {
        self.column.as_deref().unwrap_or(default).to_owned()
    }

    /// What the column of the second text is called.
    pub(crate) fn pair_column(&self, default: &str) -> String {
        self.pair_column.as_deref().unwrap_or(default).to_owned()
    }

    fn refuse_columns(&self, command: &str, label: Option<&str>) -> Result<()> {
        let options = [
            ("--column", self.column.is_some()),
            ("--pair-column", self.pair_column.is_some()),
            ("--label-column", label.is_some()),
        ];
        let Some((option, _)) = options.into_iter().find(|(_, is_given)| *is_given) else { return Ok(()) };
        let how = format!("lines have no columns: {option} needs --input-format csv, tsv or jsonl");
        Err(usage_error(command, ErrorKind::ArgumentConflict, &how))
    }
}

/// Whether the path stands for standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What errors and results call the input.
pub(crate) fn name(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}

/// What is at `path`, whose name is `name`, with a bar of how far it is read.
fn open(path: &Path, name: &str, results: Results) -> Result<(Box<dyn Read>, indicatif::ProgressBar)> {
    if is_stdin(path) {
        let bar = progress::endless(results);
        return Ok((Box::new(bar.wrap_read(io::stdin())), bar));
    }
    let file = File::open(path).map_err(|error| anyhow!("{name}: {error}"))?;
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        bail!("{name}: a directory, expected a file of texts");
    }
    let bar = progress::reading(&file, results);
    Ok((Box::new(bar.wrap_read(file)), bar))
}
