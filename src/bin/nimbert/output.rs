//! Results out: one [`Writer`] a format.

use std::{
    io::{self, BufWriter, StdoutLock, Write},
    iter,
};

use clap::ValueEnum;
use nimbert::{Classification, Engine, Score};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{human::Human, input::Row, stream::Writer};

/// How a command that gives a result for each row writes them.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// For reading
    Human,
    /// One object a line, with all that was found
    Json,
    /// A table: the input's columns, or the text, and what was found
    Csv,
}

/// A writer to standard output that shows the best `shown` labels of each text. `columns` are those of the input.
pub(crate) fn writer(
    format: RowFormat,
    shown: usize,
    engine: &Engine,
    columns: Vec<String>,
) -> Box<dyn Writer<Classification>> {
    let out = io::stdout().lock();
    match format {
        RowFormat::Human => Box::new(Human::new(BufWriter::new(out), shown, engine)),
        RowFormat::Json => Box::new(Json { out: BufWriter::new(out) }),
        RowFormat::Csv => {
            Box::new(Csv { out: csv::Writer::from_writer(out), shown, columns, has_header: false })
        }
    }
}

struct Json {
    out: BufWriter<StdoutLock<'static>>,
}

#[derive(Serialize)]
struct Object<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
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

impl Writer<Classification> for Json {
    fn write(&mut self, index: usize, row: &Row, result: &Classification) -> io::Result<()> {
        let scores = result.ranked().into_iter().map(|Score { label, score }| LabelScore { label, score });
        let object = Object {
            index,
            id: row.kept.id.as_deref(),
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
    /// The input's; none of texts without columns.
    columns: Vec<String>,
    has_header: bool,
}

impl Csv {
    fn header(&mut self) -> io::Result<()> {
        if !self.has_header {
            self.out.write_record(header(&self.columns, &["tokens", "truncated", "label", "score"]))?;
            self.has_header = true;
        }
        Ok(())
    }
}

/// The input's columns, and then ours, of which none has a name that is taken; or of texts without columns, the text between.
pub(crate) fn header(columns: &[String], ours: &[&str]) -> Vec<String> {
    if columns.is_empty() {
        return ["index", "text"].iter().chain(ours).map(|name| (*name).to_owned()).collect();
    }
    let ours = iter::once(&"index").chain(ours).map(|name| {
        let mut name = (*name).to_owned();
        while columns.contains(&name) {
            name.insert_str(0, "nimbert_");
        }
        name
    });
    columns.iter().cloned().chain(ours).collect()
}

/// The fields under such a [`header`].
pub(crate) fn record<'a>(
    columns: &[String],
    row: &'a Row,
    index: &'a str,
    ours: &'a [&'a str],
) -> impl Iterator<Item = &'a str> {
    let text = if columns.is_empty() { Some(row.fields[0].as_str()) } else { None };
    // One of the two is nothing.
    let columns = row.kept.columns.iter().map(String::as_str).filter(move |_| text.is_none());
    columns.chain([index]).chain(text).chain(ours.iter().copied())
}

impl Writer<Classification> for Csv {
    fn write(&mut self, index: usize, row: &Row, result: &Classification) -> io::Result<()> {
        self.header()?;
        let (index, tokens) = (index.to_string(), result.tokens.to_string());
        let truncated = if result.truncated { "true" } else { "false" };
        for Score { label, score } in result.ranked().into_iter().take(self.shown) {
            let score = score.to_string();
            self.out.write_record(record(
                &self.columns,
                row,
                &index,
                &[&tokens, truncated, label, &score],
            ))?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.header()?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::header;

    #[test]
    fn the_input_s_columns_keep_their_names() {
        let names = |columns: &[&str]| {
            let columns: Vec<_> = columns.iter().map(|name| (*name).to_owned()).collect();
            header(&columns, &["tokens", "truncated", "label", "score"]).join(",")
        };
        assert_eq!(names(&[]), "index,text,tokens,truncated,label,score");
        assert_eq!(names(&["id", "text"]), "id,text,index,tokens,truncated,label,score");
        assert_eq!(
            names(&["score", "nimbert_score", "label", "label"]),
            "score,nimbert_score,label,label,index,tokens,truncated,nimbert_label,nimbert_nimbert_score"
        );
    }
}
