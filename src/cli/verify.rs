//! `nimbert verify`: is a packed file what was written, and does a model compute what PyTorch does?

mod parity;
mod reference;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use clap::Args;
use nimbert::{Engine, Options, PackedInfo};

use self::{parity::Parity, reference::Reference};
use super::{
    model::{ModelArgs, compute},
    to_stdout,
};

const EXAMPLES: &str = "\
Examples:
  nimbert verify --file stars.nimbert
  nimbert verify --model DIR --reference reference.safetensors
  nimbert verify --model stars.nimbert --reference reference.safetensors

With --file every byte is read and compared with the checksums in the file; the first part that differs is named.

With --reference the model's results for the reference's rows are compared with PyTorch's, layer by layer, and the first
stage that differs by more than it may is named, with exit code 1. tools/export_reference.py makes a reference:
  python tools/export_reference.py DIR texts.txt -o reference.safetensors";

/// Check that a packed file is undamaged, or that a model computes what PyTorch does
#[derive(Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("what").args(["file", "reference"]).required(true))]
pub(crate) struct Verify {
    /// Packed file made by `nimbert pack`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "precision", "threads", "copy_weights", "verify"])]
    file: Option<PathBuf>,

    /// Reference made by tools/export_reference.py
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,

    #[command(flatten)]
    model: ModelArgs,
}

impl Verify {
    pub(crate) fn run(&self) -> Result<()> {
        match (&self.file, &self.reference) {
            (Some(file), _) => undamaged(file),
            (None, Some(reference)) => self.parity(reference),
            (None, None) => unreachable!("one of the two is required"),
        }
    }

    fn parity(&self, path: &Path) -> Result<()> {
        let reference = Reference::read(path)?;
        let engine = self.model.load(Options::default())?;
        same_weights(&engine, &reference, &self.model.to_string())?;
        let parity = Parity::measure(&engine, &reference)?;
        let text = format!(
            "model      {}, {}\nreference  {}\n\n{}",
            self.model,
            compute(&engine),
            reference.about.describe(),
            parity.table()
        );
        let shown = to_stdout(io::stdout().write_all(text.as_bytes()));
        match parity.first_bad() {
            // Also when nobody reads the table any more.
            Some(first) => bail!("{}: {first}", self.model),
            None => shown,
        }
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
    let PackedInfo { precision, producer, source_sha256, .. } = nimbert::verify_packed(file)?;
    let file = file.display();
    to_stdout(writeln!(
        io::stdout(),
        "{file}: undamaged, {precision}, written by {producer} from weights with SHA-256 {source_sha256}"
    ))
}
