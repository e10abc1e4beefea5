//! `nimbert compare`: what changes from one model, or one precision, to another?

mod report;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail, ensure};
use clap::{Args, error::ErrorKind};
use nimbert::{Classification, Engine, Options, Precision};

use crate::{
    data::DataArgs,
    evaluation::{Interval, Metric, Outcomes, Resamples, decided},
    file::NewFile,
    format::Format,
    input::Row,
    model::load,
    positive, progress,
    scoring::{self, Speed, truth},
    show, texts, usage_error,
};

const EXAMPLES: &str = "\
Examples:
  nimbert compare --model DIR --precision-b int8 --input dev.tsv --label-column star
  nimbert compare -m DIR --model-b stars.nimbert -i dev.tsv --label-column star --flips flips.csv
  nimbert compare old.nimbert new.nimbert -i comments.txt --format json

Without --label-column labels are not needed: agreement, distances and flips are reported, and no metrics.
A difference is B minus A. Its interval is where 95 % of the differences lie when as many texts are drawn from the data with
replacement, again and again: the texts' luck, not the machine's. An interval without 0 is a difference beyond that luck.";

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
        let paths = self.models()?;
        let options =
            |precision| self.columns.options(Options::default().precision(precision).threads(self.threads));
        let [a, b] = [
            load(Some(&paths[0]), options(self.precision_a))?,
            load(Some(&paths[1]), options(self.precision_b.unwrap_or_default()))?,
        ];
        let names = paths.each_ref().map(|path| path.display().to_string());
        expect_same_kind([&a, &b], &names)?;
        let inputs = [self.input.as_path(), &paths[0], &paths[1]];
        let mut flips = self.flips.as_deref().map(|path| Flips::create(path, &inputs)).transpose()?;
        let comparison = self.compare([&a, &b], flips.as_mut())?;
        // What was found is shown even if the flips cannot be written.
        let written = flips.map_or(Ok(()), Flips::finish);
        let flips = self.flips.as_deref().filter(|_| written.is_ok());
        let [name_a, name_b] = names;
        let models = [(name_a, &a), (name_b, &b)];
        let text = match self.format {
            Format::Human => report::human(&models, &texts::name(&self.input), &comparison, flips),
            Format::Json => format!("{}\n", report::object(&models, &comparison)),
        };
        let shown = show(&text);
        written.and(shown)
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

    fn compare(&self, [a, b]: [&Engine; 2], mut flips: Option<&mut Flips<'_>>) -> Result<Comparison> {
        let task = self.columns.is_labelled().then(|| self.columns.task(a)).transpose()?;
        let mut outcomes = task.as_ref().map(|task| [task.outcomes(), task.outcomes()]);
        let mut comparison = Comparison::default();
        let source = self.columns.open("compare", &self.input)?;
        comparison.speeds = scoring::score([a, b], source, |row, answers| {
            if let (Some(task), Some(outcomes)) = (&task, &mut outcomes) {
                let truth = truth(task, row)?;
                outcomes.iter_mut().zip(answers).for_each(|(outcomes, answer)| outcomes.push(answer, &truth));
            }
            comparison.see(answers);
            if let Some(flips) = &mut flips {
                flips.see(row, answers);
            }
            Ok(())
        })?;
        if comparison.texts == 0 {
            bail!("{}: no texts", texts::name(&self.input));
        }
        if let Some(outcomes) = &mut outcomes {
            outcomes.iter_mut().for_each(Outcomes::end);
            comparison.measure(outcomes, self.resamples);
        }
        Ok(comparison)
    }
}

/// Models compare that give the same labels in the same way.
fn expect_same_kind([a, b]: [&Engine; 2], [name_a, name_b]: &[String; 2]) -> Result<()> {
    let [labels_a, labels_b] = [a, b].map(|engine| engine.labels().join(", "));
    ensure!(a.labels() == b.labels(), "{name_b} has other labels than {name_a}: {labels_b} and {labels_a}");
    let [scoring_a, scoring_b] = [a, b].map(|engine| engine.scoring());
    ensure!(
        scoring_a == scoring_b,
        "{name_b} makes scores in another way than {name_a} ({scoring_b:?} and {scoring_a:?}): their decisions do not \
         compare"
    );
    Ok(())
}

/// The file of `--flips`. What goes wrong with it is told at its end, so that the comparison goes on.
struct Flips<'a> {
    path: &'a Path,
    out: csv::Writer<NewFile>,
    outcome: Result<(), csv::Error>,
}

impl<'a> Flips<'a> {
    fn create(path: &'a Path, inputs: &[&Path]) -> Result<Self> {
        let mut out = csv::Writer::from_writer(NewFile::create(path, inputs)?);
        let outcome = out.write_record(["where", "text", "pair", "label_a", "score_a", "label_b", "score_b"]);
        Ok(Self { path, out, outcome })
    }

    fn see(&mut self, row: &Row, [a, b]: [&Classification; 2]) {
        if self.outcome.is_err() || decided(&a.scores) == decided(&b.scores) {
            return;
        }
        let [a, b] = [a.top(), b.top()];
        let [score_a, score_b] = [a, b].map(|top| top.score.to_string());
        let pair = row.fields.get(1).map_or("", String::as_str);
        self.outcome =
            self.out.write_record([&row.place, &row.fields[0], pair, a.label, &score_a, b.label, &score_b]);
    }

    fn finish(self) -> Result<()> {
        let name = self.path.display();
        self.outcome.map_err(|error| anyhow!("{name}: {error}"))?;
        let file = self.out.into_inner().map_err(|error| anyhow!("{name}: {}", error.error()))?;
        file.finish()
    }
}
