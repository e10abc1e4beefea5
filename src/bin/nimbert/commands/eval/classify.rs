//! `--task classify`: are a text's labels the right ones?

use std::path::Path;

use anyhow::{Result, bail};
use nimbert::{Engine, Options};

use super::{
    Eval,
    report::{self, about},
};
use crate::{
    data::DataArgs,
    evaluation::{Metrics, Outcomes, Worst, page},
    file::NewFile,
    scoring::{self, Speed, truth},
    texts,
};

/// A model's results on a file.
pub(crate) struct Evaluation {
    pub(crate) outcomes: Outcomes,
    pub(crate) metrics: Metrics,
    pub(crate) worst: Worst,
    pub(crate) speed: Speed,
    /// Texts that were cut to the tokens allowed.
    pub(crate) truncated: usize,
}

pub(super) fn run(eval: &Eval) -> Result<()> {
    eval.columns.needs_labels("eval")?;
    let model = eval.model.resolve();
    let engine = model.load(eval.columns.options(Options::default()))?;
    let page = eval.page(&model)?;
    let evaluation = Evaluation::run("eval", &engine, &eval.columns, &eval.input)?;
    let about = about(&model.to_string(), &engine, &texts::name(&eval.input), &evaluation);
    let written = page.map_or(Ok(()), |page| write_page(page, &about, &engine, &evaluation));
    let human = || report::human(&about, &engine, &evaluation);
    eval.show(written, human, || report::object(&model.to_string(), &engine, &evaluation))
}

impl Evaluation {
    /// Scores the file and computes every figure.
    pub(crate) fn run(command: &str, engine: &Engine, columns: &DataArgs, data: &Path) -> Result<Self> {
        let task = columns.labelling(engine)?;
        let mut outcomes = task.outcomes();
        let (mut worst, mut truncated) = (Worst::default(), 0);
        let [speed] = scoring::score([engine], columns.open(command, data)?, |row, [answer]| {
            let truth = truth(&task, row)?;
            outcomes.push(answer, &truth);
            truncated += usize::from(answer.truncated);
            worst.see(&outcomes, &row.place, &row.fields);
            Ok(())
        })?;
        if outcomes.rows() == 0 {
            bail!("{}: no texts", texts::name(data));
        }
        outcomes.end();
        Ok(Self { metrics: Metrics::new(&outcomes), outcomes, worst, speed, truncated })
    }
}

/// The page of `--report`.
pub(crate) fn write_page(
    file: NewFile,
    about: &[(&str, String)],
    engine: &Engine,
    evaluation: &Evaluation,
) -> Result<()> {
    let Evaluation { outcomes, metrics, worst, .. } = evaluation;
    let page = page::render(about, engine.labels(), outcomes, metrics, worst)?;
    file.fill(page.as_bytes())
}
