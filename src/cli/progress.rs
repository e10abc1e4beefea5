//! Progress on standard error, for a person: drawn only when that is a terminal.

use std::{
    fs::File,
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

/// How far the reading of `file` is: a bar in bytes where the size is known, else a spinner. Nothing is drawn when
/// the results go to the same terminal.
pub(crate) fn reading(file: &File) -> ProgressBar {
    if io::stdout().is_terminal() || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    self::file(file)
}

/// The same, for results that come at the end.
pub(crate) fn file(file: &File) -> ProgressBar {
    match file.metadata() {
        Ok(about) if about.is_file() && about.len() > 0 => {
            bar(about.len(), "{wide_bar} {bytes}/{total_bytes} {msg}, {eta} left")
        }
        _ => spinner("{spinner} {bytes} {msg}, {elapsed}"),
    }
}

/// How many of a number of steps are done; the number is given as they go.
pub(crate) fn steps(what: &'static str) -> ProgressBar {
    bar(0, "{msg} {wide_bar} {pos}/{len}").with_message(what)
}

/// The same, of bytes.
pub(crate) fn bytes(what: &'static str) -> ProgressBar {
    bar(0, "{msg} {wide_bar} {bytes}/{total_bytes}").with_message(what)
}

fn bar(length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}

fn spinner(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner = ProgressBar::new_spinner().with_style(style);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
