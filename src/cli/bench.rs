//! `nimbert bench`: how fast a model is here, and how far from what the machine allows.

mod measure;
mod report;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use nimbert::{Engine, Options, Preset};

use self::measure::{Runs, Timing, Workload};
use super::{format::Format, model::ModelArgs, positive, progress, to_stdout};

const EXAMPLES: &str = "\
Examples:
  nimbert bench                                             the demo inside this program
  nimbert bench --preset bert-base-chinese --precision int8 --threads 1
  nimbert bench --model stars.nimbert --shapes 1x32 --profile
  nimbert bench --shapes - --lengths token-counts.txt --batch 32 --format json

A shape is TEXTSxTOKENS, so 16x32 is a batch of 16 texts with 32 tokens each. Times are of whole forwards, from
token ids to logits. `of limit` is the share of what this machine allows: the time that the arithmetic takes at the
peak of its instructions, or that the weights take to be read, whichever is longer, over the fastest forward. Both
limits are measured when the program starts. Let nothing else run.";

/// Measure how fast a model is on this machine
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Bench {
    #[command(flatten)]
    model: ModelArgs,

    /// Make up a model of a known shape instead of loading one; nothing is downloaded
    #[arg(long, value_name = "NAME", conflicts_with = "model", value_parser = preset())]
    preset: Option<Preset>,

    /// Shapes to measure, TEXTSxTOKENS with commas between them; `-` for none
    #[arg(short, long, value_name = "SHAPES", default_value = "1x8,1x16,1x32,1x128,16x32", value_parser = shapes)]
    shapes: Shapes,

    /// Measure a file of token counts too, one a line: each run scores all of it
    #[arg(long, value_name = "FILE")]
    lengths: Option<PathBuf>,

    /// Texts of the file given to the engine at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = positive, requires = "lengths")]
    batch: usize,

    /// Time to measure each shape for, at least
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,

    /// Show where the time goes
    #[arg(long)]
    profile: bool,

    /// How to write it to standard output
    #[arg(short, long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Clone)]
struct Shapes(Vec<Shape>);

/// A batch of texts of one length.
#[derive(Clone, Copy)]
struct Shape {
    texts: usize,
    tokens: usize,
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok().filter(|n| (1..=1 << 20).contains(n));
        let sizes = text.split_once('x').and_then(|(texts, tokens)| Some((number(texts)?, number(tokens)?)));
        let (texts, tokens) =
            sizes.ok_or_else(|| format!("{text:?} is not a shape such as 16x32, texts x tokens"))?;
        Ok(Self { texts, tokens })
    }
}

fn shapes(argument: &str) -> Result<Shapes, String> {
    if argument == "-" {
        return Ok(Shapes(Vec::new()));
    }
    argument.split(',').map(str::parse).collect::<Result<_, _>>().map(Shapes)
}

fn seconds(argument: &str) -> Result<f64, String> {
    let number = argument.parse().ok().filter(|s| (0.0..=86_400.0).contains(s));
    number.ok_or_else(|| "expected a number of seconds, at most a day".to_owned())
}

fn preset() -> impl TypedValueParser<Value = Preset> {
    PossibleValuesParser::new(Preset::ALL.map(Preset::name)).map(|name| {
        Preset::ALL.into_iter().find(|preset| preset.name() == name).expect("one of the possible values")
    })
}

/// What was found.
struct Report<'a> {
    model: String,
    engine: &'a Engine,
    load_ms: f64,
    limits: nimbert::Limits,
    shapes: Vec<(String, Timing)>,
    lengths: Option<(Workload, Timing)>,
}

impl Bench {
    pub(crate) fn run(&self) -> Result<()> {
        let lengths = self.lengths.as_deref().map(read_lengths).transpose()?;
        let options = Options { profile: self.profile, ..Options::default() };
        let start = Instant::now();
        let (model, engine) = match self.preset {
            Some(preset) => {
                let name = format!("{}'s shape, made-up weights", preset.name());
                (name, Engine::preset(preset, self.model.options(options))?)
            }
            None => (self.model.to_string(), self.model.load(options)?),
        };
        let load_ms = start.elapsed().as_secs_f64() * 1e3;
        let report = self.measure(model, &engine, load_ms, lengths.as_deref())?;
        let text = match self.format {
            Format::Human => report::human(&report),
            Format::Json => format!("{}\n", report::json(&report)),
        };
        to_stdout(io::stdout().write_all(text.as_bytes()))
    }

    fn measure<'a>(
        &self,
        model: String,
        engine: &'a Engine,
        load_ms: f64,
        lengths: Option<&[usize]>,
    ) -> Result<Report<'a>> {
        let shapes = &self.shapes.0;
        let bar = progress::steps("measuring");
        bar.set_length((shapes.len() + usize::from(lengths.is_some())) as u64);
        let workloads = shapes.iter().map(|&Shape { texts, tokens }| {
            let workload = Workload::new(engine, &vec![tokens; texts], texts)?;
            Ok((format!("{texts}x{tokens}"), workload))
        });
        // Everything that can be wrong with the arguments comes before anything that takes time.
        let workloads = workloads.collect::<Result<Vec<_>>>()?;
        let mixed = lengths.map(|lengths| Workload::new(engine, lengths, self.batch)).transpose()?;
        let limits = engine.limits();
        let time = |workload: &Workload, warm_up, least| {
            let timing = measure::time(engine, workload, Runs { warm_up, least, seconds: self.seconds });
            bar.inc(1);
            timing
        };
        let shapes = workloads.into_iter().map(|(name, workload)| Ok((name, time(&workload, 2, 5)?)));
        let shapes = shapes.collect::<Result<_>>()?;
        let lengths = match mixed {
            Some(mixed) => {
                let timing = time(&mixed, 1, 2)?;
                Some((mixed, timing))
            }
            None => None,
        };
        bar.finish_and_clear();
        Ok(Report { model, engine, load_ms, limits, shapes, lengths })
    }
}

/// Token counts, one a line; empty lines are skipped.
fn read_lengths(path: &Path) -> Result<Vec<usize>> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut lengths = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        match line.trim().parse() {
            Ok(length) if length > 0 => lengths.push(length),
            _ => bail!("{}: line {number}: {line:?} is not a number of tokens", path.display()),
        }
    }
    if lengths.is_empty() {
        bail!("{}: no token counts", path.display());
    }
    Ok(lengths)
}
