//! One file a command.

mod answer;
mod bench;
mod classify;
mod compare;
mod completions;
mod embed;
mod eval;
mod fill_mask;
mod import;
mod info;
mod man;
mod pack;
mod rerank;
#[cfg(feature = "serve")]
mod serve;
mod tag;
mod verify;
mod zero_shot;

use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Command {
    Answer(answer::Answer),
    Bench(bench::Bench),
    Classify(classify::Classify),
    Compare(compare::Compare),
    Completions(completions::Completions),
    Embed(embed::Embed),
    Eval(eval::Eval),
    FillMask(fill_mask::FillMask),
    Import(import::Import),
    Info(info::Info),
    Man(man::Man),
    Pack(pack::Pack),
    Rerank(rerank::Rerank),
    #[cfg(feature = "serve")]
    Serve(serve::Serve),
    Tag(tag::Tag),
    Verify(verify::Verify),
    ZeroShot(zero_shot::ZeroShotCommand),
}

impl Command {
    /// Whether it has something to do when it is asked to end.
    #[cfg(unix)]
    pub(crate) fn ends_itself(&self) -> bool {
        match self {
            #[cfg(feature = "serve")]
            Self::Serve(_) => true,
            _ => false,
        }
    }

    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Answer(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Classify(command) => command.run(),
            Self::Compare(command) => command.run(),
            Self::Completions(command) => command.run(),
            Self::Embed(command) => command.run(),
            Self::Eval(command) => command.run(),
            Self::FillMask(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::Info(command) => command.run(),
            Self::Man(command) => command.run(),
            Self::Pack(command) => command.run(),
            Self::Rerank(command) => command.run(),
            #[cfg(feature = "serve")]
            Self::Serve(command) => command.run(),
            Self::Tag(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::ZeroShot(command) => command.run(),
        }
    }
}
