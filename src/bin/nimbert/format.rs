//! How a command that says one thing says it.

use clap::ValueEnum;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for reading
    Human,
    /// One JSON object
    Json,
}
