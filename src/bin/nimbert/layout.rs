//! What was found in each row to standard output, as a command lays it out.

use std::io::{self, BufWriter, StdoutLock, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    input::Row,
    output::{RowFormat, header, record},
    stream::Writer,
};

/// What a command writes of an answer, in each format.
pub(crate) trait Layout<A> {
    /// What the table has beside the input's columns and the index.
    const COLUMNS: &'static [&'static str];
    /// What the JSON object has beside index and id.
    type Object<'a>: Serialize
    where
        Self: 'a,
        A: 'a;

    /// For people.
    fn human(&self, row: &Row, answer: &A, out: &mut dyn Write) -> io::Result<()>;

    fn object<'a>(&'a self, row: &'a Row, answer: &'a A) -> Self::Object<'a>;

    /// The rows of the table, each with a value for every one of [`Layout::COLUMNS`].
    fn records(&self, answer: &A) -> Vec<Vec<String>>;
}

/// A writer to standard output. `columns` are those of the input.
pub(crate) fn writer<'a, A: 'a>(
    format: RowFormat,
    layout: impl Layout<A> + 'a,
    columns: Vec<String>,
) -> Box<dyn Writer<A> + 'a> {
    let out = io::stdout().lock();
    match format {
        RowFormat::Human => Box::new(Human { out: BufWriter::new(out), layout }),
        RowFormat::Json => Box::new(Json { out: BufWriter::new(out), layout }),
        RowFormat::Csv => {
            Box::new(Csv { out: csv::Writer::from_writer(out), layout, columns, has_header: false })
        }
    }
}

struct Human<L> {
    out: BufWriter<StdoutLock<'static>>,
    layout: L,
}

impl<A, L: Layout<A>> Writer<A> for Human<L> {
    fn write(&mut self, _: usize, row: &Row, answer: &A) -> io::Result<()> {
        self.layout.human(row, answer, &mut self.out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Json<L> {
    out: BufWriter<StdoutLock<'static>>,
    layout: L,
}

#[derive(Serialize)]
struct Line<'a, O> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(flatten)]
    object: O,
}

impl<A, L: Layout<A>> Writer<A> for Json<L> {
    fn write(&mut self, index: usize, row: &Row, answer: &A) -> io::Result<()> {
        let object = self.layout.object(row, answer);
        serde_json::to_writer(&mut self.out, &Line { index, id: row.kept.id.as_deref(), object })?;
        self.out.write_all(b"\n")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Csv<L> {
    out: csv::Writer<StdoutLock<'static>>,
    layout: L,
    /// The input's; none of texts without columns.
    columns: Vec<String>,
    has_header: bool,
}

impl<L> Csv<L> {
    fn header(&mut self, ours: &[&str]) -> io::Result<()> {
        if !self.has_header {
            self.out.write_record(header(&self.columns, ours))?;
            self.has_header = true;
        }
        Ok(())
    }
}

impl<A, L: Layout<A>> Writer<A> for Csv<L> {
    fn write(&mut self, index: usize, row: &Row, answer: &A) -> io::Result<()> {
        self.header(L::COLUMNS)?;
        let index = index.to_string();
        for values in self.layout.records(answer) {
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            self.out.write_record(record(&self.columns, row, &index, &values))?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.header(L::COLUMNS)?;
        self.out.flush()
    }
}
