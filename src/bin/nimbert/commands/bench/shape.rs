//! What is measured, as the user says it.

use std::{fmt, fs::File, path::Path, str::FromStr};

use anyhow::{Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::{input::Lines, shorten::shorten};

/// Of texts, and of tokens of one.
const MOST: usize = 1 << 20;

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
        let number = |text: &str| text.parse().ok().filter(|n| (1..=MOST).contains(n));
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
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| anyhow!("{name}: {error}"))?;
    let mut lines = Lines::new(file, &name);
    let mut lengths = Vec::new();
    while let Some(line) = lines.next_line()? {
        let length = match line.trim() {
            "" => continue,
            number => number.parse().ok().filter(|length| *length > 0),
        };
        let line = shorten(line, 80);
        lengths.push(length.ok_or_else(|| anyhow!("{}: {line:?} is not a number of tokens", lines.place()))?);
        ensure!(lengths.len() <= MOST, "{name}: more than {MOST} token counts");
    }
    if lengths.is_empty() {
        bail!("{name}: no token counts");
    }
    Ok(lengths)
}
