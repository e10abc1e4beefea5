//! `nimbert rerank`: documents in, the best for a query first.

use std::{fmt::Write, iter};

use anyhow::{Result, anyhow};
use clap::{Args, error::ErrorKind};
use indicatif::ProgressBar;
use nimbert::{Ranked, Reranker};
use serde_json::{Map, Value, json};

use crate::{
    count::count,
    input::{Input, Row},
    output::{RowFormat, header, record},
    positive, progress,
    scoring::{Source, at_row, next_batch},
    shorten::shorten,
    show,
    stream::{Failures, StreamArgs},
    usage_error,
};

const EXAMPLES: &str = "\
Examples:
  nimbert rerank --model ms-marco-MiniLM-L6-v2 --query 'what is it about?' 'a film about Ghent' 'how to bake bread'
  nimbert rerank -m DIR --query 'a warm film' --input documents.txt --top-k 3
  nimbert rerank -m DIR --query 'a warm film' -i documents.jsonl --column body --format json

JSON is an object for each document, best first: index (its place in the input, from 0), id (where the input has one), score and
document. CSV has the input's columns, or the document in the column text, with index and score.";

/// Characters of a document that are shown.
const TEXT: usize = 80;

/// Order documents by how well they answer a query
#[derive(Args)]
#[command(after_help = EXAMPLES, mut_arg("model", |model| model.required(true).help("Cross-encoder: checkpoint directory, or packed file made by `nimbert pack`").long_help(None)))]
pub(crate) struct Rerank {
    /// Documents
    #[arg(value_name = "DOCUMENT")]
    #[arg(conflicts_with_all = ["input", "input_format", "column", "pair_column", "multiline"])]
    documents: Vec<String>,

    /// What is asked
    #[arg(short, long, value_name = "TEXT")]
    query: String,

    #[command(flatten)]
    stream: StreamArgs,

    /// Only the best K documents
    #[arg(short = 'k', long, value_name = "K", value_parser = positive, help_heading = "Results")]
    top_k: Option<usize>,

    /// How results are written to standard output
    #[arg(short, long, value_enum, default_value = "human", help_heading = "Results")]
    format: RowFormat,
}

impl Rerank {
    pub(crate) fn run(self) -> Result<()> {
        let wrong = |kind, how: &str| Err(usage_error("rerank", kind, how));
        let model = self.stream.model.path().expect("clap wants one");
        if self.query.trim().is_empty() {
            return wrong(ErrorKind::ValueValidation, "--query is empty: nothing is asked");
        }
        if self.stream.reading.has_pairs() {
            let how = "documents are one text each: --pair-column is not for this command";
            return wrong(ErrorKind::ArgumentConflict, how);
        }
        let source = self.stream.open("rerank", &self.documents)?;
        let columns = source.input.columns.clone();
        let options = self.stream.options();
        let reranker = progress::during("loading the model", || Reranker::load(model, options))?;
        let mut failures = Failures::default();
        let mut ranked = self.rank(&reranker, source, &mut failures);
        ranked.sort_by(|(a, _), (b, _)| b.score.total_cmp(&a.score));
        ranked.truncate(self.top_k.unwrap_or(usize::MAX));
        show(&match self.format {
            RowFormat::Human => human(&ranked),
            RowFormat::Json => {
                ranked.iter().map(|(found, row)| format!("{}\n", object(found, row))).collect()
            }
            RowFormat::Csv => table(&columns, &ranked)?,
        })?;
        failures.outcome()
    }

    /// The score of each document beside its row. One that has none is told, and the others are ranked.
    fn rank(&self, reranker: &Reranker, source: Source, failures: &mut Failures) -> Vec<(Ranked, Row)> {
        let Source { input: Input { mut rows, .. }, bar, .. } = source;
        let (mut ranked, mut read) = (Vec::new(), 0);
        loop {
            let (batch, outcome) = next_batch(&mut rows, self.stream.batch());
            let is_last = batch.is_empty() && outcome.is_ok();
            let documents: Vec<_> = batch.iter().map(Row::text).collect();
            let found = reranker.scores(&self.query, &documents);
            for (found, row) in iter::zip(found, batch) {
                match found {
                    _ if row.fields[0].trim().is_empty() => {
                        failures.add(anyhow!("{}: an empty document", row.place), &bar);
                    }
                    Ok(mut found) => {
                        found.index = read;
                        ranked.push((found, row));
                    }
                    Err(error) => failures.add(at_row(error, &row), &bar),
                }
                read += 1;
            }
            if let Err(error) = outcome {
                failures.add(error, &bar);
                read += 1;
            }
            tell(&bar, ranked.len());
            if is_last {
                break;
            }
        }
        bar.finish_and_clear();
        ranked
    }
}

fn tell(bar: &ProgressBar, done: usize) {
    bar.set_message(count(done, "document").to_string());
}

fn human(ranked: &[(Ranked, Row)]) -> String {
    ranked.iter().fold(String::new(), |mut text, (found, row)| {
        let cut = if found.truncated { "  (cut)" } else { "" };
        let document = shorten(&row.fields[0], TEXT);
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:>8.4}  {:>5}  {document}{cut}", found.score, found.index);
        text
    })
}

fn table(columns: &[String], ranked: &[(Ranked, Row)]) -> Result<String> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(header(columns, &["score"]))?;
    for (found, row) in ranked {
        let (index, score) = (found.index.to_string(), found.score.to_string());
        out.write_record(record(columns, row, &index, &[&score]))?;
    }
    Ok(String::from_utf8(out.into_inner()?)?)
}

fn object(found: &Ranked, row: &Row) -> Value {
    let mut object = Map::new();
    object.insert("index".to_owned(), json!(found.index));
    if let Some(id) = &row.kept.id {
        object.insert("id".to_owned(), serde_json::from_str(id.get()).unwrap_or(Value::Null));
    }
    object.insert("score".to_owned(), json!(found.score));
    object.insert("document".to_owned(), json!(row.fields[0]));
    Value::Object(object)
}
