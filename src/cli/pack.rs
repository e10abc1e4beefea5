//! `nimbert pack`: a checkpoint directory into one file that is mapped, not read.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Error, Result};
use clap::Args;
use indicatif::BinaryBytes;
use nimbert::PackOptions;

use super::{progress, to_stdout};

const EXAMPLES: &str = "\
Examples:
  nimbert pack bert-finetuned-sentiment-chinese -o stars.nimbert
  nimbert classify --model stars.nimbert 'a text'

The file is a safetensors file with configuration, tokenizer and weights inside. It appears when it is complete.";

/// Turn a Hugging Face checkpoint directory into one packed file
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Pack {
    /// Checkpoint directory
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// File to write; one of this name is replaced
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Number format of the stored weights
    #[arg(long, value_name = "PRECISION", default_value = "int8", value_parser = ["int8", "f16", "f32"])]
    precision: String,
}

impl Pack {
    pub(crate) fn run(&self) -> Result<()> {
        let bar = progress::steps("packing");
        let precision = self.precision.parse().map_err(Error::msg)?;
        let options = PackOptions { precision, ..PackOptions::default() };
        let outcome = nimbert::pack(&self.model, &self.output, &options, &mut |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        });
        bar.finish_and_clear();
        let summary = outcome?;
        let (file, precision) = (self.output.display(), &self.precision);
        let [size, source] = [summary.bytes, summary.source_bytes].map(BinaryBytes);
        to_stdout(writeln!(io::stdout(), "{file}: {size}, {precision} (from {source})"))
    }
}
