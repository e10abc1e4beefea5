//! CoNLL: a word a line, with its tag in another column; an empty line ends a sentence.

use anyhow::{Result, bail, ensure};

use super::{Input, Label, Lines, MOST_BYTES, Row, lines::without_end, stream};
use crate::{count::count, tags::Tag};

/// Which columns are read, from 0.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WordColumns {
    pub(crate) word: usize,
    /// Unless it is said, the last one.
    pub(crate) tag: Option<usize>,
}

/// A row is a sentence: its fields are words, its label their tags.
pub(crate) fn open(lines: Lines, columns: WordColumns) -> Input {
    let mut sentences = Sentences { lines, columns, width: 0 };
    Input { columns: Vec::new(), rows: stream(move || sentences.next()) }
}

struct Sentences {
    lines: Lines,
    columns: WordColumns,
    /// How many columns each line has; 0 before the first.
    width: usize,
}

impl Sentences {
    fn next(&mut self) -> Result<Option<Row>> {
        let (mut row, mut tags, mut bytes) = (Row::default(), Vec::new(), 0);
        while self.lines.next_line()?.is_some() {
            let line = without_end(self.lines.line());
            // So documents begin in the data of CoNLL 2003.
            let is_between = line.trim_ascii().is_empty() || line.starts_with("-DOCSTART-");
            if is_between && tags.is_empty() {
                continue;
            }
            if is_between {
                break;
            }
            bytes += line.len();
            if tags.is_empty() {
                row.place = self.lines.place();
            }
            ensure!(
                bytes <= MOST_BYTES,
                "{}: the sentence that begins here does not end within {} MiB: an empty line ends one",
                row.place,
                MOST_BYTES >> 20
            );
            let (word, tag) = self.word()?;
            row.fields.push(word);
            tags.push(tag);
        }
        if tags.is_empty() {
            return Ok(None);
        }
        row.label = Some(Label::List(tags));
        Ok(Some(row))
    }

    /// The word and the tag of the line last read.
    fn word(&mut self) -> Result<(String, String)> {
        // Blanks beyond ASCII's may be words.
        let fields: Vec<_> = self.lines.line().split_ascii_whitespace().collect();
        let (place, width) = (self.lines.place(), fields.len());
        if self.width == 0 {
            ensure!(width > 1, "{place}: one column, expected a word and its tag");
            for column in [Some(self.columns.word), self.columns.tag].into_iter().flatten() {
                ensure!(column < width, "{place}: no column {}: there are {width}", column + 1);
            }
            self.width = width;
        }
        if width != self.width {
            bail!("{place}: {}, the lines before have {}", count(width, "column"), self.width);
        }
        let (word, tag) = (fields[self.columns.word], fields[self.columns.tag.unwrap_or(width - 1)]);
        if let Err(why) = Tag::parse(tag) {
            bail!("{place}: the tag {tag:?} is {why}");
        }
        Ok((word.to_owned(), tag.to_owned()))
    }
}
