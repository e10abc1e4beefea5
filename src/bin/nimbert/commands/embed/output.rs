//! Vectors to standard output.

use std::io::{self, BufWriter, StdoutLock, Write};

use nimbert::Embedding;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{count::count, format::Format, input::Row, shorten::shorten, stream::Writer};

/// Characters of a text, and numbers of a vector, that are shown.
const TEXT: usize = 80;
const NUMBERS: usize = 6;

pub(super) fn writer(format: Format) -> Box<dyn Writer<Embedding>> {
    let out = BufWriter::new(io::stdout().lock());
    match format {
        Format::Human => Box::new(Human { out }),
        Format::Json => Box::new(Json { out }),
    }
}

struct Human {
    out: BufWriter<StdoutLock<'static>>,
}

impl Writer<Embedding> for Human {
    fn write(&mut self, _: usize, row: &Row, result: &Embedding) -> io::Result<()> {
        let Embedding { values, tokens, truncated, .. } = result;
        let length = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
        let first: Vec<_> = values.iter().take(NUMBERS).map(|x| format!("{x:.4}")).collect();
        let more = if values.len() > NUMBERS { " …" } else { "" };
        let cut = if *truncated { ", cut" } else { "" };
        writeln!(self.out, "{}", shorten(&row.fields[0], TEXT))?;
        let about = format!(
            "{}, length {length:.3}, {}{cut}",
            count(values.len(), "number"),
            count(*tokens, "token")
        );
        writeln!(self.out, "  {}{more}  ({about})", first.join(" "))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
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
    embedding: &'a [f32],
    tokens: usize,
    truncated: bool,
}

impl Writer<Embedding> for Json {
    fn write(&mut self, index: usize, row: &Row, result: &Embedding) -> io::Result<()> {
        let Embedding { values: embedding, tokens, truncated, .. } = result;
        let (tokens, truncated) = (*tokens, *truncated);
        let object = Object { index, id: row.kept.id.as_deref(), embedding, tokens, truncated };
        serde_json::to_writer(&mut self.out, &object)?;
        self.out.write_all(b"\n")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
