//! Progress on standard error, for a person: drawn only when that is a terminal.

use std::{
    fs::File,
    io::{self, IsTerminal},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

/// When a command's results go to standard output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Results {
    /// With each batch of texts: on a terminal they show by themselves how far it is.
    AsTheyCome,
    AtTheEnd,
}

impl Results {
    fn leave_room(self) -> bool {
        io::stderr().is_terminal() && (self == Self::AtTheEnd || !io::stdout().is_terminal())
    }
}

/// How far the reading of `file` is: a bar in bytes where the size is known, else a spinner.
pub(crate) fn reading(file: &File, results: Results) -> ProgressBar {
    match file.metadata() {
        Ok(about) if about.is_file() && about.len() > 0 && results.leave_room() => {
            bar(about.len(), "{wide_bar} {bytes}/{total_bytes} {msg}, {eta} left")
        }
        _ => endless(results),
    }
}

/// The same of an input of unknown size.
pub(crate) fn endless(results: Results) -> ProgressBar {
    if results.leave_room() { spinner("{spinner} {bytes} {msg}, {elapsed}") } else { ProgressBar::hidden() }
}

/// Something that takes long at times, and cannot say how far it is.
pub(crate) fn during<T>(what: &'static str, work: impl FnOnce() -> T) -> T {
    if !io::stderr().is_terminal() {
        return work();
    }
    let spinner = spinner("{spinner} {msg}, {elapsed}").with_message(what);
    let outcome = work();
    spinner.finish_and_clear();
    outcome
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
