//! The service's log, on standard error: a line for each request, without its texts.

use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, fmt};

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For reading
    Text,
    /// One object a line
    Json,
    /// Not at all
    Off,
}

/// From now on what happens is written down. The environment variable NIMBERT_LOG chooses how much, as `info` (the default), `warn` or
/// `debug`.
pub(super) fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env("NIMBERT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = fmt().with_env_filter(filter).with_target(false).with_writer(std::io::stderr);
    // Another one may have been started by whoever called.
    let _ = match format {
        LogFormat::Text => log.with_ansi(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
        LogFormat::Off => Ok(()),
    };
}
