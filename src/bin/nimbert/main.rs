//! `nimbert`, the command-line program: its commands, beside the ways in ([`input`]) and out ([`output`]) that they share.
//!
//! Exit codes: 0 done, 2 wrong usage, 1 anything else, with a line on standard error that says what and where; of a stream of rows,
//! a line for each that has no result. A program that is asked to end by a signal ends by it.

#![deny(unsafe_code)]

mod architecture;
mod commands;
mod count;
mod data;
mod evaluation;
mod file;
mod format;
mod forms;
mod human;
mod input;
mod labels;
mod layout;
mod mark;
mod memory;
mod model;
mod named;
mod output;
mod progress;
mod scoring;
#[cfg(feature = "serve")]
mod serve;
mod shorten;
#[cfg(unix)]
mod signals;
mod stream;
mod tags;
mod task;
mod texts;
mod vectors;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Error, Result};
use clap::{CommandFactory, Parser, error::ErrorKind};

use commands::Command;

#[derive(Parser)]
#[command(
    version,
    about = "BERT on the CPU: text in; labels, vectors, entities or answers out, the same every time"
)]
#[command(after_help = "\
Try it:
  nimbert classify '连奥创都知道整容要去韩国'
  nimbert info
  nimbert bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let cli = Cli::try_parse();
    #[cfg(unix)]
    signals::install(cli.as_ref().is_ok_and(|cli| cli.command.ends_itself()));
    let outcome = cli.map_err(Error::from).and_then(|cli| cli.command.run());
    outcome.or_else(help).map_or_else(|error| report(&error), |()| ExitCode::SUCCESS)
}

/// Help and the version, which clap has as an error, are results like any other.
fn help(error: Error) -> Result<()> {
    match error.downcast_ref::<clap::Error>() {
        Some(help) if !help.use_stderr() => to_stdout(help.print().and_then(|()| io::stdout().flush())),
        _ => Err(error),
    }
}

/// Tells the user and chooses the exit code. Nothing here may fail: standard error can be closed too.
fn report(error: &Error) -> ExitCode {
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        let _ = usage.print();
        return u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
    }
    if let Some(io) = error.downcast_ref::<io::Error>()
        && io.kind() == io::ErrorKind::BrokenPipe
    {
        return ExitCode::SUCCESS; // `nimbert … | head` has what it wanted
    }
    tell(error);
    ExitCode::FAILURE
}

/// Says in a line what went wrong.
fn tell(error: &Error) {
    let message = error.to_string().replace(['\n', '\r'], " ");
    let _ = writeln!(io::stderr(), "nimbert: {message}");
}

/// A mistake in the arguments that clap's rules cannot express, reported as clap reports its own.
fn usage_error(command: &str, kind: ErrorKind, message: &str) -> Error {
    let mut cli = Cli::command();
    cli.build();
    let command = cli.find_subcommand_mut(command).expect("callers name their own command");
    command.error(kind, message).into()
}

/// The same where it does not depend on the command.
#[cfg(not(feature = "demo"))]
fn usage_error_of_all(kind: ErrorKind, message: &str) -> Error {
    Cli::command().error(kind, message).into()
}

/// Something that a user may want to know although all went well.
fn hint(what: &str) {
    let _ = writeln!(io::stderr(), "hint: {what}");
}

/// Writes a command's results to standard output.
fn show(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    to_stdout(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Names standard output in an error of writing to it.
fn to_stdout(result: io::Result<()>) -> Result<()> {
    result.map_err(|error| io::Error::new(error.kind(), format!("standard output: {error}")).into())
}

/// Reads a count of at least one.
fn positive(argument: &str) -> Result<usize, String> {
    argument.parse().ok().filter(|&n| n > 0).ok_or_else(|| "expected a whole number from 1".to_owned())
}
