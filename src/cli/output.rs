//! Results out: one [`Writer`] a format.

use std::io::{self, BufWriter, StdoutLock, Write};

use clap::ValueEnum;
use nimbert::{Classification, Engine, Score};
use serde::Serialize;

use super::{human::Human, input::Row};

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// For reading: each text with its stars or bars
    Human,
    /// One object a line, with all labels and logits
    Json,
    /// One row a label shown: index,text,tokens,truncated,label,score
    Csv,
}

/// Writes results in the order of their texts. Nothing goes out before the first call of `write` or `flush`.
pub(crate) trait Writer {
    /// `index` counts the texts from 0.
    fn write(&mut self, index: usize, row: &Row, result: &Classification) -> io::Result<()>;
    /// Passes everything on to where it goes.
    fn flush(&mut self) -> io::Result<()>;
}

/// A writer to standard output that shows the best `shown` labels of each text.
pub(crate) fn writer(format: Format, shown: usize, engine: &Engine) -> Box<dyn Writer> {
    let out = io::stdout().lock();
    match format {
        Format::Human => Box::new(Human::new(BufWriter::new(out), shown, engine)),
        Format::Json => Box::new(Json { out: BufWriter::new(out) }),
        Format::Csv => Box::new(Csv { out: csv::Writer::from_writer(out), shown, has_header: false }),
    }
}

struct Json {
    out: BufWriter<StdoutLock<'static>>,
}

#[derive(Serialize)]
struct Object<'a> {
    index: usize,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pair: Option<&'a String>,
    tokens: usize,
    truncated: bool,
    scores: Vec<LabelScore<'a>>,
    logits: &'a [f32],
}

#[derive(Serialize)]
struct LabelScore<'a> {
    label: &'a str,
    score: f32,
}

impl Writer for Json {
    fn write(&mut self, index: usize, row: &Row, result: &Classification) -> io::Result<()> {
        let scores = result.ranked().into_iter().map(|Score { label, score }| LabelScore { label, score });
        let object = Object {
            index,
            text: &row.fields[0],
            pair: row.fields.get(1),
            tokens: result.tokens,
            truncated: result.truncated,
            scores: scores.collect(),
            logits: &result.logits,
        };
        serde_json::to_writer(&mut self.out, &object)?;
        self.out.write_all(b"\n")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Csv {
    out: csv::Writer<StdoutLock<'static>>,
    shown: usize,
    has_header: bool,
}

impl Csv {
    fn header(&mut self) -> io::Result<()> {
        if !self.has_header {
            self.out.write_record(["index", "text", "tokens", "truncated", "label", "score"])?;
            self.has_header = true;
        }
        Ok(())
    }
}

impl Writer for Csv {
    fn write(&mut self, index: usize, row: &Row, result: &Classification) -> io::Result<()> {
        self.header()?;
        let (index, tokens) = (index.to_string(), result.tokens.to_string());
        let truncated = if result.truncated { "true" } else { "false" };
        for Score { label, score } in result.ranked().into_iter().take(self.shown) {
            let score = score.to_string();
            self.out.write_record([&index, &row.fields[0], &tokens, truncated, label, &score])?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.header()?;
        self.out.flush()
    }
}
