//! Labels to standard output.

use std::io::{self, BufWriter, StdoutLock, Write};

use nimbert::{Hypotheses, ZeroShotAnswer};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    input::Row,
    output::{RowFormat, header, record},
    shorten::shorten,
    stream::Writer,
};

/// Characters of a text that are shown.
const TEXT: usize = 80;

pub(super) fn writer<'a>(
    format: RowFormat,
    hypotheses: &'a Hypotheses,
    columns: Vec<String>,
) -> Box<dyn Writer<ZeroShotAnswer> + 'a> {
    let out = io::stdout().lock();
    match format {
        RowFormat::Human => Box::new(Human { out: BufWriter::new(out), hypotheses }),
        RowFormat::Json => Box::new(Json { out: BufWriter::new(out), hypotheses }),
        RowFormat::Csv => {
            let out = csv::Writer::from_writer(out);
            Box::new(Csv { out, hypotheses, columns, has_header: false })
        }
    }
}

struct Human<'a> {
    out: BufWriter<StdoutLock<'static>>,
    hypotheses: &'a Hypotheses,
}

impl Writer<ZeroShotAnswer> for Human<'_> {
    fn write(&mut self, _: usize, row: &Row, result: &ZeroShotAnswer) -> io::Result<()> {
        let cut = if result.truncated { "  (cut)" } else { "" };
        writeln!(self.out, "{}{cut}", shorten(&row.fields[0], TEXT))?;
        result.labels.iter().try_for_each(|found| {
            writeln!(self.out, "  {:.3}  {}", found.score, self.hypotheses.label(found.index))
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Json<'a> {
    out: BufWriter<StdoutLock<'static>>,
    hypotheses: &'a Hypotheses,
}

#[derive(Serialize)]
struct Object<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    labels: Vec<&'a str>,
    scores: Vec<f32>,
    truncated: bool,
}

impl Writer<ZeroShotAnswer> for Json<'_> {
    fn write(&mut self, index: usize, row: &Row, result: &ZeroShotAnswer) -> io::Result<()> {
        let object = Object {
            index,
            id: row.kept.id.as_deref(),
            labels: result.labels.iter().map(|found| self.hypotheses.label(found.index)).collect(),
            scores: result.labels.iter().map(|found| found.score).collect(),
            truncated: result.truncated,
        };
        serde_json::to_writer(&mut self.out, &object)?;
        self.out.write_all(b"\n")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Csv<'a> {
    out: csv::Writer<StdoutLock<'static>>,
    hypotheses: &'a Hypotheses,
    /// The input's; none of texts without columns.
    columns: Vec<String>,
    has_header: bool,
}

impl Csv<'_> {
    fn header(&mut self) -> io::Result<()> {
        if !self.has_header {
            self.out.write_record(header(&self.columns, &["label", "score"]))?;
            self.has_header = true;
        }
        Ok(())
    }
}

impl Writer<ZeroShotAnswer> for Csv<'_> {
    fn write(&mut self, index: usize, row: &Row, result: &ZeroShotAnswer) -> io::Result<()> {
        self.header()?;
        let index = index.to_string();
        for found in &result.labels {
            let (label, score) = (self.hypotheses.label(found.index), found.score.to_string());
            self.out.write_record(record(&self.columns, row, &index, &[label, &score]))?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.header()?;
        self.out.flush()
    }
}
