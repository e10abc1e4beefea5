//! The first row of a table, and what it makes of the others.

use anyhow::{Result, bail, ensure};
use serde_json::value::to_raw_value;

use super::{Columns, Kept, Label, MOST_COLUMNS, Row, listed};

/// Where the columns asked for are in a table's rows.
pub(super) struct Header {
    /// All names, in order.
    pub(super) names: Vec<String>,
    texts: Vec<usize>,
    label: Option<usize>,
    id: Option<usize>,
    keep: bool,
}

impl Header {
    /// `count` is how many names there are, of which at most [`MOST_COLUMNS`] were read.
    pub(super) fn new(input: &str, names: Vec<String>, count: usize, columns: &Columns) -> Result<Self> {
        ensure!(count > 0, "{input}: empty, expected a header with the columns' names");
        ensure!(
            count <= MOST_COLUMNS,
            "{input}: {count} columns, expected a table of at most {MOST_COLUMNS}"
        );
        let find = |column: &String| match names.iter().position(|name| name == column) {
            Some(at) if names[at + 1..].contains(column) => {
                bail!("{input}: two columns are called {column:?}")
            }
            Some(at) => Ok(at),
            None => bail!("{input}: no column {column:?}; there {}", listed(&names)),
        };
        let texts = columns.texts.iter().map(find).collect::<Result<_>>()?;
        let label = columns.label.as_ref().map(find).transpose()?;
        let id = names.iter().position(|name| name == "id").filter(|_| columns.keep);
        Ok(Self { names, texts, label, id, keep: columns.keep })
    }

    /// How many columns there are.
    pub(super) fn width(&self) -> usize {
        self.names.len()
    }

    /// A row with more or fewer fields than the header is an error, whatever was asked for: a separator inside a text
    /// makes one too many, a line break inside a text or the end of a cut file one too few.
    ///
    /// `count` is how many fields there are, of which at least as many as the header's were read.
    pub(super) fn pick(&self, fields: Vec<String>, count: usize, place: String) -> Result<Row> {
        let expected = self.width();
        ensure!(count <= expected, "{place}: {count} fields, the header has {expected}");
        if let Some(missing) = self.names.get(count) {
            bail!("{place}: no column {missing:?}: {count} of {expected} fields");
        }
        let row = Row {
            fields: self.texts.iter().map(|&at| fields[at].clone()).collect(),
            label: self.label.map(|at| Label::Field(fields[at].clone())),
            place,
            ..Row::default()
        };
        if !self.keep {
            return Ok(row);
        }
        let id = self.id.map(|at| to_raw_value(&fields[at])).transpose()?;
        Ok(Row { kept: Kept { columns: fields, id }, ..row })
    }
}
