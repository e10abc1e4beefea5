//! Labelled texts in a file: which columns, and what the labels mean.

use std::{
    fs::File,
    io::{self, IsTerminal},
    path::Path,
};

use anyhow::{Error, Result, anyhow, bail};
use clap::{Args, error::ErrorKind};
use indicatif::ProgressBar;
use nimbert::{Engine, Options};

use super::{
    input::{self, Columns, Format, Rows},
    labels::{LabelNames, LabelsAs, ratings},
    positive, progress, usage_error,
};
use crate::evaluation::{Decision, Outcomes};

/// How to read texts and their labels.
#[derive(Args)]
#[command(next_help_heading = "Reading the data")]
pub(crate) struct DataArgs {
    /// What the file is [default: from its ending (.csv, .tsv, .jsonl, .ndjson), else lines]
    #[arg(long, value_name = "FORMAT", value_enum)]
    data_format: Option<Format>,

    /// Column (csv, tsv) or key (jsonl) with the text
    #[arg(long, alias = "column", value_name = "NAME", default_value = "text")]
    text_column: String,

    /// Column or key with a second text, to score the two as a pair
    #[arg(long, value_name = "NAME")]
    pair_column: Option<String>,

    /// Column or key with the label; of a multi-label model also several, or none
    ///
    /// In JSON Lines several labels can be an array. A model of a single label reads 1 and 0, or true and false.
    #[arg(long, value_name = "NAME")]
    label_column: Option<String>,

    /// What the labels are given as
    #[arg(long, value_enum, default_value = "auto")]
    labels_as: LabelsAs,

    /// What stands between several labels of one text
    #[arg(long, value_name = "TEXT", default_value = ",")]
    label_separator: String,

    /// The labels have an order, that of their indexes (labels that are stars have one anyway)
    #[arg(long)]
    ordered: bool,

    /// Most tokens of a text, [CLS] and [SEP] included [default: as many as the model takes]
    #[arg(long, value_name = "N", value_parser = positive)]
    max_tokens: Option<usize>,
}

/// What to do with a model's answers to the data.
pub(crate) struct Task {
    pub(crate) names: LabelNames,
    decision: Decision,
    ranks: Option<Vec<usize>>,
    labels: Vec<String>,
}

impl Task {
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
        let Self { data_format, text_column, pair_column, label_column, labels_as, .. } = self;
        data_format.is_some()
            || text_column != "text"
            || pair_column.is_some()
            || label_column.is_some()
            || *labels_as != LabelsAs::Auto
            || self.label_separator != ","
            || self.ordered
            || self.max_tokens.is_some()
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
        Options { max_tokens: self.max_tokens, ..options }
    }

    /// Opens the file; a bar shows how far it is read.
    pub(crate) fn open(&self, command: &str, path: &Path) -> Result<(Rows, ProgressBar)> {
        let format = self.data_format.unwrap_or_else(|| Format::guess(path));
        if format == Format::Lines && (self.is_labelled() || self.pair_column.is_some()) {
            let how = "lines have no columns: --label-column and --pair-column need --data-format csv, tsv or jsonl";
            return Err(usage_error(command, ErrorKind::ArgumentConflict, how));
        }
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| anyhow!("{name}: {error}"))?;
        if file.metadata().is_ok_and(|about| about.is_dir()) {
            bail!("{name}: a directory, expected a file of texts");
        }
        let bar = if io::stderr().is_terminal() { progress::file(&file) } else { ProgressBar::hidden() };
        let texts =
            [Some(self.text_column.clone()), self.pair_column.clone()].into_iter().flatten().collect();
        let columns = Columns { texts, label: self.label_column.clone() };
        Ok((input::rows(bar.wrap_read(file), &name, format, &columns)?, bar))
    }

    /// How this model's answers are judged.
    pub(crate) fn task(&self, engine: &Engine) -> Result<Task> {
        let Some(decision) = Decision::of(engine.config().scoring) else {
            bail!("the model is a regression: it has no labels that could be right or wrong");
        };
        let labels = engine.labels().to_vec();
        let in_order = self.ordered.then(|| (0..labels.len()).collect());
        let ranks = ratings(&labels).filter(|_| labels.len() > 1).or(in_order);
        let names =
            LabelNames::new(engine, decision, self.labels_as, &self.label_separator).map_err(Error::msg)?;
        Ok(Task { names, decision, ranks, labels })
    }
}
