//! The program's readers of data files. What a reader takes without an error is what other readers find in it, row by row and
//! field by field; what a writer of tables wrote is taken.

#![no_main]
#![allow(dead_code, reason = "of what the readers give, some is for the program alone")]

use std::io::Cursor;

use arbitrary::Arbitrary;
use csv::{ReaderBuilder, StringRecord, Terminator, WriterBuilder};
use libfuzzer_sys::fuzz_target;

use input::{
    Columns, FileFormat, Label, Lines, Row,
    conll::{self, WordColumns},
    squad,
};

#[path = "../../src/bin/nimbert/count.rs"]
mod count;
#[path = "../../src/bin/nimbert/input/mod.rs"]
mod input;
#[path = "../../src/bin/nimbert/shorten.rs"]
mod shorten;
#[path = "../../src/bin/nimbert/tags.rs"]
mod tags;

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    Lines(&'a [u8]),
    Csv(&'a [u8]),
    Tsv(&'a [u8]),
    Jsonl(&'a [u8]),
    Conll(&'a [u8]),
    Squad(&'a [u8]),
    /// Records of a table that has these columns, as a program writes it.
    Written { width: u8, fields: Vec<&'a str>, cr: bool },
}

/// All rows, with the column or key of this name as text and as label.
fn read(bytes: &[u8], format: FileFormat, column: &str) -> Option<(Vec<String>, Vec<Row>)> {
    let columns = Columns { texts: vec![column.to_owned()], label: Some(column.to_owned()), keep: true };
    let input = input::open(Cursor::new(bytes.to_vec()), "input", format, &columns);
    let input = input.map_err(|error| assert!(error.to_string().starts_with("input: "), "{error}")).ok()?;
    let mut rows = Vec::new();
    for row in input.rows {
        match row {
            Ok(row) => rows.push(row),
            Err(error) => {
                // It says where.
                assert!(error.to_string().contains("line ") || error.to_string().contains("UTF-16"), "{error}");
                return None;
            }
        }
    }
    Some((input.columns, rows))
}

/// A table by the csv crate, which reads leniently.
fn table(bytes: &[u8], separator: u8, quoting: bool) -> Vec<StringRecord> {
    let mut builder = ReaderBuilder::new();
    let reader = builder.has_headers(false).flexible(true).delimiter(separator).quoting(quoting);
    reader.from_reader(bytes).into_records().map(|record| record.expect("what our reader takes is UTF-8")).collect()
}

fn check_table(bytes: &[u8], format: FileFormat) {
    let (separator, quoting) = if matches!(format, FileFormat::Csv) { (b',', true) } else { (b'\t', false) };
    let mut header = ReaderBuilder::new();
    let mut header = header.flexible(true).delimiter(separator).quoting(quoting).from_reader(bytes);
    let Some(column) = header.headers().ok().and_then(|names| names.get(0)).map(str::to_owned) else { return };
    let Some((names, rows)) = read(bytes, format, &column) else { return };
    let records = table(bytes, separator, quoting);
    assert!(records[0].iter().eq(&names));
    assert_eq!(records.len() - 1, rows.len(), "rows");
    for (record, row) in records[1..].iter().zip(&rows) {
        assert!(record.iter().eq(&row.kept.columns), "{record:?} {row:?}");
        assert_eq!(row.fields, [&record[0]]);
        assert!(matches!(&row.label, Some(Label::Field(label)) if label == &record[0]));
    }
}

fn check_lines(bytes: &[u8]) {
    let Some((_, rows)) = read(bytes, FileFormat::Lines, "") else { return };
    let text = std::str::from_utf8(bytes).expect("what our reader takes is UTF-8");
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    assert!(text.lines().map(|line| line.strip_suffix('\r').unwrap_or(line)).eq(rows.iter().map(|row| &row.fields[0])));
}

fn check_jsonl(bytes: &[u8]) {
    let Some((_, rows)) = read(bytes, FileFormat::Jsonl, "a") else { return };
    let text = std::str::from_utf8(bytes).expect("what our reader takes is UTF-8");
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().filter(|line| !line.is_empty() && *line != "\r");
    let values: Vec<serde_json::Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(values.len(), rows.len(), "rows");
    for (value, row) in values.iter().zip(&rows) {
        assert_eq!(value["a"].as_str(), Some(row.fields[0].as_str()));
        let id = row.kept.id.as_ref().map(|id| serde_json::from_str::<serde_json::Value>(id.get()).unwrap());
        assert_eq!(value.get("id"), id.as_ref());
    }
}

/// A sentence has words, each with a tag, on lines that have both.
fn check_words(bytes: &[u8]) {
    let input = conll::open(Lines::new(Cursor::new(bytes.to_vec()), "input"), WordColumns::default());
    for row in input.rows {
        let Ok(row) = row.map_err(|error| assert!(error.to_string().starts_with("input: "), "{error}")) else { return };
        let Some(Label::List(tags)) = row.label else { panic!("no tags") };
        assert!(!tags.is_empty() && tags.len() == row.fields.len(), "{tags:?} of {:?}", row.fields);
        assert!(tags.iter().all(|tag| tags::Tag::parse(tag).is_ok()), "{tags:?}");
    }
}

/// A question has a text of its own and one that it is asked of.
fn check_questions(bytes: &[u8]) {
    let input = squad::open(Cursor::new(bytes.to_vec()), "input");
    let Ok(input) = input.map_err(|error| assert!(error.to_string().starts_with("input: "), "{error}")) else { return };
    for row in input.rows {
        let Ok(row) = row.map_err(|error| assert!(error.to_string().starts_with("input: "), "{error}")) else { return };
        assert!(row.fields.len() == 2 && matches!(row.label, Some(Label::List(_))), "{row:?}");
    }
}

/// What no table of text can have is left out: the column that is asked for is the first, and called `a`.
fn check_written(width: usize, fields: &[&str], cr: bool) {
    let rows: Vec<Vec<String>> = fields
        .chunks_exact(width)
        .map(|row| row.iter().map(|field| field.replace('\0', "").replace('\u{feff}', "")).collect())
        .collect();
    let terminator = if cr { Terminator::CRLF } else { Terminator::Any(b'\n') };
    let mut writer = WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
    let names: Vec<String> = (0..width).map(|at| format!("{}a", "b".repeat(at))).collect();
    writer.write_record(&names).unwrap();
    rows.iter().for_each(|row| writer.write_record(row).unwrap());
    let bytes = writer.into_inner().unwrap();
    let (columns, read) = read(&bytes, FileFormat::Csv, "a").expect("a table that the csv crate has written");
    assert_eq!(columns, names);
    assert!(read.iter().map(|row| &row.kept.columns).eq(&rows));
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Lines(bytes) => check_lines(bytes),
    Input::Csv(bytes) => check_table(bytes, FileFormat::Csv),
    Input::Tsv(bytes) => check_table(bytes, FileFormat::Tsv),
    Input::Jsonl(bytes) => check_jsonl(bytes),
    Input::Conll(bytes) => check_words(bytes),
    Input::Squad(bytes) => check_questions(bytes),
    Input::Written { width, fields, cr } => check_written(usize::from(width % 5) + 1, &fields, cr),
});
