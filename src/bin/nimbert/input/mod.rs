//! Rows in: lines, CSV, TSV, JSON Lines and CoNLL as one stream of [`Row`]s, in order and in constant memory; SQuAD's JSON as a whole.
//!
//! Nothing is read leniently: a row that is lost or merged with another changes what is measured, and nobody sees it. What
//! a format does not define is an error that names the line where it begins.

pub(crate) mod conll;
mod csv;
mod header;
pub(crate) mod jsonl;
mod lines;
pub(crate) mod squad;
mod tsv;

use std::{io::Read, iter, path::Path};

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde_json::value::RawValue;

use super::shorten::shorten;
pub(crate) use lines::{Lines, MOST_BYTES};

/// The most columns that a table may have, and keys that an object may have.
const MOST_COLUMNS: usize = 1 << 14;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileFormat {
    /// One text a line
    Lines,
    /// RFC 4180 with a header; quoted fields may hold commas and newlines
    Csv,
    /// A header, then tabs and newlines only: a quote is an ordinary character
    Tsv,
    /// One JSON object a line
    Jsonl,
    /// Of `eval --task tag`, and the default there: a word a line with its tag, empty lines between sentences
    Conll,
    /// Of `eval --task answer`, and the default there: the JSON of SQuAD 1.1 and 2.0
    Squad,
}

impl FileFormat {
    /// What the file's ending says.
    pub(crate) fn guess(path: &Path) -> Self {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            "jsonl" | "ndjson" => Self::Jsonl,
            _ => Self::Lines,
        }
    }
}

/// The fields asked for of one row.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// Where it comes from, for errors: input and line.
    pub(crate) place: String,
    /// The text, or a pair of texts; of a sentence its words.
    pub(crate) fields: Vec<String>,
    /// What its label column has, if one was asked for.
    pub(crate) label: Option<Label>,
    /// What else its writer wants back, if that was asked for.
    pub(crate) kept: Kept,
    /// Of a record of several lines of which each would be a row by itself: how many. It may be that many rows which a
    /// stray quote has merged. Else 0.
    pub(crate) rows_in_one: usize,
}

/// What goes with a row from the input to the output.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// A value for each of [`Input::columns`].
    pub(crate) columns: Vec<String>,
    /// The value of `id`, as JSON.
    pub(crate) id: Option<Box<RawValue>>,
}

/// What a label column may have.
#[derive(Debug)]
pub(crate) enum Label {
    /// One value, in which several labels may be listed.
    Field(String),
    /// A JSON array.
    List(Vec<String>),
}

/// Which columns (CSV, TSV) or keys (JSON Lines) to read.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    /// Of the text, or of the two of a pair.
    pub(crate) texts: Vec<String>,
    pub(crate) label: Option<String>,
    /// Whether rows have [`Kept`] what is to be written again.
    pub(crate) keep: bool,
}

/// After an error it ends, or goes on with the next row where it is known where that begins.
pub(crate) type Rows = Box<dyn Iterator<Item = Result<Row>>>;

/// An input whose header, if it has one, was read.
pub(crate) struct Input {
    /// The columns that rows keep: all those of a table; of JSON Lines `id`, and the keys of the texts.
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Rows,
}

/// The rows of `source`, each with the fields named in `columns` (which [`FileFormat::Lines`] does not look at).
/// `name` is what errors call the input. A header is read and checked at once.
pub(crate) fn open(
    source: impl Read + 'static,
    name: &str,
    format: FileFormat,
    columns: &Columns,
) -> Result<Input> {
    let lines = Lines::new(source, name);
    match format {
        FileFormat::Lines => Ok(Input { columns: Vec::new(), rows: plain(lines) }),
        FileFormat::Csv => csv::open(lines, columns),
        FileFormat::Tsv => tsv::open(lines, columns),
        FileFormat::Jsonl => Ok(jsonl::open(lines, columns.clone())),
        FileFormat::Conll => bail!("{name}: conll is for words with tags, as eval --task tag reads them"),
        FileFormat::Squad => bail!("{name}: squad is for questions, as eval --task answer reads them"),
    }
}

fn plain(mut lines: Lines) -> Rows {
    stream(move || {
        let Some(text) = lines.next_line()?.map(str::to_owned) else { return Ok(None) };
        Ok(Some(Row { place: lines.place(), fields: vec![text], ..Row::default() }))
    })
}

impl Row {
    /// The text, or the first of a pair.
    pub(crate) fn text(&self) -> &str {
        &self.fields[0]
    }

    /// Both texts of a pair.
    pub(crate) fn pair(&self) -> (&str, &str) {
        (&self.fields[0], &self.fields[1])
    }

    /// How much text it has.
    pub(crate) fn bytes(&self) -> usize {
        self.fields.iter().chain(&self.kept.columns).map(String::len).sum()
    }
}

/// Ends at the first error.
fn stream(mut next: impl FnMut() -> Result<Option<Row>> + 'static) -> Rows {
    let mut is_at_end = false;
    Box::new(iter::from_fn(move || {
        let row = if is_at_end { None } else { next().transpose() };
        is_at_end = !matches!(row, Some(Ok(_)));
        row
    }))
}

/// The names that there are, for an error about one that there is not.
fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("{name:?}")).collect();
    match names.len() {
        0 => "is none".to_owned(),
        1 => format!("is {}", shorten(&names[0], 300)),
        _ => format!("are {}", shorten(&names.join(", "), 300)),
    }
}
