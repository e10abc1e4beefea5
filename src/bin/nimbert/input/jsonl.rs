//! JSON Lines: an object a line, of which only what is asked for is looked at, and the rest checked to be JSON.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    fmt, iter,
};

use anyhow::{Result, anyhow, bail};
use serde_json::value::RawValue;

use super::{Columns, Input, Kept, Label, Lines, MOST_COLUMNS, Row, Rows, listed};
use crate::count::count;

pub(super) fn open(lines: Lines, keys: Columns) -> Input {
    let kept = if keys.keep { kept(&keys) } else { Vec::new() };
    let columns = kept.clone();
    Input { columns, rows: rows(lines, move |object| row(object, &keys, &kept)) }
}

/// A row is a sentence: its fields are the strings under the first key, its label the tags under the other.
pub(crate) fn open_words(lines: Lines, [words, tags]: [String; 2]) -> Input {
    let row = move |object: &Object<'_>| {
        let (fields, tags) = (object.texts(&words)?, object.tags(&tags)?);
        if fields.len() != tags.len() {
            bail!("{} and {}", count(fields.len(), "word"), count(tags.len(), "tag"));
        }
        Ok(Row { fields, label: Some(Label::List(tags)), ..Row::default() })
    };
    Input { columns: Vec::new(), rows: rows(lines, row) }
}

/// A row is a question: its fields are that and the context, its label the answers, none if there is none.
pub(crate) fn open_questions(lines: Lines, [question, context, answers]: [String; 3]) -> Input {
    let row = move |object: &Object<'_>| {
        let fields = vec![object.text(&question)?, object.text(&context)?];
        Ok(Row { fields, label: Some(Label::List(object.answers(&answers)?)), ..Row::default() })
    };
    Input { columns: Vec::new(), rows: rows(lines, row) }
}

fn rows(mut lines: Lines, row: impl Fn(&Object<'_>) -> Result<Row> + 'static) -> Rows {
    let mut is_at_end = false;
    Box::new(iter::from_fn(move || {
        if is_at_end {
            return None;
        }
        // Beyond a line that cannot be read nobody knows where lines begin; beyond one that is no object, everybody does.
        let row = match lines.next_row() {
            Ok(Some(line)) => Object::parse(line).and_then(|object| row(&object)),
            other => {
                is_at_end = true;
                return other.err().map(Err);
            }
        };
        let place = lines.place();
        Some(match row {
            Ok(row) => Ok(Row { place, ..row }),
            Err(error) => Err(anyhow!("{place}: {error}")),
        })
    }))
}

/// `id`, which an object may lack, and the keys of the texts, which it may not.
fn kept(keys: &Columns) -> Vec<String> {
    let id = (!keys.texts.iter().any(|key| key == "id")).then(|| "id".to_owned());
    id.into_iter().chain(keys.texts.iter().cloned()).collect()
}

fn row(object: &Object<'_>, keys: &Columns, kept: &[String]) -> Result<Row> {
    let fields = keys.texts.iter().map(|key| object.text(key)).collect::<Result<_>>()?;
    let label = keys.label.as_ref().map(|key| object.label(key)).transpose()?;
    if !keys.keep {
        return Ok(Row { fields, label, ..Row::default() });
    }
    let columns = kept.iter().map(|key| object.column(key)).collect();
    let id = object.0.get("id").map(|&id| id.to_owned());
    Ok(Row { fields, label, kept: Kept { columns, id }, ..Row::default() })
}

/// The values of a line by their keys, each as it is written there.
struct Object<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Object<'a> {
    fn parse(line: &'a str) -> Result<Self> {
        // The first pass finds out whether it is JSON at all.
        let value: &RawValue = serde_json::from_str(line).map_err(|error| not_json(&error))?;
        if !value.get().starts_with('{') {
            bail!("expected a JSON object, found {}", kind(value));
        }
        serde_json::from_str(value.get()).map_err(|error| {
            if error.is_data() { anyhow!("{}", without_place(&error)) } else { not_json(&error) }
        })
    }

    fn get(&self, key: &str) -> Result<&'a RawValue> {
        match self.0.get(key) {
            Some(value) => Ok(value),
            None => bail!("no key {key:?}; there {}", listed(self.0.keys())),
        }
    }

    fn text(&self, key: &str) -> Result<String> {
        let value = self.get(key)?;
        match kind(value) {
            "a string" => string(value),
            other => bail!("{key:?} is {other}, not a string"),
        }
    }

    /// A name, a number or a truth value, or several in an array.
    fn label(&self, key: &str) -> Result<Label> {
        let one = |value: &RawValue| match kind(value) {
            "a string" => string(value),
            "a number" | "a boolean" => Ok(value.get().to_owned()),
            other => bail!("{key:?} is {other}, not a label"),
        };
        let value = self.get(key)?;
        if kind(value) != "an array" {
            return one(value).map(Label::Field);
        }
        self.array(key)?.into_iter().map(one).collect::<Result<_>>().map(Label::List)
    }

    fn array(&self, key: &str) -> Result<Vec<&'a RawValue>> {
        match self.get(key)? {
            value if kind(value) == "an array" => items(value),
            value => bail!("{key:?} is {}, not an array", kind(value)),
        }
    }

    fn texts(&self, key: &str) -> Result<Vec<String>> {
        let one = |value: &RawValue| match kind(value) {
            "a string" => string(value),
            other => bail!("{key:?} has {other} in it, expected strings"),
        };
        self.array(key)?.into_iter().map(one).collect()
    }

    /// Names of tags, or their numbers.
    fn tags(&self, key: &str) -> Result<Vec<String>> {
        let one = |value: &RawValue| match kind(value) {
            "a string" => string(value),
            "a number" => Ok(value.get().to_owned()),
            other => bail!("{key:?} has {other} in it, expected tags"),
        };
        self.array(key)?.into_iter().map(one).collect()
    }

    /// Strings, objects with the key `text`, or one object with an array of that name.
    fn answers(&self, key: &str) -> Result<Vec<String>> {
        let in_answer = |error| anyhow!("{key:?}: {error}");
        let one = |value: &RawValue| match kind(value) {
            "a string" => string(value),
            "an object" => {
                Object::parse(value.get()).and_then(|answer| answer.text("text")).map_err(in_answer)
            }
            other => bail!("{key:?} has {other} in it, expected answers"),
        };
        let value = self.get(key)?;
        match kind(value) {
            "an object" => {
                Object::parse(value.get()).and_then(|answers| answers.texts("text")).map_err(in_answer)
            }
            "an array" => items(value)?.into_iter().map(one).collect(),
            other => bail!("{key:?} is {other}, not answers"),
        }
    }

    /// What goes into a table: a string as it is, nothing where there is none, anything else as JSON.
    fn column(&self, key: &str) -> String {
        let Some(value) = self.0.get(key) else { return String::new() };
        string(value).unwrap_or_else(|_| value.get().to_owned())
    }
}

fn items(value: &RawValue) -> Result<Vec<&RawValue>> {
    serde_json::from_str(value.get()).map_err(|error| not_json(&error))
}

fn string(value: &RawValue) -> Result<String> {
    serde_json::from_str(value.get()).map_err(|error| anyhow!("not valid JSON: {}", without_place(&error)))
}

fn not_json(error: &serde_json::Error) -> anyhow::Error {
    anyhow!("not valid JSON: {}", error.to_string().replace(" at line 1 column ", " at column "))
}

fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
}

/// What a value is, by how it begins.
fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes()[0] {
        b'n' => "null",
        b't' | b'f' => "a boolean",
        b'"' => "a string",
        b'[' => "an array",
        b'{' => "an object",
        _ => "a number",
    }
}

impl<'de: 'a, 'a> serde::Deserialize<'de> for Object<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keys)
    }
}

/// Refuses a key that is there twice: readers differ in which of the two values they take.
struct Keys;

impl<'de> serde::de::Visitor<'de> for Keys {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Object<'de>, M::Error> {
        let mut values = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            if values.len() == MOST_COLUMNS {
                return Err(serde::de::Error::custom(format_args!("more than {MOST_COLUMNS} keys")));
            }
            match values.entry(key) {
                Entry::Vacant(entry) => drop(entry.insert(map.next_value()?)),
                Entry::Occupied(entry) => {
                    return Err(serde::de::Error::custom(format_args!("the key {:?} twice", entry.key())));
                }
            }
        }
        Ok(Object(values))
    }
}
