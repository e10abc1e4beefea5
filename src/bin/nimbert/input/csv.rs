//! CSV as RFC 4180 has it, and nothing else: what a lenient reader makes of a missing quote are rows merged into one.

use anyhow::{Result, anyhow, bail, ensure};

use super::{Columns, Input, Lines, MOST_BYTES, MOST_COLUMNS, header::Header, lines::without_end, stream};

pub(super) fn open(lines: Lines, columns: &Columns) -> Result<Input> {
    let mut records = Records(lines);
    let first = records.next(MOST_COLUMNS)?.unwrap_or_default();
    let header = Header::new(records.0.name(), first.fields, first.count, columns)?;
    let columns = header.names.clone();
    let mut number = 0;
    let rows = stream(move || {
        let Some(record) = records.next(header.width())? else { return Ok(None) };
        number += 1;
        let place = format!("{}: row {number} (line {})", records.0.name(), record.line);
        let rows_in_one = rows_in_one(&record.fields, header.width());
        let mut row = header.pick(record.fields, record.count, place)?;
        row.rows_in_one = rows_in_one;
        Ok(Some(row))
    });
    Ok(Input { columns, rows })
}

/// How many lines the record has, if each of them has as many commas as a row of `width` fields: a line break inside
/// quotes is text, but where a quote is missing, or one too many, rows look like this.
fn rows_in_one(fields: &[String], width: usize) -> usize {
    let of_field = |(at, field): (usize, &String)| {
        let last = field.matches('\n').count();
        let is_row = |(number, line): (usize, &str)| {
            let before = if number == 0 { at } else { 0 };
            let after = if number == last { width.saturating_sub(at + 1) } else { 0 };
            let is_empty = width == 1 && line.trim_end().is_empty();
            before + line.matches(',').count() + after + 1 == width && !is_empty
        };
        if last > 0 && field.split('\n').enumerate().all(is_row) { last + 1 } else { 0 }
    };
    fields.iter().enumerate().map(of_field).max().unwrap_or_default()
}

/// The records of a file.
struct Records(Lines);

/// A record, of one line or more.
#[derive(Default)]
struct Record {
    /// Not more than were asked for.
    fields: Vec<String>,
    /// How many there are.
    count: usize,
    /// The line where it begins.
    line: u64,
}

impl Records {
    /// The next record, with its first `most` fields; `None` at the end of the input.
    fn next(&mut self, most: usize) -> Result<Option<Record>> {
        let lines = &mut self.0;
        if !lines.advance()? {
            return Ok(None);
        }
        if without_end(lines.line()).is_empty() {
            lines.expect_the_end()?;
            return Ok(None);
        }
        let (begin, mut bytes, mut parser) = (lines.number(), 0, Parser::new(most));
        loop {
            let number = lines.number();
            parser
                .take(lines.line(), number)
                .map_err(|(line, what)| anyhow!("{}: {what}", lines.place_of(line)))?;
            if parser.state != State::Quoted {
                break;
            }
            bytes += lines.line().len();
            let quote = lines.place_of(parser.opened);
            ensure!(
                bytes <= MOST_BYTES,
                "{quote}: the quote that opens here is not closed within {} MiB",
                MOST_BYTES >> 20
            );
            if !lines.advance()? {
                bail!("{quote}: the quote that opens here is never closed");
            }
        }
        let Parser { fields, count, .. } = parser;
        Ok(Some(Record { fields, count, line: begin }))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a field.
    Start,
    /// In a field without quotes.
    Plain,
    /// In a field with quotes.
    Quoted,
    /// After a quote in a field with quotes: it closes the field, or it is the first of two that stand for one.
    Closing,
}

/// A record on its way.
struct Parser {
    state: State,
    field: String,
    fields: Vec<String>,
    count: usize,
    most: usize,
    /// The line where the last quote opened a field.
    opened: u64,
}

impl Parser {
    fn new(most: usize) -> Self {
        Self { state: State::Start, field: String::new(), fields: Vec::new(), count: 0, most, opened: 0 }
    }

    /// Takes the line of this number, with its end. An error says the line where it begins, and what it is.
    fn take(&mut self, line: &str, number: u64) -> Result<(), (u64, String)> {
        for (at, c) in line.char_indices() {
            let field = self.count + 1;
            self.state = match (self.state, c) {
                (State::Quoted, '"') => State::Closing,
                (State::Quoted, c) => self.push(c, State::Quoted),
                (State::Closing, '"') => self.push('"', State::Quoted),
                (_, ',') => self.end_field(),
                (_, '\n') => break,
                (_, '\r') if matches!(&line[at..], "\r" | "\r\n") => break,
                (_, '\r') => {
                    let what = "a carriage return (CR) in it, outside of quotes: lines end with LF or CR LF";
                    return Err((number, what.to_owned()));
                }
                (State::Start, '"') => {
                    self.opened = number;
                    State::Quoted
                }
                (State::Plain, '"') => {
                    let what = "a quote inside field {field}, which does not begin with one: such a field is written \
                                in quotes, and each quote in it twice";
                    return Err((number, what.replace("{field}", &field.to_string())));
                }
                (State::Closing, _) => return Err((self.opened, self.unexpected(field, number))),
                (State::Start | State::Plain, c) => self.push(c, State::Plain),
            };
        }
        if self.state != State::Quoted {
            self.state = self.end_field();
        }
        Ok(())
    }

    fn push(&mut self, c: char, then: State) -> State {
        if self.count < self.most {
            self.field.push(c);
        }
        then
    }

    fn end_field(&mut self) -> State {
        self.count += 1;
        if self.count <= self.most {
            self.fields.push(std::mem::take(&mut self.field));
        }
        State::Start
    }

    fn unexpected(&self, field: usize, number: u64) -> String {
        let at = if number == self.opened { String::new() } else { format!(" on line {number}") };
        format!(
            "the quote that opens field {field} here is closed{at}, and more text follows: a quote inside a quoted \
             field is written twice"
        )
    }
}
