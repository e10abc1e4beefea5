//! Rows in: lines, CSV, TSV and JSON Lines as one stream of [`Row`]s, in order and in constant memory.

use std::{io::Read, iter, path::Path};

use anyhow::{Result, anyhow, bail, ensure};
use clap::ValueEnum;
use serde_json::{Map, Value};

use super::{human::shorten, lines::Lines};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One text a line
    Lines,
    /// RFC 4180 with a header; quoted fields may hold commas and newlines
    Csv,
    /// A header, then tabs and newlines only: a quote is an ordinary character
    Tsv,
    /// One JSON object a line
    Jsonl,
}

impl Format {
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
pub(crate) struct Row {
    /// Where it comes from, for errors: input and line.
    pub(crate) place: String,
    /// The text, or a pair of texts.
    pub(crate) fields: Vec<String>,
    /// What its label column has, if one was asked for.
    pub(crate) label: Option<Label>,
}

/// What a label column may have.
pub(crate) enum Label {
    /// One value, in which several labels may be listed.
    Field(String),
    /// A JSON array.
    List(Vec<String>),
}

/// Which columns (CSV, TSV) or keys (JSON Lines) to read.
#[derive(Clone)]
pub(crate) struct Columns {
    /// Of the text, or of the two of a pair.
    pub(crate) texts: Vec<String>,
    pub(crate) label: Option<String>,
}

/// After an error the stream is not worth reading on.
pub(crate) type Rows = Box<dyn Iterator<Item = Result<Row>>>;

/// The rows of `source`, each with the fields named in `columns` (which [`Format::Lines`] does not look at).
/// `name` is what errors call the input. A header is read and checked at once.
pub(crate) fn rows(
    source: impl Read + 'static,
    name: &str,
    format: Format,
    columns: &Columns,
) -> Result<Rows> {
    let lines = Lines::new(source, name)?;
    match format {
        Format::Lines => Ok(plain(lines)),
        Format::Csv => csv(lines, columns),
        Format::Tsv => tsv(lines, columns),
        Format::Jsonl => Ok(jsonl(lines, columns.clone())),
    }
}

fn plain(mut lines: Lines) -> Rows {
    stream(move || {
        let Some(text) = lines.next_line()?.map(str::to_owned) else { return Ok(None) };
        Ok(Some(Row { place: line_of(&lines), fields: vec![text], label: None }))
    })
}

fn csv(lines: Lines, columns: &Columns) -> Result<Rows> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(lines);
    let names: Vec<_> = reader.headers()?.iter().map(str::to_owned).collect();
    let header = Header::find(reader.get_ref().name(), &names, columns)?;
    let mut record = csv::StringRecord::new();
    let mut number = 0;
    Ok(stream(move || {
        if !reader.read_record(&mut record)? {
            return Ok(None);
        }
        number += 1;
        // The row ends on the line last read. (The parser's own count is one less in files with `\r\n`.)
        let newlines: usize = record.iter().map(|field| field.matches('\n').count()).sum();
        let lines = reader.get_ref();
        let place = format!("{}: row {number} (line {})", lines.name(), lines.number() - newlines as u64);
        header.pick(&record.iter().collect::<Vec<_>>(), place).map(Some)
    }))
}

fn tsv(mut lines: Lines, columns: &Columns) -> Result<Rows> {
    let names: Vec<_> = match lines.next_line()? {
        Some(line) => line.split('\t').map(str::to_owned).collect(),
        None => Vec::new(),
    };
    let header = Header::find(lines.name(), &names, columns)?;
    Ok(stream(move || {
        let Some(line) = lines.next_line()?.map(str::to_owned) else { return Ok(None) };
        header.pick(&line.split('\t').collect::<Vec<_>>(), line_of(&lines)).map(Some)
    }))
}

fn jsonl(mut lines: Lines, keys: Columns) -> Rows {
    stream(move || {
        let Some(parsed) = lines.next_line()?.map(serde_json::from_str::<Value>) else { return Ok(None) };
        let place = line_of(&lines);
        let object = match parsed {
            Ok(Value::Object(object)) => object,
            Ok(other) => bail!("{place}: expected a JSON object, found {}", kind(&other)),
            Err(error) => {
                let what = error.to_string().replace(" at line 1 column ", " at column ");
                bail!("{place}: not valid JSON: {what}")
            }
        };
        let of_row = |error| anyhow!("{place}: {error}");
        let fields = keys.texts.iter().map(|key| string_of(&object, key)).collect::<Result<_>>();
        let label = keys.label.as_ref().map(|key| label_of(&object, key)).transpose();
        Ok(Some(Row { fields: fields.map_err(of_row)?, label: label.map_err(of_row)?, place }))
    })
}

fn string_of(object: &Map<String, Value>, key: &str) -> Result<String> {
    match object.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => bail!("{key:?} is {}, not a string", kind(other)),
        None => bail!("no key {key:?}; there {}", listed(object.keys())),
    }
}

/// A name, a number or a truth value, or several in an array.
fn label_of(object: &Map<String, Value>, key: &str) -> Result<Label> {
    let one = |value: &Value| match value {
        Value::String(name) => Ok(name.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(is_so) => Ok(is_so.to_string()),
        other => bail!("{key:?} is {}, not a label", kind(other)),
    };
    match object.get(key) {
        Some(Value::Array(several)) => several.iter().map(one).collect::<Result<_>>().map(Label::List),
        Some(value) => one(value).map(Label::Field),
        None => bail!("no key {key:?}; there {}", listed(object.keys())),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Where the columns asked for are in a table's rows.
struct Header {
    width: usize,
    texts: Vec<(usize, String)>,
    label: Option<(usize, String)>,
}

impl Header {
    fn find(input: &str, names: &[String], columns: &Columns) -> Result<Self> {
        let find = |column: &String| match names.iter().position(|name| name == column) {
            Some(at) if names[at + 1..].contains(column) => {
                bail!("{input}: two columns are called {column:?}")
            }
            Some(at) => Ok((at, column.clone())),
            None => bail!("{input}: no column {column:?}; there {}", listed(names)),
        };
        ensure!(!names.is_empty(), "{input}: empty, expected a header with the columns' names");
        let texts = columns.texts.iter().map(find).collect::<Result<_>>()?;
        Ok(Self { width: names.len(), texts, label: columns.label.as_ref().map(find).transpose()? })
    }

    /// A row that is too short may lack columns that nobody asked for; one that is too long has a separator
    /// inside a text, and what would be scored is not what was meant.
    fn pick(&self, fields: &[&str], place: String) -> Result<Row> {
        let (found, expected) = (fields.len(), self.width);
        ensure!(found <= expected, "{place}: {found} fields, the header has {expected}");
        let field = |(at, column): &(usize, String)| match fields.get(*at) {
            Some(field) => Ok((*field).to_owned()),
            None => bail!("{place}: no column {column:?}: {found} of {expected} fields"),
        };
        let label = self.label.as_ref().map(field).transpose()?.map(Label::Field);
        Ok(Row { fields: self.texts.iter().map(field).collect::<Result<_>>()?, label, place })
    }
}

fn stream(mut next: impl FnMut() -> Result<Option<Row>> + 'static) -> Rows {
    Box::new(iter::from_fn(move || next().transpose()))
}

fn line_of(lines: &Lines) -> String {
    format!("{}: line {}", lines.name(), lines.number())
}

fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("{name:?}")).collect();
    match names.len() {
        0 => "is none".to_owned(),
        1 => format!("is {}", shorten(&names[0], 300)),
        _ => format!("are {}", shorten(&names.join(", "), 300)),
    }
}
