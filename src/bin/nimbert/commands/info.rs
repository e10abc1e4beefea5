//! `nimbert info`: what a model is and how this machine would run it.

use anyhow::Result;
use clap::Args;
use indicatif::{BinaryBytes, HumanCount};
use nimbert::{EmbedOptions, Embedder, Engine, Isa, Options, Scoring, Task};
use serde_json::{Value, json};

use crate::{
    architecture::Architecture,
    format::Format,
    memory,
    model::{ModelArgs, WordOrModelArgs},
    progress, show,
    task::engine_for,
};

const EXAMPLES: &str = "\
Examples:
  nimbert info                                  the demo inside this program
  nimbert info stars.nimbert                    a packed file
  nimbert info --model DIR --format json        a checkpoint, for a script
  NIMBERT_ISA=avx2 nimbert info                 with an instruction set forced";

/// Show what a model is and how this machine runs it
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Info {
    #[command(flatten)]
    model: WordOrModelArgs,

    /// How to write it to standard output
    #[arg(short, long, value_enum, default_value = "human")]
    format: Format,
}

/// A model with all that it can be used for.
struct Model {
    name: String,
    engine: Engine,
    tasks: Vec<Task>,
    /// How it makes vectors, if it was made for that.
    vectors: Option<String>,
}

impl Info {
    pub(crate) fn run(&self) -> Result<()> {
        let model = Model::load(&self.model.resolve())?;
        let text = match self.format {
            Format::Human => human(&model),
            Format::Json => format!("{}\n", object(&model)),
        };
        show(&text)
    }
}

impl Model {
    fn load(args: &ModelArgs) -> Result<Self> {
        let (name, options) = (args.to_string(), args.options(Options::default()));
        let tasks = args.path().map_or_else(|| Ok(vec![Task::Classify, Task::Embed]), nimbert::tasks)?;
        if let (Some(path), Task::Embed) = (args.path(), tasks[0]) {
            let load = || Embedder::load(path, options, EmbedOptions::default());
            let embedder = progress::during("loading the model", load)?;
            let vectors = format!("{} numbers: {}", embedder.dimensions(), embedder.describe());
            return Ok(Self { name, engine: embedder.engine().clone(), tasks, vectors: Some(vectors) });
        }
        let engine = match args.path() {
            Some(path) => engine_for(tasks[0], path, options)?,
            None => args.load(Options::default())?,
        };
        Ok(Self { name, engine, tasks, vectors: None })
    }

    /// What the model can be used with.
    fn commands(&self) -> Vec<&'static str> {
        let mut commands: Vec<_> = self.tasks.iter().map(|task| task.name()).collect();
        commands.extend(["eval", "compare"]);
        commands
    }
}

fn human(model: &Model) -> String {
    let Model { name, engine, vectors, .. } = model;
    let config = engine.config();
    let count = |n: usize| HumanCount(n as u64);
    let bytes = |n: u64| BinaryBytes(n).to_string();
    let others: Vec<_> =
        Isa::available().iter().filter(|isa| **isa != engine.isa()).map(Isa::to_string).collect();
    let others = if others.is_empty() { "nothing else".to_owned() } else { others.join(", ") };
    let has_labels = !engine.labels().is_empty();
    let of_labels = |text: String| if has_labels { text } else { "none".to_owned() };
    let vectors = vectors.clone().unwrap_or_else(|| "as --pooling says".to_owned());
    let lines = [
        ("model", name.clone()),
        ("architecture", Architecture::new(config).to_string()),
        ("parameters", count(engine.parameters()).to_string()),
        ("class", config.class().to_owned()),
        ("commands", model.commands().join(", ")),
        ("labels", of_labels(engine.labels().join(", "))),
        ("scoring", of_labels(scoring(engine.scoring()).to_owned())),
        ("vectors", vectors),
        ("tokenizer", engine.tokenizer().describe()),
        ("max tokens", count(engine.max_tokens()).to_string()),
        ("precision", format!("{} stored, {} computed", engine.stored_precision(), engine.precision())),
        ("instructions", format!("{} (also here: {others})", engine.isa())),
        ("threads", engine.threads().to_string()),
        ("weights", format!("{} mapped or in memory", bytes(engine.weight_bytes() as u64))),
        (
            "process",
            memory::resident().map_or_else(|| "unknown".to_owned(), |n| format!("{} resident", bytes(n))),
        ),
    ];
    lines.map(|(name, value)| format!("{name:<14}{value}\n")).concat()
}

fn object(model: &Model) -> Value {
    let Model { name, engine, vectors, .. } = model;
    let config = engine.config();
    let available: Vec<_> = Isa::available().iter().map(Isa::to_string).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "model": name,
        "architecture": Architecture::new(config),
        "parameters": engine.parameters(),
        "class": config.class(),
        "commands": model.commands(),
        "labels": engine.labels(),
        "scoring": (!engine.labels().is_empty()).then(|| scoring(engine.scoring())),
        "vectors": vectors,
        "tokenizer": engine.tokenizer().describe(),
        "max_tokens": engine.max_tokens(),
        "precision": { "stored": engine.stored_precision(), "computed": engine.precision().to_string() },
        "isa": { "chosen": engine.isa().to_string(), "available": available },
        "threads": engine.threads(),
        "memory": { "weights_bytes": engine.weight_bytes(), "resident_bytes": memory::resident() },
    })
}

fn scoring(scoring: Scoring) -> &'static str {
    match scoring {
        Scoring::Identity => "identity",
        Scoring::Sigmoid => "sigmoid",
        Scoring::Softmax => "softmax",
    }
}
