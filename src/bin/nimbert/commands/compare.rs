//! `nimbert compare`: what changes from one model, or one precision, to another?

mod decisions;
mod labels;
mod ranks;
mod report;
mod vectors;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, error::ErrorKind};
use nimbert::{MaskFiller, Options, Precision, Reader, Tagger, Task};

use crate::{
    data::DataArgs,
    format::Format,
    positive,
    scoring::Source,
    task::{TaskName, made_for},
    usage_error,
    vectors::VectorArgs,
};

const EXAMPLES: &str = "\
Examples:
  nimbert compare --model DIR --precision-b int8 --input dev.tsv --label-column star
  nimbert compare -m DIR --model-b stars.nimbert -i dev.tsv --label-column star --flips flips.csv
  nimbert compare old.nimbert new.nimbert -i comments.txt --format json
  nimbert compare -m bge-small-en-v1.5 --precision-b int8 -i texts.txt
  nimbert compare -m DIR --precision-b int8 --task rerank -i rows.jsonl

Without --label-column labels are not needed: agreement, distances and flips are reported, and no metrics.
A difference is B minus A. Its interval is where 95 % of the differences lie when as many texts are drawn from the data with
replacement, again and again: the texts' luck, not the machine's. An interval without 0 is a difference beyond that luck.

Of models that make vectors: the cosine of each text's two vectors, and how many of a thousand texts have the same nearest text.
Of cross-encoders, by the columns query and document: how many pairs of a query's documents have the same order in both.
Of models that find entities: the F1 of B's beside A's. Of models that answer, by the columns question and context: how many best
answers are the same words. Of masked language models: how many best words are the same, in texts with masks or, where one has none,
for the token in its middle.";

/// Set two models, or two precisions of one, side by side on the same texts
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Compare {
    /// Checkpoint directory or packed file, called A in the results
    #[arg(short, long, alias = "model-a", value_name = "A")]
    model: Option<PathBuf>,

    /// The other one, called B [default: A itself, at --precision-b]
    #[arg(long, value_name = "B")]
    model_b: Option<PathBuf>,

    /// A and B in that order, as far as they are not given as options
    #[arg(value_name = "MODEL", num_args = 0..=2)]
    words: Vec<PathBuf>,

    /// Texts: csv, tsv or jsonl, with labels or without; or lines; `-` is standard input
    #[arg(short, long, visible_alias = "data", short_alias = 'd', value_name = "FILE")]
    input: PathBuf,

    /// What the models are compared by [default: what A was made for]
    #[arg(long, value_enum)]
    task: Option<TaskName>,

    /// What A is computed in: auto, f32, f16 or int8
    #[arg(long, alias = "precision", value_name = "PRECISION", default_value_t)]
    precision_a: Precision,

    /// What B is computed in [default: auto]
    #[arg(long, value_name = "PRECISION")]
    precision_b: Option<Precision>,

    /// Number of threads to compute on [default: all CPUs this process may use]
    #[arg(short, long, value_name = "N", value_parser = positive)]
    threads: Option<usize>,

    #[command(flatten)]
    columns: DataArgs,

    /// Column or key with what is asked, of rerank and answer [default: query, question]
    #[arg(long, visible_alias = "question-column", value_name = "NAME")]
    query_column: Option<String>,

    #[command(flatten)]
    vectors: VectorArgs,

    /// Draws for the intervals
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = draws, help_heading = "Results")]
    resamples: usize,

    /// Write the texts whose best label differs to a CSV file
    #[arg(long, value_name = "FILE.csv", help_heading = "Results")]
    flips: Option<PathBuf>,

    /// How results are written to standard output
    #[arg(short, long, value_enum, default_value = "human", help_heading = "Results")]
    format: Format,
}

/// A number of draws: more than a million take hours and tell no more.
fn draws(argument: &str) -> Result<usize, String> {
    positive(argument).ok().filter(|n| *n <= 1_000_000).ok_or_else(|| "expected 1 to 1000000".to_owned())
}

impl Compare {
    pub(crate) fn run(self) -> Result<()> {
        let paths = self.models()?;
        let task = self.task.map_or_else(|| made_for(&paths[0]), |task| Ok(task.into()))?;
        self.refuse_what_is_of_others(task)?;
        match task {
            Task::Embed => vectors::run(&self, &paths),
            Task::Rerank => ranks::run(&self, &paths),
            Task::Tag => decisions::run::<Tagger>(&self, &paths, self.texts()?),
            Task::Answer => decisions::run::<Reader>(&self, &paths, self.asked(["question", "context"])?),
            Task::FillMask => decisions::run::<MaskFiller>(&self, &paths, self.texts()?),
            _ => labels::run(&self, &paths),
        }
    }

    /// Both models, each in its precision.
    fn load<M>(&self, [a, b]: &[PathBuf; 2], load: impl Fn(&Path, Options) -> Result<M>) -> Result<[M; 2]> {
        let options =
            |precision| self.columns.options(Options::default().precision(precision).threads(self.threads));
        Ok([load(a, options(self.precision_a))?, load(b, options(self.precision_b.unwrap_or_default()))?])
    }

    /// The data as texts.
    fn texts(&self) -> Result<Source> {
        self.columns.open("compare", &self.input)
    }

    /// The data as what is asked, and of what.
    fn asked(&self, defaults: [&str; 2]) -> Result<Source> {
        self.columns.open_asked("compare", &self.input, self.query_column.as_deref(), defaults)
    }

    /// A usage error for an option that this task has no use for.
    fn refuse_what_is_of_others(&self, task: Task) -> Result<()> {
        let (query, vectors) = (self.query_column.as_ref().map(|_| "--query-column"), self.vectors.given());
        let labels = self.columns.is_labelled().then_some("--label-column").or(self.columns.meaning_given());
        let of_labels = labels.or(self.flips.as_ref().map(|_| "--flips"));
        let of_labels = of_labels.or(self.columns.texts.has_pairs().then_some("--pair-column"));
        let option = match task {
            Task::Embed => query.or(of_labels),
            Task::Rerank | Task::Answer => vectors.or(of_labels),
            Task::Tag | Task::FillMask => query.or(vectors).or(of_labels),
            _ => query.or(vectors),
        };
        let Some(option) = option else { return Ok(()) };
        Err(usage_error(
            "compare",
            ErrorKind::ArgumentConflict,
            &format!("{option} is not for --task {task}"),
        ))
    }

    /// A and B; B may be A at another precision.
    fn models(&self) -> Result<[PathBuf; 2]> {
        let usage = |how| Err(usage_error("compare", ErrorKind::MissingRequiredArgument, how));
        let mut words = self.words.iter();
        let Some(a) = self.model.as_ref().or_else(|| words.next()) else {
            return usage("which model? Name it with --model");
        };
        let b = self.model_b.as_ref().or_else(|| words.next());
        if words.next().is_some() {
            return usage("three models: only two can be compared");
        }
        if b.is_none() && self.precision_b.is_none() {
            return usage(
                "with what? Name a second model with --model-b, or another precision with --precision-b",
            );
        }
        Ok([a.clone(), b.unwrap_or(a).clone()])
    }
}
