//! What is measured, as the user says it.

use std::{fmt, fs, path::Path, str::FromStr};

use anyhow::{Result, anyhow, bail};
use serde::{Deserialize, Serialize};

/// A batch of texts of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Shape {
    pub(super) texts: usize,
    pub(super) tokens: usize,
}

/// A list of them, as an option's value.
#[derive(Clone)]
pub(super) struct Shapes(pub(super) Vec<Shape>);

/// Texts of given lengths, so many at a time.
pub(super) struct Lengths {
    pub(super) counts: Vec<usize>,
    pub(super) batch: usize,
}

/// A row of the tables.
#[derive(Clone, Copy)]
pub(super) enum Subject {
    Shape(Shape),
    Lengths,
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok().filter(|n| (1..=1 << 20).contains(n));
        let sizes = text.split_once('x').and_then(|(texts, tokens)| Some((number(texts)?, number(tokens)?)));
        let (texts, tokens) =
            sizes.ok_or_else(|| format!("{text:?} is not a shape such as 16x32, texts x tokens"))?;
        Ok(Self { texts, tokens })
    }
}

impl TryFrom<String> for Shape {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shape> for String {
    fn from(shape: Shape) -> Self {
        shape.to_string()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.texts, self.tokens)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(shape) => f.pad(&shape.to_string()),
            Self::Lengths => f.pad("lengths"),
        }
    }
}

/// Reads an option's value.
pub(super) fn shapes(argument: &str) -> Result<Shapes, String> {
    if argument == "-" {
        return Ok(Shapes(Vec::new()));
    }
    argument.split(',').map(str::parse).collect::<Result<_, _>>().map(Shapes)
}

/// Token counts, one a line; empty lines are skipped.
pub(super) fn read_lengths(path: &Path) -> Result<Vec<usize>> {
    let text = fs::read_to_string(path).map_err(|error| anyhow!("{}: {error}", path.display()))?;
    let mut lengths = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        match line.trim().parse() {
            Ok(length) if length > 0 => lengths.push(length),
            _ => bail!("{}: line {number}: {line:?} is not a number of tokens", path.display()),
        }
    }
    if lengths.is_empty() {
        bail!("{}: no token counts", path.display());
    }
    Ok(lengths)
}
