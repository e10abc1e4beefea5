//! `nimbert compare`: what changes from one model, or one precision, to another?

mod report;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Result, anyhow, bail, ensure};
use clap::{Args, error::ErrorKind};
use nimbert::{Classification, Engine, Options, Precision};

use super::{
    data::DataArgs,
    file::NewFile,
    format::Format,
    input::Row,
    model::load,
    positive, progress,
    scoring::{self, Speed, truth},
    to_stdout, usage_error,
};
use crate::evaluation::{Interval, Metric, Outcomes, Resamples, decided};

const EXAMPLES: &str = "\
Examples:
  nimbert compare DIR --precision-b int8 --data dev.tsv --label-column star
  nimbert compare DIR stars.nimbert --data dev.tsv --label-column star --flips flips.csv
  nimbert compare old.nimbert new.nimbert --data comments.txt --format json

Without --label-column labels are not needed: agreement, distances and flips are reported, and no metrics.
A difference is B minus A. Its interval is where 95 % of the differences lie when as many texts are drawn from the data with
replacement, again and again: the texts' luck, not the machine's. An interval without 0 is a difference beyond that luck.";

/// Set two models, or two precisions of one, side by side on the same texts
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Compare {
    /// Checkpoint directory or packed file
    #[arg(value_name = "A")]
    a: PathBuf,

    /// The other one [default: A itself, at --precision-b]
    #[arg(value_name = "B")]
    b: Option<PathBuf>,

    /// Texts: csv, tsv or jsonl, with labels or without; or lines
    #[arg(short, long, value_name = "FILE")]
    data: PathBuf,

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

/// What two models said of the same texts.
#[derive(Default)]
struct Comparison {
    texts: usize,
    /// Texts with the same best label.
    agreeing: usize,
    largest: f32,
    sum: f64,
    logits: usize,
    speeds: [Speed; 2],
    /// With the interval, where both are defined.
    metrics: Vec<(Metric, Values)>,
}

/// A metric of A and of B, and the difference.
type Values = Result<([f64; 2], Interval), String>;

impl Comparison {
    fn see(&mut self, [a, b]: [&Classification; 2]) {
        self.texts += 1;
        self.agreeing += usize::from(decided(&a.scores) == decided(&b.scores));
        for (a, b) in a.logits.iter().zip(&b.logits) {
            let apart = (a - b).abs();
            self.largest = self.largest.max(apart);
            self.sum += f64::from(apart);
            self.logits += 1;
        }
    }

    fn agreement(&self) -> f64 {
        self.agreeing as f64 / self.texts as f64
    }

    fn mean(&self) -> f64 {
        self.sum / self.logits as f64
    }

    fn measure(&mut self, [a, b]: &[Outcomes; 2], resamples: usize) {
        let bar = progress::steps("resampling");
        bar.set_length((resamples * Metric::ALL.len()) as u64);
        for metric in Metric::ALL {
            let difference = Resamples(resamples).difference(metric, a, b, &mut || bar.inc(1));
            self.metrics.push((metric, difference));
        }
        bar.finish_and_clear();
    }
}

impl Compare {
    pub(crate) fn run(self) -> Result<()> {
        if self.b.is_none() && self.precision_b.is_none() {
            let how = "with what? Name a second model B, or another precision of A with --precision-b";
            return Err(usage_error("compare", ErrorKind::MissingRequiredArgument, how));
        }
        let options = |precision| {
            self.columns.options(Options { precision, threads: self.threads, ..Options::default() })
        };
        let a = load(Some(&self.a), options(self.precision_a))?;
        let other = self.b.as_ref().unwrap_or(&self.a);
        let b = load(Some(other), options(self.precision_b.unwrap_or_default()))?;
        ensure!(
            a.labels() == b.labels(),
            "{} has other labels than {}: {} and {}",
            other.display(),
            self.a.display(),
            b.labels().join(", "),
            a.labels().join(", ")
        );
        ensure!(
            a.config().scoring == b.config().scoring,
            "{} makes scores in another way than {} ({:?} and {:?}): their decisions do not compare",
            other.display(),
            self.a.display(),
            b.config().scoring,
            a.config().scoring
        );
        let comparison = self.compare([&a, &b])?;
        let models = [(&self.a, &a), (other, &b)].map(|(path, engine)| (path.display().to_string(), engine));
        let data = self.data.display().to_string();
        let text = match self.format {
            Format::Human => report::human(&models, &data, &comparison, self.flips.as_deref()),
            Format::Json => format!("{}\n", report::object(&models, &comparison)),
        };
        to_stdout(io::stdout().write_all(text.as_bytes()))
    }

    fn compare(&self, [a, b]: [&Engine; 2]) -> Result<Comparison> {
        let task = self.columns.is_labelled().then(|| self.columns.task(a)).transpose()?;
        let mut outcomes = task.as_ref().map(|task| [task.outcomes(), task.outcomes()]);
        let other = self.b.as_ref().unwrap_or(&self.a);
        let inputs = [self.data.as_path(), &self.a, other];
        let mut flips = self.flips.as_deref().map(|path| Flips::create(path, &inputs)).transpose()?;
        let mut comparison = Comparison::default();
        let rows = self.columns.open("compare", &self.data)?;
        comparison.speeds = scoring::score([a, b], rows, |row, answers| {
            if let (Some(task), Some(outcomes)) = (&task, &mut outcomes) {
                let truth = truth(task, row)?;
                outcomes.iter_mut().zip(answers).for_each(|(outcomes, answer)| outcomes.push(answer, &truth));
            }
            comparison.see(answers);
            flips.as_mut().map_or(Ok(()), |flips| flips.see(row, answers))
        })?;
        if comparison.texts == 0 {
            bail!("{}: no texts", self.data.display());
        }
        if let Some(flips) = flips {
            flips.finish()?;
        }
        if let Some(outcomes) = &mut outcomes {
            outcomes.iter_mut().for_each(Outcomes::end);
            comparison.measure(outcomes, self.resamples);
        }
        Ok(comparison)
    }
}

/// The file of `--flips`.
struct Flips<'a> {
    path: &'a Path,
    out: csv::Writer<NewFile>,
}

impl<'a> Flips<'a> {
    fn create(path: &'a Path, inputs: &[&Path]) -> Result<Self> {
        let mut flips = Self { path, out: csv::Writer::from_writer(NewFile::create(path, inputs)?) };
        flips.write(
            &["where", "text", "pair", "label_a", "score_a", "label_b", "score_b"].map(str::to_owned),
        )?;
        Ok(flips)
    }

    fn see(&mut self, row: &Row, [a, b]: [&Classification; 2]) -> Result<()> {
        if decided(&a.scores) == decided(&b.scores) {
            return Ok(());
        }
        let [(label_a, score_a), (label_b, score_b)] = [a, b].map(|answer| {
            let top = answer.top();
            (top.label.to_owned(), top.score.to_string())
        });
        let pair = row.fields.get(1).cloned().unwrap_or_default();
        self.write(&[row.place.clone(), row.fields[0].clone(), pair, label_a, score_a, label_b, score_b])
    }

    fn write(&mut self, record: &[String; 7]) -> Result<()> {
        self.out.write_record(record).map_err(|error| anyhow!("{}: {error}", self.path.display()))
    }

    fn finish(self) -> Result<()> {
        let file =
            self.out.into_inner().map_err(|error| anyhow!("{}: {}", self.path.display(), error.error()))?;
        file.finish()
    }
}
