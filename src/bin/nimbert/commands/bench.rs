//! `nimbert bench`: how fast a model is here, how far from what the machine allows, and whether slower than it was.

mod baseline;
mod forward;
mod measure;
mod record;
mod report;
mod rounds;
mod shape;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::Result;
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
    error::ErrorKind,
};
use nimbert::{Limits, Options, Pooling, Preset};

use self::{
    baseline::Baseline,
    forward::{Forward, Task},
    record::Record,
    rounds::Row,
    shape::{Lengths, Shape, Shapes},
};
use crate::{file::NewFile, format::Format, model::WordOrModelArgs, positive, progress, show, usage_error};

const EXAMPLES: &str = "\
Examples:
  nimbert bench                                             the demo inside this program
  nimbert bench --preset bert-base-chinese --precision int8 --threads 1
  nimbert bench --model stars.nimbert --shapes 1x32 --profile
  nimbert bench --shapes - --lengths token-counts.txt --batch 32 --format json
  nimbert bench --task embed --pooling cls                  vectors in place of logits
  nimbert bench --task embed --model bge-small-en-v1.5      pooled as the directory says
  nimbert bench --task tag --preset bert-base-chinese       the logits of nine labels for every token
  nimbert bench --task answer --model DIR --shapes 6x384    one question, whose context is read in six windows
  nimbert bench --threads 1 --save before.json              then change something, and:
  nimbert bench --threads 1 --against before.json           ratios; exit code 1 if anything is slower
  nimbert bench --threads 1 --against before.json --tolerance 2 --shapes 1x32 --seconds 5

A shape is TEXTSxTOKENS, so 16x32 is a batch of 16 texts with 32 tokens each. Times are of whole forwards, from
token ids to logits; with --task embed to pooled vectors, with tag to the logits of every token, with fill-mask to the
best five words for one mask in each text, and with answer to the best span of one question, whose windows the texts of
a batch are. `of limit` is the share of what this machine allows: the time that the arithmetic takes at the peak of its
instructions, or that the weights take to be read, whichever is longer, over the fastest forward. Both limits are
measured when the program starts. Let nothing else run.

Everything is measured in two rounds, so that a moment's disturbance hits no shape alone. With --against the ratios are
new over old: of the fastest runs, which decide, because whatever disturbs a run makes it slower and never faster, and of
the medians. A shape that is slower is measured once more before the verdict. Only like is compared with like: a file of
a model of another shape, another task, pooling, precision, instruction set or number of threads is refused. Exit codes: 0
nothing is slower, 1 something is or went wrong, 2 wrong usage.";

/// Measured where --shapes says nothing.
const SHAPES: [Shape; 5] = [
    Shape { texts: 1, tokens: 8 },
    Shape { texts: 1, tokens: 16 },
    Shape { texts: 1, tokens: 32 },
    Shape { texts: 1, tokens: 128 },
    Shape { texts: 16, tokens: 32 },
];

/// Texts given to the engine at once where --batch says nothing.
const BATCH: usize = 32;

/// Measure how fast a model is on this machine
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bench {
    #[command(flatten)]
    model: WordOrModelArgs,

    /// Make up a model of a known shape instead of loading one; nothing is downloaded
    #[arg(long, value_name = "NAME", conflicts_with_all = ["model", "word"], value_parser = preset())]
    preset: Option<Preset>,

    /// What is measured of the model
    #[arg(long, value_enum, default_value = "classify")]
    task: Task,

    /// How hidden states become a vector, with --task embed: mean, cls, max, last, mean_sqrt_len_tokens, weightedmean
    /// [default: as the directory says, else mean]
    #[arg(long, value_name = "HOW")]
    pooling: Option<Pooling>,

    /// Shapes to measure, TEXTSxTOKENS with commas between them; `-` for none [default: 1x8,1x16,1x32,1x128,16x32, or
    /// with --against what its file has]
    #[arg(short, long, value_name = "SHAPES", value_parser = shape::shapes)]
    shapes: Option<Shapes>,

    /// Measure a file of token counts too, one a line: each run scores all of it
    #[arg(long, value_name = "FILE")]
    lengths: Option<PathBuf>,

    /// Texts of the file given to the engine at once [default: 32]
    #[arg(long, value_name = "N", value_parser = positive, requires = "lengths")]
    batch: Option<usize>,

    /// Time to measure each shape for, at least
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,

    /// Show where the time goes
    #[arg(long)]
    profile: bool,

    /// How to write it to standard output
    #[arg(short, long, value_enum, default_value = "human")]
    format: Format,

    /// Also write the measurement to a file, for a later --against
    #[arg(long, value_name = "FILE", help_heading = "Regressions")]
    save: Option<PathBuf>,

    /// Compare with a saved measurement; exit with 1 if anything is slower
    #[arg(long, value_name = "FILE", help_heading = "Regressions")]
    against: Option<PathBuf>,

    /// How much slower is still good, in percent; 5 is twice what the fastest runs of one program differed by on the
    /// virtual machines that we know
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0, value_parser = percent, requires = "against")]
    #[arg(help_heading = "Regressions")]
    tolerance: f64,
}

fn seconds(argument: &str) -> Result<f64, String> {
    let number = argument.parse().ok().filter(|s| (0.0..=86_400.0).contains(s));
    number.ok_or_else(|| "expected a number of seconds, at most a day".to_owned())
}

fn percent(argument: &str) -> Result<f64, String> {
    let number = argument.parse().ok().filter(|percent| (0.0..=1e9).contains(percent));
    number.ok_or_else(|| "expected a percentage from 0".to_owned())
}

fn preset() -> impl TypedValueParser<Value = Preset> {
    PossibleValuesParser::new(Preset::ALL.map(Preset::name)).map(|name| {
        Preset::ALL.into_iter().find(|preset| preset.name() == name).expect("one of the possible values")
    })
}

/// What was found.
struct Report<'a> {
    model: String,
    forward: &'a Forward,
    copy_weights: bool,
    load_ms: f64,
    limits: Limits,
    rows: Vec<Row<'a>>,
    lengths: Option<Lengths>,
}

impl Bench {
    pub(crate) fn run(&self) -> Result<()> {
        // Everything that can be wrong with the arguments comes before anything that takes time.
        if self.pooling.is_some() && self.task != Task::Embed {
            let how = "--pooling is of vectors: it needs --task embed";
            return Err(usage_error("bench", ErrorKind::ArgumentConflict, how));
        }
        let baseline =
            self.against.as_ref().map(|path| Baseline::read(path.clone(), self.tolerance)).transpose()?;
        let (shapes, lengths) = self.subjects(baseline.as_ref())?;
        let named = self.model.resolve();
        let inputs = [self.against.as_deref(), self.lengths.as_deref(), named.path()];
        let inputs: Vec<&Path> = inputs.into_iter().flatten().collect();
        let save = self.save.as_deref().map(|path| NewFile::create(path, &inputs)).transpose()?;

        let start = Instant::now();
        let options = Options::default().profile(self.profile);
        let forward = Forward::load(self.task, self.preset, &named, self.pooling, options)?;
        let load_ms = start.elapsed().as_secs_f64() * 1e3;
        let made_up = |preset: Preset| format!("{}'s shape, made-up weights", preset.name());
        let model = self.preset.map_or_else(|| named.to_string(), made_up);
        if let Some(baseline) = &baseline {
            baseline.fits(&model, &forward)?;
        }
        let workloads = rounds::workloads(&forward, &shapes, lengths.as_ref())?;
        let limits = progress::during("measuring the machine", || forward.engine().limits());
        let rows = rounds::measure(&forward, workloads, self.seconds, baseline.as_ref())?;
        let copy_weights = named.copies_weights();
        let report = Report { model, forward: &forward, copy_weights, load_ms, limits, rows, lengths };
        self.finish(&report, save, baseline.as_ref())
    }

    /// What to measure: what is asked for, or else what the baseline has, or else the default.
    fn subjects(&self, baseline: Option<&Baseline>) -> Result<(Vec<Shape>, Option<Lengths>)> {
        let is_open = self.shapes.is_none() && self.lengths.is_none();
        let shapes = match (&self.shapes, baseline) {
            (Some(Shapes(shapes)), _) => shapes.clone(),
            (None, Some(baseline)) => baseline.shapes(),
            (None, None) => SHAPES.to_vec(),
        };
        let known = || baseline.and_then(Baseline::lengths);
        let lengths = match &self.lengths {
            Some(path) => {
                let batch = self.batch.or_else(|| Some(known()?.batch)).unwrap_or(BATCH);
                Some(Lengths { counts: shape::read_lengths(path)?, batch })
            }
            None => known().filter(|_| is_open),
        };
        if let Some(baseline) = baseline {
            if shapes.is_empty() && lengths.is_none() {
                let how = "--against has nothing to compare: neither shapes nor lengths are asked for";
                return Err(usage_error("bench", ErrorKind::ArgumentConflict, how));
            }
            baseline.covers(&shapes, lengths.as_ref())?;
        }
        Ok((shapes, lengths))
    }

    /// Shows the results, then saves them, then gives the verdict.
    fn finish(&self, report: &Report<'_>, save: Option<NewFile>, baseline: Option<&Baseline>) -> Result<()> {
        let mut record = Record::new(report);
        let line = record.line();
        let comparison = baseline.map(|baseline| baseline.compare(&report.rows));
        let text = match (self.format, &comparison) {
            (Format::Human, None) => report::human(report),
            (Format::Human, Some(comparison)) => report::human(report) + &report::comparison(comparison),
            (Format::Json, None) => line.clone(),
            (Format::Json, Some(comparison)) => {
                record.compare(comparison);
                record.line()
            }
        };
        // Each happens whatever becomes of the others.
        let shown = show(&text);
        let saved = save.map_or(Ok(()), |file| file.fill(line.as_bytes()));
        let verdict = comparison.map_or(Ok(()), |comparison| comparison.verdict());
        saved.and(verdict).and(shown)
    }
}
