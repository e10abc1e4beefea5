//! Tables of tabs and newlines, in which a quote is an ordinary character.

use anyhow::Result;

use super::{Columns, Input, Lines, MOST_COLUMNS, header::Header, stream};

pub(super) fn open(mut lines: Lines, columns: &Columns) -> Result<Input> {
    let (names, count) = lines.next_row()?.map(|line| split(line, MOST_COLUMNS)).unwrap_or_default();
    let header = Header::new(lines.name(), names, count, columns)?;
    let columns = header.names.clone();
    let rows = stream(move || {
        let Some((fields, count)) = lines.next_row()?.map(|line| split(line, header.width())) else {
            return Ok(None);
        };
        header.pick(fields, count, lines.place()).map(Some)
    });
    Ok(Input { columns, rows })
}

/// The first `most` fields, and how many there are.
fn split(line: &str, most: usize) -> (Vec<String>, usize) {
    let fields = || line.split('\t');
    (fields().take(most).map(str::to_owned).collect(), fields().count())
}
