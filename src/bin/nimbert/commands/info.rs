//! `nimbert info`: what a model is and how this machine would run it.

use anyhow::Result;
use clap::Args;
use indicatif::{BinaryBytes, HumanCount};
use nimbert::{EmbedOptions, Embedder, Engine, Error, Isa, Options, Scoring};
use serde_json::{Value, json};

use crate::{
    architecture::Architecture,
    format::Format,
    memory,
    model::{ModelArgs, WordOrModelArgs},
    show,
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

impl Info {
    pub(crate) fn run(&self) -> Result<()> {
        let model = self.model.resolve();
        let engine = load(&model)?;
        let text = match self.format {
            Format::Human => human(&model.to_string(), &engine),
            Format::Json => format!("{}\n", object(&model.to_string(), &engine)),
        };
        show(&text)
    }
}

/// The model, or its encoder where that is all that there is.
fn load(model: &ModelArgs) -> Result<Engine> {
    match (model.load(Options::default()), model.path()) {
        (Err(error), Some(path)) if matches!(error.downcast_ref(), Some(Error::Task { .. })) => {
            let options = model.options(Options::default());
            Ok(Embedder::load(path, options, EmbedOptions::default())?.engine().clone())
        }
        (loaded, _) => loaded,
    }
}

/// What the model can be used with.
fn commands(engine: &Engine) -> &'static str {
    match engine.labels().len() {
        0 => "embed",
        1 => "classify, eval, compare, rerank, embed",
        _ => "classify, eval, compare, embed",
    }
}

fn human(model: &str, engine: &Engine) -> String {
    let config = engine.config();
    let count = |n: usize| HumanCount(n as u64);
    let bytes = |n: u64| BinaryBytes(n).to_string();
    let others: Vec<_> =
        Isa::available().iter().filter(|isa| **isa != engine.isa()).map(Isa::to_string).collect();
    let others = if others.is_empty() { "nothing else".to_owned() } else { others.join(", ") };
    let has_labels = !engine.labels().is_empty();
    let of_labels = |text: String| if has_labels { text } else { "none".to_owned() };
    let lines = [
        ("model", model.to_owned()),
        ("architecture", Architecture::new(config).to_string()),
        ("parameters", count(engine.parameters()).to_string()),
        ("class", config.class().to_owned()),
        ("commands", commands(engine).to_owned()),
        ("labels", of_labels(engine.labels().join(", "))),
        ("scoring", of_labels(scoring(engine.scoring()).to_owned())),
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

fn object(model: &str, engine: &Engine) -> Value {
    let config = engine.config();
    let available: Vec<_> = Isa::available().iter().map(Isa::to_string).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "model": model,
        "architecture": Architecture::new(config),
        "parameters": engine.parameters(),
        "class": config.class(),
        "commands": commands(engine).split(", ").collect::<Vec<_>>(),
        "labels": engine.labels(),
        "scoring": (!engine.labels().is_empty()).then(|| scoring(engine.scoring())),
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
