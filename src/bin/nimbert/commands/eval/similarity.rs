//! `--task similarity`: does the cosine of two texts' vectors say how alike people find them?

use std::{iter, time::Instant};

use anyhow::{Result, bail};
use nimbert::{Embedder, Embedding};
use serde_json::{Map, Value, json};

use super::{
    Eval,
    report::{cut, head, json_head, json_table, rate, summary},
};
use crate::{
    count::count,
    data::number,
    evaluation::{
        correlation::{Pairs, cosine},
        page::{self, PairTexts},
    },
    input::Row,
    progress,
    scoring::{Speed, at_row, batches},
    texts,
};

/// A model's results on a file.
#[derive(Default)]
struct Similarity {
    pairs: Pairs,
    /// Of each pair, where a page is to show the worst: those are known only when all are read.
    texts: Vec<PairTexts>,
    speed: Speed,
    /// Texts that were cut to the tokens allowed.
    truncated: usize,
}

pub(super) fn run(eval: &Eval) -> Result<()> {
    let model = eval.model.resolve();
    let path = eval.path(&model)?;
    let options = eval.options(&model);
    // A cosine does not depend on the vectors' lengths.
    let how = eval.vectors.how(false);
    let embedder = progress::during("loading the model", || Embedder::load(path, options, how))?;
    let page = eval.page(&model)?;
    let found = Similarity::measure(eval, &embedder)?;
    let about = found.about(&model.to_string(), eval, &embedder);
    let written = page
        .map_or(Ok(()), |page| page.fill(page::similarity(&about, &found.pairs, &found.texts)?.as_bytes()));
    let human = || summary(&about, &found.pairs.table());
    eval.show(written, human, || found.object(&model.to_string(), &embedder))
}

impl Similarity {
    fn measure(eval: &Eval, embedder: &Embedder) -> Result<Self> {
        let (columns, mut found) = (&eval.columns, Self::default());
        let texts = vec![columns.texts.column("sentence1"), columns.texts.pair_column("sentence2")];
        let score = columns.label_column("score");
        let source = columns.open_numbers("eval", &eval.input, texts, score)?;
        batches(source, |rows| {
            let scores = rows.iter().map(|row| number(row, score)).collect::<Result<Vec<_>>>()?;
            let start = Instant::now();
            let vectors = vectors(embedder, rows)?;
            found.speed.add(start, vectors.iter().map(|vector| vector.tokens));
            for ((row, pair), score) in rows.iter().zip(vectors.chunks_exact(2)).zip(scores) {
                found.pairs.push(cosine(&pair[0].values, &pair[1].values), score);
                found.truncated += pair.iter().filter(|vector| vector.truncated).count();
                if eval.report.is_some() {
                    found.texts.push(PairTexts::new(&row.place, [&row.fields[0], &row.fields[1]]));
                }
            }
            Ok(())
        })?;
        if found.pairs.len() == 0 {
            bail!("{}: no texts", texts::name(&eval.input));
        }
        Ok(found)
    }

    /// What was measured, on what.
    fn about(&self, model: &str, eval: &Eval, embedder: &Embedder) -> Vec<(&'static str, String)> {
        let engine = embedder.engine();
        let (data, pairs) = (texts::name(&eval.input), count(self.pairs.len(), "pair"));
        let cut = match self.truncated {
            0 => String::new(),
            truncated => format!(" of {}{}", count(2 * self.pairs.len(), "text"), cut(truncated, engine)),
        };
        head(model, engine, format!("{data}: {pairs}{cut}"), rate(&self.speed))
    }

    fn object(&self, model: &str, embedder: &Embedder) -> Value {
        let mut undefined = Map::new();
        let mut object = json_head(model, embedder.engine());
        object.insert("figures".to_owned(), json_table(&self.pairs.table(), &mut undefined));
        object.insert("undefined".to_owned(), undefined.into());
        object.insert("dimensions".to_owned(), json!(embedder.dimensions()));
        object.insert("pairs".to_owned(), json!(self.pairs.len()));
        object.insert("truncated".to_owned(), json!(self.truncated));
        object.insert("texts_per_second".to_owned(), json!(self.speed.texts_per_second()));
        Value::Object(object)
    }
}

/// Two of each row, one after the other.
fn vectors(embedder: &Embedder, rows: &[Row]) -> Result<Vec<Embedding>> {
    let texts: Vec<_> = rows.iter().flat_map(|row| &row.fields).map(String::as_str).collect();
    let rows = rows.iter().flat_map(|row| [row, row]);
    iter::zip(embedder.embed(&texts), rows)
        .map(|(vector, row)| vector.map_err(|error| at_row(error, row)))
        .collect()
}
