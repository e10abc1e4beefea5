//! Lines of UTF-8 text with their numbers: what every input format is read from.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read},
    mem,
};

use anyhow::{Error, Result, anyhow, bail, ensure};

/// The most bytes that a line may have, its end included: a text of any use has a thousandth of them.
pub(crate) const MOST_BYTES: usize = 16 << 20;

const BOM: &str = "\u{feff}";
/// How UTF-16 begins, whichever byte comes first.
const UTF_16: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// One line at a time, checked to be UTF-8 without NUL characters and not longer than [`MOST_BYTES`]. A byte order mark
/// at the start is dropped. Errors name the input and the line.
pub(crate) struct Lines {
    name: String,
    input: Box<dyn BufRead>,
    /// The line last read, with its end.
    line: String,
    number: u64,
}

impl Lines {
    /// `name` is what errors call the input.
    pub(crate) fn new(source: impl Read + 'static, name: &str) -> Self {
        let input = Box::new(BufReader::with_capacity(1 << 16, source));
        Self { name: name.to_owned(), input, line: String::new(), number: 0 }
    }

    /// What errors call the input.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The line last read, from 1; 0 before the first.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Where the line last read is: input and number.
    pub(crate) fn place(&self) -> String {
        self.place_of(self.number)
    }

    /// The same of any line.
    pub(crate) fn place_of(&self, number: u64) -> String {
        format!("{}: line {number}", self.name)
    }

    /// The line last read, with its end (`\n`, `\r\n`, or none at the end of the input).
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// The next line without its end; `None` at the end of the input.
    pub(crate) fn next_line(&mut self) -> Result<Option<&str>> {
        if !self.advance()? {
            return Ok(None);
        }
        let line = without_end(&self.line);
        if let Some(at) = line.find('\r') {
            bail!(
                "{}: a carriage return (CR) in it, byte {}: lines end with LF or CR LF, and what ends with CR alone \
                 would be taken for one line",
                self.place(),
                at + 1
            );
        }
        Ok(Some(line))
    }

    /// As [`Lines::next_line`], for formats whose rows are lines that are not empty. Empty lines at the end of the input
    /// are dropped; one with a row after it is an error, because nobody can say what it stands for.
    pub(crate) fn next_row(&mut self) -> Result<Option<&str>> {
        if self.next_line()?.is_some_and(str::is_empty) {
            self.expect_the_end()?;
        }
        Ok(Some(without_end(&self.line)).filter(|line| !line.is_empty()))
    }

    /// After an empty line: reads on, and fails if anything follows but empty lines.
    pub(crate) fn expect_the_end(&mut self) -> Result<()> {
        let empty = self.number;
        while self.advance()? {
            ensure!(
                without_end(&self.line).is_empty(),
                "{}: an empty line, and more rows after it",
                self.place_of(empty)
            );
        }
        Ok(())
    }

    /// Reads the next line; `false` at the end of the input.
    pub(crate) fn advance(&mut self) -> Result<bool> {
        let mut line = mem::take(&mut self.line).into_bytes();
        line.clear();
        self.fill(&mut line)?;
        if line.is_empty() {
            return Ok(false);
        }
        match String::from_utf8(line) {
            Ok(line) => self.line = line,
            Err(error) => {
                let at = error.utf8_error().valid_up_to() + 1;
                return Err(self.fault(error.as_bytes(), &format!("not valid UTF-8 (byte {at} of the line)")));
            }
        }
        if self.number == 0 && self.line.starts_with(BOM) {
            self.line.drain(..BOM.len());
        }
        self.number += u64::from(!self.line.is_empty());
        Ok(!self.line.is_empty())
    }

    /// Appends what comes up to the line's end; nothing at the end of the input.
    fn fill(&mut self, line: &mut Vec<u8>) -> Result<()> {
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(anyhow!("{}: {error}", self.name)),
            };
            let end = chunk.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
            let chunk = &chunk[..end.unwrap_or(chunk.len())];
            let length = chunk.len();
            if line.try_reserve(length).is_err() {
                return Err(self.fault(line, "no memory for it"));
            }
            let nul = chunk.iter().position(|&byte| byte == 0).map(|at| line.len() + at + 1);
            line.extend_from_slice(chunk);
            self.input.consume(length);
            if let Some(at) = nul {
                return Err(
                    self.fault(line, &format!("a NUL character (byte {at} of the line): not a text file"))
                );
            }
            if line.len() > MOST_BYTES {
                let hint = if line.contains(&b'\r') {
                    "; it has carriage returns (CR), which end no line"
                } else {
                    ""
                };
                return Err(self.fault(line, &format!("longer than {} MiB{hint}", MOST_BYTES >> 20)));
            }
            if end.is_some() || length == 0 {
                return Ok(());
            }
        }
    }

    /// What is wrong with the line that is being read, of which this much is known.
    fn fault(&self, line: &[u8], what: &str) -> Error {
        if self.number == 0 && UTF_16.iter().any(|start| line.starts_with(start)) {
            return anyhow!(
                "{}: UTF-16 text, expected UTF-8 (iconv -f UTF-16 -t UTF-8 makes it that)",
                self.name
            );
        }
        anyhow!("{}: {what}", self.place_of(self.number + 1))
    }
}

/// The line without `\n` or `\r\n`. A file that is cut between the two has its last line complete.
pub(super) fn without_end(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}
