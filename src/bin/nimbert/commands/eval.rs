//! `nimbert eval`: how good is a model on labelled texts?

mod report;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use nimbert::{Engine, Options};

use crate::{
    data::DataArgs,
    evaluation::{Metrics, Outcomes, Worst, page},
    file::NewFile,
    format::Format,
    model::WordOrModelArgs,
    scoring::{self, Speed, truth},
    show, texts,
};
pub(crate) use report::{about, rate};

const EXAMPLES: &str = "\
Examples:
  nimbert eval --input dev.tsv --label-column star
  nimbert eval --model DIR --input dev.csv --column comment --label-column rating --report eval.html
  nimbert eval --model DIR --input dev.jsonl --label-column labels --format json | jq .figures.micro_f1

Labels may be names, indexes from 0, or stars from 1; --labels-as says which where it could be mistaken.
Loss, F1, ROC AUC and accuracy are what scikit-learn computes (labels that no text has and the model never gives are left
out of macro F1: zero_division=nan; a model of one label has the F1 of that label). A label of a multi-label model counts as given from a score
of 0.5 on; a model of one label out of several gives its best one.";

/// Measure a model on labelled texts
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Eval {
    /// Labelled texts: csv, tsv or jsonl; `-` is standard input
    #[arg(short, long, visible_alias = "data", short_alias = 'd', value_name = "FILE")]
    input: PathBuf,

    #[command(flatten)]
    model: WordOrModelArgs,

    // Its heading goes on over what follows.
    #[command(flatten)]
    columns: DataArgs,

    /// Also write a page with charts and the worst errors, for a browser
    #[arg(long, value_name = "FILE.html", help_heading = "Results")]
    report: Option<PathBuf>,

    /// How results are written to standard output
    #[arg(short, long, value_enum, default_value = "human", help_heading = "Results")]
    format: Format,
}

/// A model's results on a file.
pub(crate) struct Evaluation {
    pub(crate) outcomes: Outcomes,
    pub(crate) metrics: Metrics,
    pub(crate) worst: Worst,
    pub(crate) speed: Speed,
    /// Texts that were cut to the tokens allowed.
    pub(crate) truncated: usize,
}

impl Evaluation {
    /// Scores the file and computes every figure.
    pub(crate) fn run(command: &str, engine: &Engine, columns: &DataArgs, data: &Path) -> Result<Self> {
        let task = columns.task(engine)?;
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

impl Eval {
    pub(crate) fn run(self) -> Result<()> {
        self.columns.needs_labels("eval")?;
        let model = self.model.resolve();
        let engine = model.load(self.columns.options(Options::default()))?;
        let inputs: Vec<_> = [Some(self.input.as_path()), model.path()].into_iter().flatten().collect();
        let page = self.report.as_deref().map(|path| NewFile::create(path, &inputs)).transpose()?;
        let evaluation = Evaluation::run("eval", &engine, &self.columns, &self.input)?;
        let about = about(&model.to_string(), &engine, &texts::name(&self.input), &evaluation);
        // What was measured is shown even if the page cannot be written.
        let written = page.map_or(Ok(()), |page| write_page(page, &about, &engine, &evaluation));
        let text = match self.format {
            Format::Human => report::human(&about, &engine, &evaluation),
            Format::Json => format!("{}\n", report::object(&model.to_string(), &engine, &evaluation)),
        };
        let shown = show(&text);
        written.and(shown)
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
