//! `nimbert import`: `pytorch_model.bin` as safetensors.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use indicatif::BinaryBytes;

use crate::{count::count, model::CheckpointArgs, progress, show};

const EXAMPLES: &str = "\
Examples:
  nimbert import --model bert-finetuned-sentiment-chinese -o imported
  nimbert classify --model imported 'a text'
  nimbert import --model DIR -o DIR             beside what is there

Every command reads such a checkpoint as it is; importing it is for other programs, and to be rid of a format that can carry
code. None of that code is ever run: what a state dict does not need is refused by name. Files in the format of PyTorch before
1.6 are not read: load them with torch.load and write them again with torch.save.";

/// Turn a checkpoint with pytorch_model.bin into one with model.safetensors
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    #[command(flatten)]
    checkpoint: CheckpointArgs,

    /// Directory to write; a model.safetensors that is there already is left alone, with an error
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

impl Import {
    pub(crate) fn run(&self) -> Result<()> {
        let bar = progress::bytes("importing");
        let outcome = nimbert::import(self.checkpoint.path(), &self.output, &mut |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        let summary = outcome?;
        let (directory, size) = (self.output.display(), BinaryBytes(summary.bytes));
        show(&format!("{directory}: {}, {size}\n", count(summary.tensors, "tensor")))
    }
}
