//! `nimbert`, the command-line program.

#![forbid(unsafe_code)]

mod cli;
mod evaluation;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
