//! SQuAD's JSON, versions 1.1 and 2.0: articles of paragraphs, each with questions and their answers.

use std::io::Read;

use anyhow::{Result, anyhow, bail};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Input, Label, Row, shorten};

const BOM: &[u8] = "\u{feff}".as_bytes();

#[derive(Deserialize)]
struct File {
    data: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct Paragraph {
    context: String,
    qas: Vec<Question>,
}

#[derive(Deserialize)]
struct Question {
    id: Option<Box<RawValue>>,
    question: String,
    answers: Option<Vec<Answer>>,
    #[serde(default)]
    is_impossible: bool,
}

#[derive(Deserialize)]
struct Answer {
    text: String,
}

/// A row is a question: its fields are that and the context, its label the answers. The file is read as a whole.
pub(crate) fn open(mut source: impl Read, name: &str) -> Result<Input> {
    let mut json = Vec::new();
    source.read_to_end(&mut json).map_err(|error| anyhow!("{name}: {error}"))?;
    let file: File = serde_json::from_slice(json.strip_prefix(BOM).unwrap_or(&json))
        .map_err(|error| anyhow!("{name}: not SQuAD's JSON: {error}"))?;
    let name = name.to_owned();
    let paragraphs = file.data.into_iter().flat_map(|article| article.paragraphs);
    let questions = paragraphs.flat_map(|Paragraph { context, qas }| {
        qas.into_iter().map(move |question| (context.clone(), question))
    });
    let rows =
        (1..).zip(questions).map(move |(number, (context, question))| row(&name, number, context, question));
    Ok(Input { columns: Vec::new(), rows: Box::new(rows) })
}

/// `number` is the question's among all, from 1.
fn row(name: &str, number: usize, context: String, question: Question) -> Result<Row> {
    let id = question.id.map_or_else(|| number.to_string(), |id| shorten(id.get(), 80));
    let place = format!("{name}: question {id}");
    let answers = match question.answers {
        Some(answers) => answers.into_iter().map(|answer| answer.text).collect(),
        None if question.is_impossible => Vec::new(),
        None => bail!("{place}: no answers"),
    };
    Ok(Row {
        place,
        fields: vec![question.question, context],
        label: Some(Label::List(answers)),
        ..Row::default()
    })
}
