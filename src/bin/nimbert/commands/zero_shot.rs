//! `nimbert zero-shot`: texts in, labels of one's own out, as a stream.

mod output;

use anyhow::{Error, Result};
use clap::{Args, error::ErrorKind};
use nimbert::{Hypotheses, ZeroShot};

use crate::{
    input::{Input, Row},
    layout,
    output::RowFormat,
    progress,
    scoring::Source,
    stream::{Stream, StreamArgs},
    usage_error,
};

const EXAMPLES: &str = "\
Examples:
  nimbert zero-shot --model DIR --labels film,travel,money 'the harbour pilot from Lisbon'
  nimbert zero-shot -m DIR --labels film --labels 'money, and what it buys' --multi-label -i texts.csv --format json
  nimbert zero-shot -m DIR --labels 电影,旅行 --template '这是关于{}的。' '连奥创都知道整容要去韩国'

The model is a classifier of inference (NLI), trained to say whether one text entails another. It is asked whether the text
entails the template with each label in it. Without --multi-label the scores of a text's labels add up to 1; with it, or with
a single label, each is a probability by itself. Of a text that is too long the end is cut, never the label.

JSON is an object a line: index, id (where the input has one), labels and scores, the best first, and truncated. CSV has a row
for each label: the input's columns, or the text, then index, label and score.";

/// Give texts labels of your own, by a model of inference (NLI)
#[derive(Args)]
#[command(after_help = EXAMPLES, mut_arg("model", |model| model.required(true).help("Classifier of inference: checkpoint directory, or packed file made by `nimbert pack`").long_help(None)))]
pub(crate) struct ZeroShotCommand {
    /// Texts
    #[arg(value_name = "TEXT")]
    #[arg(conflicts_with_all = ["input", "input_format", "column", "pair_column", "multiline"])]
    texts: Vec<String>,

    #[command(flatten)]
    stream: StreamArgs,

    /// Labels, with commas between them; again for more, or for one with a comma in it after a backslash
    #[arg(short, long, value_name = "LABELS", required = true, help_heading = "Labels")]
    labels: Vec<String>,

    /// What a text with a label is said to be: the label stands where {} is
    #[arg(long, value_name = "TEXT", default_value = "This example is {}.", help_heading = "Labels")]
    template: String,

    /// A text may have several of the labels, or none: each has a score of its own
    #[arg(long, help_heading = "Labels")]
    multi_label: bool,

    /// The model's label that says that one text entails the other [default: the one that begins with \"entail\"]
    #[arg(long, value_name = "NAME", help_heading = "Labels")]
    entailment_label: Option<String>,

    /// How results are written to standard output
    #[arg(short, long, value_enum, default_value = "human", help_heading = "Results")]
    format: RowFormat,
}

impl ZeroShotCommand {
    pub(crate) fn run(self) -> Result<()> {
        let model = self.stream.model.path().expect("clap wants one");
        if self.stream.reading.has_pairs() {
            let how = "a text is one text: --pair-column is not for this command";
            return Err(usage_error("zero-shot", ErrorKind::ArgumentConflict, how));
        }
        let labels: Vec<_> = self.labels.iter().flat_map(|labels| split(labels)).collect();
        let labels: Vec<_> = labels.iter().map(String::as_str).collect();
        let hypotheses = Hypotheses::new(&labels, &self.template, self.multi_label)
            .map_err(|error| usage_error("zero-shot", ErrorKind::ValueValidation, &format!("--{error}")))?;
        let Source { input: Input { columns, rows }, bar, multiline } =
            self.stream.open("zero-shot", &self.texts)?;
        let options = self.stream.options();
        let zero_shot = progress::during("loading the model", || {
            ZeroShot::load(model, options, self.entailment_label.as_deref()).map_err(Error::from)
        })?;
        let mut writer = layout::writer(self.format, output::Labels(&hypotheses), columns);
        let answer = |rows: &[Row]| {
            let texts: Vec<_> = rows.iter().map(Row::text).collect();
            zero_shot.rank(&texts, &hypotheses)
        };
        Stream::to_stdout(&answer, &mut *writer, self.stream.batch(), bar, multiline).run(rows)
    }
}

/// At commas without a backslash before them; white space around a label goes.
fn split(labels: &str) -> Vec<String> {
    let (mut split, mut label, mut chars) = (Vec::new(), String::new(), labels.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&',') => label.extend(chars.next()),
            ',' => split.push(std::mem::take(&mut label).trim().to_owned()),
            c => label.push(c),
        }
    }
    split.push(label.trim().to_owned());
    split
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn labels_are_split_at_commas() {
        assert_eq!(split("film, travel ,money"), ["film", "travel", "money"]);
        assert_eq!(split("money\\, and what it buys"), ["money, and what it buys"]);
        assert_eq!(split("a,,b\\"), ["a", "", "b\\"]);
    }
}
