//! `nimbert fill-mask`: texts with masks in, words for them out, as a stream.

mod output;

use anyhow::Result;
use clap::{Args, error::ErrorKind};
use nimbert::{FillOptions, Filling, MaskFiller};

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
  nimbert fill-mask --model bert-base-chinese '这部电[MASK]很好看'
  nimbert fill-mask -m DIR --top-k 3 --input texts.txt --format json
  nimbert fill-mask -m DIR --targets good,bad 'A [MASK] film.'

A mask is what the model's tokenizer calls it, [MASK] for BERT. A text may have several; each is filled while the others stay. Scores
are parts of 1 of all words, with --targets too. A sequence is the text's tokens put together, so without capitals where
the tokenizer lowers case; of a text with several masks it has the special tokens.

JSON is an object a line: index, id (where the input has one), masks and truncated. Masks is a list for each mask, of words with score,
token, token_str and sequence, the best first. CSV has a row for each word: the input's columns, or the text, then index, mask (from
0), score, token, token_str and sequence.";

/// Find words for what is masked in a text
#[derive(Args)]
#[command(after_help = EXAMPLES, mut_arg("model", |model| model.required(true).help("Masked language model: checkpoint directory, or packed file made by `nimbert pack`").long_help(None)))]
pub(crate) struct FillMask {
    /// Texts
    #[arg(value_name = "TEXT")]
    #[arg(conflicts_with_all = ["input", "input_format", "column", "pair_column", "multiline"])]
    texts: Vec<String>,

    #[command(flatten)]
    stream: StreamArgs,

    /// Only the best K words for each mask
    #[arg(short = 'k', long, value_name = "K", default_value = "5", value_parser = positive, help_heading = "Words")]
    top_k: usize,

    /// Only these words, each one token, with commas between them
    #[arg(long, value_name = "WORDS", value_delimiter = ',', help_heading = "Words")]
    targets: Option<Vec<String>>,

    /// How results are written to standard output
    #[arg(short, long, value_enum, default_value = "human", help_heading = "Results")]
    format: RowFormat,
}

impl FillMask {
    pub(crate) fn run(self) -> Result<()> {
        let model = self.stream.model.path().expect("clap wants one");
        if self.stream.reading.has_pairs() {
            let how = "a text is one text: --pair-column is not for this command";
            return Err(usage_error("fill-mask", ErrorKind::ArgumentConflict, how));
        }
        let options = self.stream.options();
        let Source { input: Input { columns, rows }, bar, multiline } =
            self.stream.open("fill-mask", &self.texts)?;
        let filler = progress::during("loading the model", || MaskFiller::load(model, options))?;
        let mut how = FillOptions::default().top_k(self.top_k);
        if let Some(words) = &self.targets {
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let targets = filler.targets(&words);
            how = how.targets(targets.map_err(|error| {
                usage_error("fill-mask", ErrorKind::ValueValidation, &format!("--{error}"))
            })?);
        }
        let mut writer = layout::writer::<Filling>(self.format, output::Words, columns);
        let answer = |rows: &[Row]| {
            let texts: Vec<_> = rows.iter().map(Row::text).collect();
            filler.fill(&texts, &how)
        };
        Stream::to_stdout(&answer, &mut *writer, self.stream.batch(), bar, multiline).run(rows)
    }
}
