//! `--task rerank`: does a cross-encoder put the relevant documents of a query first?

use std::fmt::Write;

use anyhow::{Result, bail, ensure};
use nimbert::Reranker;
use serde_json::{Map, Value, json};

use super::{
    Eval,
    report::{cut, head, json_head, json_table, rate_of, summary},
};
use crate::{
    count::count,
    data::number,
    evaluation::{
        page,
        retrieval::{Judged, Measured, Queries, Undefined},
    },
    input::Row,
    progress,
    scoring::{Speed, expect_query_and_document, score},
    shorten::shorten,
    texts,
};

/// Queries that are named of those left out, and characters that are shown of one.
const NAMED: usize = 5;
const TEXT: usize = 80;

/// A model's scores on a file.
#[derive(Default)]
struct Reranked {
    queries: Queries,
    speed: Speed,
    /// Documents that were cut to the tokens allowed.
    truncated: usize,
}

pub(super) fn run(eval: &Eval) -> Result<()> {
    let model = eval.model.resolve();
    let (path, options) = (eval.path(&model)?, eval.options(&model));
    let reranker = progress::during("loading the model", || Reranker::load(path, options))?;
    let page = eval.page(&model)?;
    let found = Reranked::score(eval, &reranker)?;
    let measured = found.queries.measure();
    let about = found.about(&model.to_string(), eval, &reranker, &measured);
    let written = page.map_or(Ok(()), |page| page.fill(page::retrieval(&about, &measured)?.as_bytes()));
    let human = || summary(&about, &measured.table()) + &left_out(&measured);
    eval.show(written, human, || found.object(&model.to_string(), &reranker, &measured))
}

impl Reranked {
    fn score(eval: &Eval, reranker: &Reranker) -> Result<Self> {
        let (columns, mut found) = (&eval.columns, Self::default());
        let query = eval.query_column.as_deref().unwrap_or("query").to_owned();
        let relevance = columns.label_column("relevance");
        let texts = vec![query, columns.texts.column("document")];
        let source = columns.open_numbers("eval", &eval.input, texts, relevance)?;
        [found.speed] = score([reranker], source, |row, [answer]| {
            let relevance = judgement(row, relevance)?;
            found.truncated += usize::from(answer.truncated);
            found.queries.push(&row.fields[0], &row.place, Judged { score: answer.score, relevance });
            Ok(())
        })?;
        if found.speed.texts == 0 {
            bail!("{}: no texts", texts::name(&eval.input));
        }
        Ok(found)
    }

    /// What was measured, on what.
    fn about(
        &self,
        model: &str,
        eval: &Eval,
        reranker: &Reranker,
        measured: &Measured<'_>,
    ) -> Vec<(&'static str, String)> {
        let Self { speed, truncated, .. } = self;
        let queries = measured.orders.len() + measured.left_out.len();
        let queries = match queries {
            1 => "1 query".to_owned(),
            _ => format!("{} queries", indicatif::HumanCount(queries as u64)),
        };
        let documents = format!("{}{}", count(speed.texts, "document"), cut(*truncated, reranker.engine()));
        let data = format!("{}: {queries}, {documents}", texts::name(&eval.input));
        head(model, reranker.engine(), data, rate_of(speed, "documents"))
    }

    /// `first_relevant` counts queries by the rank of their first relevant document: from 1 to 10, and beyond.
    fn object(&self, model: &str, reranker: &Reranker, measured: &Measured<'_>) -> Value {
        let mut undefined = Map::new();
        let mut object = json_head(model, reranker.engine());
        let left_out: Vec<_> = measured
            .left_out
            .iter()
            .map(|(query, why)| json!({ "query": query.text, "reason": why.reason() }))
            .collect();
        object.insert("figures".to_owned(), json_table(&measured.table(), &mut undefined));
        object.insert("undefined".to_owned(), undefined.into());
        object.insert("queries".to_owned(), json!(measured.orders.len() + left_out.len()));
        object.insert("left_out".to_owned(), left_out.into());
        object.insert("first_relevant".to_owned(), json!(measured.first_ranks()));
        object.insert("documents".to_owned(), json!(self.speed.texts));
        object.insert("truncated".to_owned(), json!(self.truncated));
        object.insert("documents_per_second".to_owned(), json!(self.speed.texts_per_second()));
        Value::Object(object)
    }
}

/// A row's relevance, and that there is something to score.
fn judgement(row: &Row, column: &str) -> Result<f64> {
    expect_query_and_document(row)?;
    let relevance = number(row, column)?;
    ensure!(relevance >= 0.0, "{}: {column:?} is {relevance}, expected a number from 0", row.place);
    Ok(relevance)
}

/// How many queries have no figures, and which.
fn left_out(measured: &Measured<'_>) -> String {
    let mut out = String::new();
    for reason in Undefined::ALL {
        let queries: Vec<_> = measured.without(reason).collect();
        if queries.is_empty() {
            continue;
        }
        // Writing to a string does not fail.
        _ = writeln!(out, "\nleft out: {} {}", queries.len(), reason.reason());
        for query in queries.iter().take(NAMED) {
            _ = writeln!(out, "  {}: {}", query.place, shorten(&query.text, TEXT));
        }
        if queries.len() > NAMED {
            _ = writeln!(out, "  and {} more", queries.len() - NAMED);
        }
    }
    out
}
