//! `nimbert answer`: questions and contexts in, the part of the context that answers out, as a stream.

mod output;

use anyhow::{Result, ensure};
use clap::{Args, error::ErrorKind};
use indicatif::ProgressBar;
use nimbert::{Answers, ReadOptions, Reader};

use crate::{
    input::{Columns, Input, Kept, Row},
    layout,
    output::RowFormat,
    positive,
    progress::{self, Results},
    scoring::Source,
    stream::{Stream, StreamArgs},
    usage_error,
};

const EXAMPLES: &str = "\
Examples:
  nimbert answer --model DIR --question 'Who met Maria?' --context 'The pilot from Lisbon met Maria Olsen on Tuesday.'
  nimbert answer -m DIR --input questions.jsonl --top-k 3 --format json
  nimbert answer -m DIR --input questions.csv --question-column q --column paragraph --handle-impossible

An answer is a part of the context. A context of more tokens than a window has is read in windows that overlap: all of it,
however long. A score is how likely the answer starts and ends there among the parts of its window; words that are found in
several windows or places are one answer, whose scores add up. Starts and ends are characters of the context, counted from 0.

JSON is an object a line: index, id (where the input has one), answers (score, start, end, answer; the best first), and truncated,
which is whether the question was cut. CSV has a row for each answer: the input's columns, then index, score, start, end, answer.";

const MAX_TOKENS: &str = "Most tokens of a window: question, part of the context, [CLS] and twice [SEP] [default: 384, or as many as the model takes]";
const ON_LONG: &str =
    "What to do with a question of more tokens than --max-question-tokens: read its start, or refuse it";

/// Find the answer to a question in a text
#[derive(Args)]
#[command(
    after_help = EXAMPLES,
    mut_arg("model", |model| model.required(true).help("Model that finds answers: checkpoint directory, or packed file made by `nimbert pack`").long_help(None)),
    mut_arg("column", |arg| arg.help("Column (csv, tsv) or key (jsonl) with the context [default: context]")),
    mut_arg("max_tokens", |arg| arg.help(MAX_TOKENS)),
    mut_arg("on_long", |arg| arg.help(ON_LONG)),
    mut_arg("input", |arg| arg.help("Read questions and contexts from a file; `-` is standard input")),
)]
pub(crate) struct Answer {
    /// What is asked
    #[arg(short, long, value_name = "TEXT", requires = "context")]
    #[arg(conflicts_with_all = ["input", "input_format", "column", "question_column", "multiline"])]
    question: Option<String>,

    /// The text that has the answer
    #[arg(short = 'C', long, value_name = "TEXT", requires = "question")]
    context: Option<String>,

    #[command(flatten)]
    stream: StreamArgs,

    /// Column or key with the question [default: question]
    #[arg(long, value_name = "NAME", help_heading = "Reading the texts")]
    question_column: Option<String>,

    /// Tokens that two windows have in common [default: 128, or half a window where that is less]
    #[arg(long, value_name = "TOKENS", value_parser = positive, help_heading = "Answers")]
    stride: Option<usize>,

    /// Only the best K answers
    #[arg(short = 'k', long, value_name = "K", default_value = "1", value_parser = positive, help_heading = "Answers")]
    top_k: usize,

    /// Most tokens of an answer
    #[arg(long, value_name = "TOKENS", default_value = "15", value_parser = positive, help_heading = "Answers")]
    max_answer_tokens: usize,

    /// Most tokens of a question
    #[arg(long, value_name = "TOKENS", default_value = "64", value_parser = positive, help_heading = "Answers")]
    max_question_tokens: usize,

    /// There may be no answer: then an empty one is the best
    #[arg(long, help_heading = "Answers")]
    handle_impossible: bool,

    /// How results are written to standard output
    #[arg(short, long, value_enum, default_value = "human", help_heading = "Results")]
    format: RowFormat,
}

impl Answer {
    pub(crate) fn run(self) -> Result<()> {
        let model = self.stream.model.path().expect("clap wants one");
        if self.stream.reading.has_pairs() {
            let how =
                "the second text is the context, which --column names: --pair-column is not for this command";
            return Err(usage_error("answer", ErrorKind::ArgumentConflict, how));
        }
        let Source { input: Input { columns, rows }, bar, multiline } = self.source()?;
        let options = self.stream.options();
        let reader = progress::during("loading the model", || Reader::load(model, options))?;
        if let Some(stride) = self.stride {
            let room = reader.window().saturating_sub(3);
            ensure!(
                stride < room,
                "--stride: {stride} tokens are not less than the {room} that a window has at most"
            );
        }
        let how = ReadOptions::default()
            .top_k(self.top_k)
            .max_answer_tokens(self.max_answer_tokens)
            .max_question_tokens(self.max_question_tokens)
            .handle_impossible(self.handle_impossible)
            .stride(self.stride);
        let mut writer = layout::writer::<Answers>(self.format, output::Found, columns);
        let answer = |rows: &[Row]| {
            let asked: Vec<_> = rows.iter().map(Row::pair).collect();
            reader.answer(&asked, &how)
        };
        Stream::to_stdout(&answer, &mut *writer, self.stream.batch(), bar, multiline).run(rows)
    }

    /// The file, or the question and context of the command line.
    fn source(&self) -> Result<Source> {
        if let (Some(question), Some(context)) = (&self.question, &self.context) {
            let texts = vec![question.clone(), context.clone()];
            let kept = Kept { columns: texts.clone(), id: None };
            let row = Row { place: "the question".to_owned(), fields: texts, kept, ..Row::default() };
            let columns = ["question", "context"].map(str::to_owned).into();
            let input = Input { columns, rows: Box::new([Ok(row)].into_iter()) };
            return Ok(Source { input, bar: ProgressBar::hidden(), multiline: false });
        }
        let Some(path) = self.stream.input() else {
            let how = "what is asked? --question TEXT and --context TEXT, or a file with --input FILE, or standard input \
                       with --input -";
            return Err(usage_error("answer", ErrorKind::MissingRequiredArgument, how));
        };
        let question = self.question_column.as_deref().unwrap_or("question").to_owned();
        let texts = vec![question, self.stream.reading.column("context")];
        let columns = Columns { texts, label: None, keep: true };
        self.stream.reading.open_table("answer", path, &columns, Results::AsTheyCome)
    }
}
