//! `nimbert man`: manual pages, made of what `--help` says.

use std::{fs, path::PathBuf};

use anyhow::{Result, anyhow};
use clap::{Args, Command, CommandFactory};

use crate::{Cli, file::NewFile, show};

const EXAMPLES: &str = "\
Examples:
  nimbert man | man -l -                        the main page, now
  nimbert man --output ~/.local/share/man/man1  a page for the program and one for each command";

/// Write manual pages
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Man {
    /// Directory for nimbert.1, nimbert-classify.1 and so on [default: the main page to standard output]
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(&self) -> Result<()> {
        let mut cli = Cli::command();
        cli.build();
        let Some(directory) = &self.output else { return show(&String::from_utf8(page(&cli)?)?) };
        fs::create_dir_all(directory).map_err(|error| anyhow!("{}: {error}", directory.display()))?;
        for command in [&cli].into_iter().chain(cli.get_subcommands()) {
            let name = command.get_display_name().unwrap_or(command.get_name());
            NewFile::create(&directory.join(format!("{name}.1")), &[])?.fill(&page(command)?)?;
        }
        Ok(())
    }
}

fn page(command: &Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(page)
}
