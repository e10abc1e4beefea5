//! `nimbert completions`: what a shell needs to complete this program's commands and options.

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{Cli, show};

const EXAMPLES: &str = "\
Examples:
  nimbert completions bash > ~/.local/share/bash-completion/completions/nimbert
  nimbert completions zsh > ~/.zfunc/_nimbert             with ~/.zfunc in fpath
  nimbert completions fish > ~/.config/fish/completions/nimbert.fish";

/// Write the completions of a shell to standard output
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<()> {
        let mut script = Vec::new(); // the generator panics where it cannot write
        clap_complete::generate(self.shell, &mut Cli::command(), "nimbert", &mut script);
        show(&String::from_utf8(script)?)
    }
}
