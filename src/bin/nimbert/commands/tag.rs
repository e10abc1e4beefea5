//! `nimbert tag`: texts in, entities out, as a stream.

mod output;

use anyhow::{Result, anyhow, ensure};
use clap::{Args, ValueEnum, error::ErrorKind};
use nimbert::{Aggregation, TagOptions, Tagged, Tagger};

use crate::{
    input::{Input, Row},
    layout,
    output::RowFormat,
    positive, progress,
    scoring::Source,
    stream::{Stream, StreamArgs},
    usage_error,
};

const EXAMPLES: &str = "\
Examples:
  nimbert tag --model bert-base-NER 'Maria Olsen moved to Ghent in 1998'
  nimbert tag -m DIR --input reports.csv --column body --stride 64 --format json
  nimbert tag -m DIR --aggregation none --ignore-labels '' 'each token with its label'

An entity is neighbouring tokens of one kind, unless one has a label with B-, which begins anew; the labels of first, average and
max are those of whole words. Starts and ends are characters of the text, counted from 0; a word is tokens put together.

JSON is an object a line: index, id (where the input has one), entities and truncated. An entity has entity_group, score, word,
start and end; with --aggregation none it is a token with entity, score, index, word, start and end. CSV has a row for each entity:
the input's columns, or the text, then index, label, score, word, start and end.";

/// What becomes of tokens that belong together.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AggregationName {
    /// Each token is by itself
    None,
    /// Neighbours of one kind are an entity
    Simple,
    /// So are they, and a word is what its first token is
    First,
    /// And a word is what its tokens are on average
    Average,
    /// And a word is what the surest of its tokens is
    Max,
}

impl From<AggregationName> for Aggregation {
    fn from(name: AggregationName) -> Self {
        match name {
            AggregationName::None => Self::None,
            AggregationName::Simple => Self::Simple,
            AggregationName::First => Self::First,
            AggregationName::Average => Self::Average,
            AggregationName::Max => Self::Max,
        }
    }
}

/// Find entities: names of people and places, or whatever the model was trained to tell apart
#[derive(Args)]
#[command(after_help = EXAMPLES, mut_arg("model", |model| model.required(true).help("Classifier of tokens: checkpoint directory, or packed file made by `nimbert pack`").long_help(None)))]
pub(crate) struct Tag {
    /// Texts
    #[arg(value_name = "TEXT")]
    #[arg(conflicts_with_all = ["input", "input_format", "column", "pair_column", "multiline"])]
    texts: Vec<String>,

    #[command(flatten)]
    stream: StreamArgs,

    /// What becomes of tokens that belong together
    #[arg(short, long, value_enum, default_value = "simple", help_heading = "Entities")]
    aggregation: AggregationName,

    /// Labels or kinds to leave out, with commas between them [default: O]
    #[arg(long, value_name = "LABELS", value_delimiter = ',', help_heading = "Entities")]
    ignore_labels: Option<Vec<String>>,

    /// Read longer texts in windows that have so many tokens in common, instead of their start alone
    #[arg(long, value_name = "TOKENS", value_parser = positive, help_heading = "Entities")]
    stride: Option<usize>,

    /// How results are written to standard output
    #[arg(short, long, value_enum, default_value = "human", help_heading = "Results")]
    format: RowFormat,
}

impl Tag {
    pub(crate) fn run(self) -> Result<()> {
        let model = self.stream.model.path().expect("clap wants one");
        let wrong = |how: &str| Err(usage_error("tag", ErrorKind::ArgumentConflict, how));
        if self.stream.reading.has_pairs() {
            return wrong("a text is one text: --pair-column is not for this command");
        }
        if self.stride.is_some() && self.aggregation == AggregationName::None {
            return wrong(
                "--stride needs an --aggregation: single tokens of windows that overlap would be there twice",
            );
        }
        let options = self.stream.options();
        let Source { input: Input { columns, rows }, bar, multiline } =
            self.stream.open("tag", &self.texts)?;
        let tagger = progress::during("loading the model", || Tagger::load(model, options))?;
        let how = self.how(&tagger)?;
        let mut writer = layout::writer::<Tagged>(self.format, output::Entities, columns);
        let answer = |rows: &[Row]| {
            let texts: Vec<_> = rows.iter().map(Row::text).collect();
            tagger.tag(&texts, &how)
        };
        Stream::to_stdout(&answer, &mut *writer, self.stream.batch(), bar, multiline).run(rows)
    }

    /// What the options ask of this model.
    fn how(&self, tagger: &Tagger) -> Result<TagOptions> {
        let mut how = TagOptions::default().aggregation(self.aggregation.into()).stride(self.stride);
        if let Some(names) = &self.ignore_labels {
            let names: Vec<_> = names.iter().filter(|name| !name.is_empty()).cloned().collect();
            for name in &names {
                let is_it = |label: &String| {
                    label == name || label.split_once('-').is_some_and(|(_, kind)| kind == name)
                };
                let known = tagger.labels().iter().any(is_it);
                ensure!(
                    known,
                    "--ignore-labels: no label is called {name:?}: they are {}",
                    tagger.labels().join(", ")
                );
            }
            how = how.ignore_labels(names);
        }
        tagger.check(&how).map_err(|error| anyhow!("--{error}"))?;
        Ok(how)
    }
}
