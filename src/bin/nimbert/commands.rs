//! One file a command.

mod bench;
mod classify;
mod compare;
mod completions;
mod embed;
mod eval;
mod import;
mod info;
mod man;
mod pack;
mod rerank;
mod verify;
mod zero_shot;

use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Command {
    Bench(bench::Bench),
    Classify(classify::Classify),
    Compare(compare::Compare),
    Completions(completions::Completions),
    Embed(embed::Embed),
    Eval(eval::Eval),
    Import(import::Import),
    Info(info::Info),
    Man(man::Man),
    Pack(pack::Pack),
    Rerank(rerank::Rerank),
    Verify(verify::Verify),
    ZeroShot(zero_shot::ZeroShotCommand),
}

impl Command {
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Bench(command) => command.run(),
            Self::Classify(command) => command.run(),
            Self::Compare(command) => command.run(),
            Self::Completions(command) => command.run(),
            Self::Embed(command) => command.run(),
            Self::Eval(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::Info(command) => command.run(),
            Self::Man(command) => command.run(),
            Self::Pack(command) => command.run(),
            Self::Rerank(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::ZeroShot(command) => command.run(),
        }
    }
}
