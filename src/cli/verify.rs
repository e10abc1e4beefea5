//! `nimbert verify`: is a packed file what was written?

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::Result;
use clap::Args;

use super::to_stdout;

const EXAMPLES: &str = "\
Example:
  nimbert verify --file stars.nimbert

Every byte is read and compared with the checksums in the file; the first part that differs is named.";

/// Check that a packed file is undamaged
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verify {
    /// Packed file made by `nimbert pack`
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

impl Verify {
    pub(crate) fn run(&self) -> Result<()> {
        let nimbert::PackedInfo { precision, producer, source_sha256, .. } =
            nimbert::verify_packed(&self.file)?;
        let file = self.file.display();
        to_stdout(writeln!(
            io::stdout(),
            "{file}: undamaged, {precision}, written by {producer} from weights with SHA-256 {source_sha256}"
        ))
    }
}
