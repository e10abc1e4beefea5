//! `nimbert verify`: is a packed file what was written, and does a model compute what PyTorch does?

mod parity;
mod reference;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, error::ErrorKind};
use nimbert::{EmbedOptions, Embedder, Engine, Options, PackedInfo, Task};

use self::{
    parity::{Parity, Subject},
    reference::Reference,
};
use crate::{
    model::{ModelArgs, WordOrModelArgs, compute},
    progress, show,
    task::{engine_for, made_for},
    usage_error,
};

const EXAMPLES: &str = "\
Examples:
  nimbert verify --model stars.nimbert
  nimbert verify --model DIR --reference reference.safetensors
  nimbert verify --model stars.nimbert --reference reference.safetensors

Without --reference every byte of a packed file is read and compared with the checksums in it; the first part that differs
is named.

With --reference the model's results for the reference's rows are compared with PyTorch's, layer by layer, and the first
stage that differs by more than it may is named, with exit code 1. tools/export_reference.py makes a reference:
  python tools/export_reference.py DIR texts.txt -o reference.safetensors";

/// Check that a packed file is undamaged, or that a model computes what PyTorch does
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// Packed file made by `nimbert pack`: the same as --model without --reference
    #[arg(long, value_name = "FILE", conflicts_with_all = ["reference", "model", "word"])]
    file: Option<PathBuf>,

    /// Reference made by tools/export_reference.py
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,

    #[command(flatten)]
    model: WordOrModelArgs,
}

impl Verify {
    pub(crate) fn run(&self) -> Result<()> {
        let model = self.model.resolve();
        if let Some(reference) = &self.reference {
            return parity(&model, reference);
        }
        let Some(file) = self.file.as_deref().or(model.path()) else {
            let how = "verify what? A packed file with --model FILE or --file FILE, or a model with --reference FILE";
            return Err(usage_error("verify", ErrorKind::MissingRequiredArgument, how));
        };
        if model.says_how() {
            let how = "nothing is computed without --reference: only the file's checksums are compared";
            return Err(usage_error("verify", ErrorKind::ArgumentConflict, how));
        }
        undamaged(file)
    }
}

fn parity(model: &ModelArgs, path: &Path) -> Result<()> {
    let reference = Reference::read(path)?;
    let subject = load(model)?;
    let engine = subject.engine();
    same_weights(engine, &reference, &model.to_string())?;
    let parity = Parity::measure(&subject, &reference)?;
    let text = format!(
        "model      {model}, {}\nreference  {}\n\n{}",
        compute(engine),
        reference.about.describe(),
        parity.table()
    );
    let shown = show(&text);
    match parity.first_bad() {
        // Also when nobody reads the table any more.
        Some(first) => bail!("{model}: {first}"),
        None => shown,
    }
}

/// The model with what it is made for; what a directory does not say of vectors is left open.
fn load(model: &ModelArgs) -> Result<Subject> {
    let options = model.options(Options::default());
    match model.path() {
        Some(path) if made_for(path)? == Task::Embed => {
            let load = || Ok(Embedder::load(path, options, EmbedOptions::default())?);
            progress::during("loading the model", load).map(Subject::Vectors)
        }
        Some(path) => engine_for(made_for(path)?, path, options).map(Subject::Logits),
        None => model.load(options).map(Subject::Logits),
    }
}

/// A packed file says which weights it was made from.
fn same_weights(engine: &Engine, reference: &Reference, model: &str) -> Result<()> {
    match engine.source_sha256() {
        Some(source) if source != reference.about.weights_sha256 => bail!(
            "{model} was packed from weights with SHA-256 {source}, the reference was computed with {}",
            reference.about.weights_sha256
        ),
        _ => Ok(()),
    }
}

fn undamaged(file: &Path) -> Result<()> {
    if file.is_dir() {
        bail!(
            "{}: a directory has no checksums; --reference FILE compares its model with PyTorch's results",
            file.display()
        );
    }
    let about = progress::during("reading the file", || nimbert::verify_packed(file))?;
    let PackedInfo { precision, producer, source_sha256, .. } = about;
    let file = file.display();
    show(&format!(
        "{file}: undamaged, {precision}, written by {producer} from weights with SHA-256 {source_sha256}\n"
    ))
}
