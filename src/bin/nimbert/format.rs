//! How a command writes what is no table.

use clap::ValueEnum;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For reading
    Human,
    /// One JSON object, or one a line
    Json,
}
