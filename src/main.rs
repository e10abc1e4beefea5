//! `nimbert`, the command-line program.

#![deny(unsafe_code)]

mod cli;
mod evaluation;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
