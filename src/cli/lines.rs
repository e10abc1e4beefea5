//! Lines of UTF-8 text with their numbers: what every input format is read from.

use std::io::{self, BufRead, BufReader, Cursor, Read};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// One line at a time, checked to be UTF-8. A byte order mark at the start is dropped.
///
/// As a [`Read`] it hands out at most one line a call, so that a parser which buffers its input is never
/// ahead of [`Lines::number`]. Its errors name the input and the line.
pub(crate) struct Lines {
    name: String,
    input: Box<dyn BufRead>,
    /// The line being read, its terminator included.
    line: Vec<u8>,
    /// How much of `line` was handed out by `read`.
    taken: usize,
    number: u64,
}

impl Lines {
    /// `name` is what errors call the input.
    pub(crate) fn new(source: impl Read + 'static, name: &str) -> io::Result<Self> {
        let name = name.to_owned();
        let input = without_bom(source).map_err(|error| named(&name, &error))?;
        Ok(Self { name, input: Box::new(BufReader::new(input)), line: Vec::new(), taken: 0, number: 0 })
    }

    /// What errors call the input.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The line last read, from 1; 0 before the first.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line without its terminator (`\n` or `\r\n`); `None` at the end of the input.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<&str>> {
        let Some(line) = self.advance()? else { return Ok(None) };
        let line = line.strip_suffix('\n').unwrap_or(line);
        Ok(Some(line.strip_suffix('\r').unwrap_or(line)))
    }

    fn advance(&mut self) -> io::Result<Option<&str>> {
        self.line.clear();
        self.taken = 0;
        if self.input.read_until(b'\n', &mut self.line).map_err(|error| named(&self.name, &error))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        match std::str::from_utf8(&self.line) {
            Ok(line) => Ok(Some(line)),
            Err(error) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{}: line {}: not valid UTF-8 (byte {} of the line)",
                    self.name,
                    self.number,
                    error.valid_up_to() + 1
                ),
            )),
        }
    }
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.line.len() {
            self.advance()?;
        }
        let count = (&self.line[self.taken..]).read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}

fn named(name: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

fn without_bom(mut source: impl Read) -> io::Result<impl Read> {
    let mut start = Vec::new();
    source.by_ref().take(BOM.len() as u64).read_to_end(&mut start)?;
    if start == BOM {
        start.clear();
    }
    Ok(Cursor::new(start).chain(source))
}
