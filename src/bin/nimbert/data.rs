//! Labelled texts in a file: which columns, and what the labels mean.

use std::path::Path;

use anyhow::{Error, Result, bail, ensure};
use clap::{Args, error::ErrorKind};
use nimbert::{Engine, Options};

use crate::{
    evaluation::{Decision, Outcomes},
    input::{Columns, Label, Row},
    labels::{LabelNames, LabelsAs, ratings},
    progress::Results,
    scoring::Source,
    shorten::shorten,
    texts::TextArgs,
    usage_error,
};

/// How to read texts and their labels.
#[derive(Args)]
pub(crate) struct DataArgs {
    #[command(flatten)]
    pub(crate) texts: TextArgs,

    /// Column or key with the label; of a multi-label model also several, or none
    ///
    /// In JSON Lines several labels can be an array. A model of a single label reads 1 and 0, or true and false.
    #[arg(long, value_name = "NAME")]
    label_column: Option<String>,

    /// What the labels are given as; a number may have a decimal point and a zero (pandas writes 3.0 for 3)
    #[arg(long, value_enum, default_value = "auto")]
    labels_as: LabelsAs,

    /// What stands between several labels of one text
    #[arg(long, value_name = "TEXT", default_value = ",")]
    label_separator: String,

    /// The labels have an order, that of their indexes (labels that are stars have one anyway)
    #[arg(long)]
    ordered: bool,
}

/// What to do with a model's answers to the data.
pub(crate) struct Labelling {
    pub(crate) names: LabelNames,
    decision: Decision,
    ranks: Option<Vec<usize>>,
    labels: Vec<String>,
}

impl Labelling {
    /// A place for outcomes.
    pub(crate) fn outcomes(&self) -> Outcomes {
        Outcomes::new(&self.labels, self.decision, self.ranks.clone())
    }
}

impl DataArgs {
    /// Whether a label column is named.
    pub(crate) fn is_labelled(&self) -> bool {
        self.label_column.is_some()
    }

    /// Whether anything was said of the data.
    pub(crate) fn says_anything(&self) -> bool {
        let Self { texts, label_column, labels_as, label_separator, ordered } = self;
        texts.says_anything()
            || label_column.is_some()
            || *labels_as != LabelsAs::Auto
            || label_separator != ","
            || *ordered
    }

    /// A usage error where no label column is named.
    pub(crate) fn needs_labels(&self, command: &str) -> Result<()> {
        if self.is_labelled() {
            return Ok(());
        }
        let how = "which column has the labels? Name it with --label-column";
        Err(usage_error(command, ErrorKind::MissingRequiredArgument, how))
    }

    /// `options` with what was said here.
    pub(crate) fn options(&self, options: Options) -> Options {
        self.texts.options(options)
    }

    /// Opens the file; a bar shows how far it is read.
    pub(crate) fn open(&self, command: &str, path: &Path) -> Result<Source> {
        self.texts.open(command, path, self.label_column.as_deref(), Results::AtTheEnd)
    }

    /// Opens a file of rows with `texts` and a number, by the names of their columns.
    pub(crate) fn open_numbers(
        &self,
        command: &str,
        path: &Path,
        texts: Vec<String>,
        number: &str,
    ) -> Result<Source> {
        let columns = Columns { texts, label: Some(number.to_owned()), keep: false };
        self.texts.open_table(command, path, &columns, Results::AtTheEnd)
    }

    /// Opens a file of what is asked, in the column `asked`, and documents or contexts. Their columns are called as `defaults` have it
    /// unless something was said.
    pub(crate) fn open_asked(
        &self,
        command: &str,
        path: &Path,
        asked: Option<&str>,
        defaults: [&str; 2],
    ) -> Result<Source> {
        let texts = vec![asked.unwrap_or(defaults[0]).to_owned(), self.texts.column(defaults[1])];
        let columns = Columns { texts, label: None, keep: false };
        self.texts.open_table(command, path, &columns, Results::AtTheEnd)
    }

    /// Opens a file of sentences whose words have tags.
    pub(crate) fn open_words(&self, command: &str, path: &Path) -> Result<Source> {
        self.texts.open_words(command, path, self.label_column.as_deref())
    }

    /// Opens a file of questions with contexts and answers.
    pub(crate) fn open_questions(
        &self,
        command: &str,
        path: &Path,
        question: Option<&str>,
    ) -> Result<Source> {
        self.texts.open_questions(command, path, question, self.label_column.as_deref())
    }

    /// What the label column is called.
    pub(crate) fn label_column<'a>(&'a self, default: &'a str) -> &'a str {
        self.label_column.as_deref().unwrap_or(default)
    }

    /// Whether numbers are places among the model's labels.
    pub(crate) fn has_indexes(&self) -> bool {
        self.labels_as == LabelsAs::Index
    }

    /// An option that was given and says what labels mean, if any was.
    pub(crate) fn meaning_given(&self) -> Option<&'static str> {
        let options = [
            ("--label-separator", self.label_separator != ","),
            ("--ordered", self.ordered),
            ("--labels-as", self.labels_as != LabelsAs::Auto),
        ];
        options.into_iter().find(|(_, is_given)| *is_given).map(|(option, _)| option)
    }

    /// How this model's answers are judged.
    pub(crate) fn labelling(&self, engine: &Engine) -> Result<Labelling> {
        let Some(decision) = Decision::of(engine.scoring()) else {
            bail!("the model is a regression: it has no labels that could be right or wrong");
        };
        let labels = engine.labels().to_vec();
        let in_order = self.ordered.then(|| (0..labels.len()).collect());
        let ranks = ratings(&labels).filter(|_| labels.len() > 1).or(in_order);
        let names =
            LabelNames::new(engine, decision, self.labels_as, &self.label_separator).map_err(Error::msg)?;
        Ok(Labelling { names, decision, ranks, labels })
    }
}

/// The number in the row's label column, which is called `column`.
pub(crate) fn number(row: &Row, column: &str) -> Result<f64> {
    let Row { place, label, .. } = row;
    let field = match label {
        Some(Label::Field(field)) => field.trim(),
        Some(Label::List(_)) => bail!("{place}: {column:?} is an array, expected a number"),
        None => "",
    };
    ensure!(!field.is_empty(), "{place}: {column:?} is empty, expected a number");
    match field.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => bail!("{place}: {column:?} is {:?}, expected a number", shorten(field, 80)),
    }
}
