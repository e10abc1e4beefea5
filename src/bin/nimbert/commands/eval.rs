//! `nimbert eval`: how good is a model on labelled texts, on pairs of texts with scores, on documents for queries, on words with
//! tags, or on questions with answers?

mod answer;
mod classify;
mod report;
mod rerank;
mod similarity;
mod tag;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum, error::ErrorKind};
use nimbert::Options;
use serde_json::Value;

use crate::{
    data::DataArgs,
    file::NewFile,
    format::Format,
    model::{ModelArgs, WordOrModelArgs},
    show,
    tags::Scheme,
    usage_error,
    vectors::VectorArgs,
};
pub(crate) use classify::{Evaluation, write_page};
pub(crate) use report::{about, rate};

const EXAMPLES: &str = "\
Examples:
  nimbert eval --input dev.tsv --label-column star
  nimbert eval --model DIR --input dev.csv --column comment --label-column rating --report eval.html
  nimbert eval --model DIR --input dev.jsonl --label-column labels --format json | jq .figures.micro_f1
  nimbert eval --task similarity --model DIR --input sts-test.csv
  nimbert eval --task similarity --model DIR -i pairs.jsonl --column first --pair-column second --label-column grade
  nimbert eval --task rerank --model DIR --input rows.jsonl --report rerank.html
  nimbert eval --task tag --model DIR --input test.conll
  nimbert eval --task answer --model DIR --input dev-v2.0.json --format json

Labels may be names, indexes from 0, or stars from 1; --labels-as says which where it could be mistaken.
Loss, F1, ROC AUC and accuracy are what scikit-learn computes (labels that no text has and the model never gives are left
out of macro F1: zero_division=nan; a model of one label has the F1 of that label). A label of a multi-label model counts as given from a score
of 0.5 on; a model of one label out of several gives its best one.

--task similarity: the cosine of the vectors of sentence1 and sentence2, and its Spearman's and Pearson's correlation with score.
Any number is a score, if a larger one means more alike. Vectors are made as `nimbert embed` makes them, with the options under
Vectors. Figures are scipy's; equal numbers share their rank.

--task rerank: a row is a query, a document and its relevance: 0, or a grade above it. Rows of one query text belong together,
wherever they stand. MRR@10, NDCG@10 and MAP are means over queries. NDCG and average precision are scikit-learn's: gains are
linear in the relevance, documents of equal scores share theirs. For MRR the irrelevant ones of equal scores come first.
Queries without a relevant document, or with a single document, are named and left out.

--task tag: CoNLL (a word a line, its tag in the last column; --column and --label-column take columns' numbers, from 1) or, of
a file that ends with .jsonl, JSON Lines ({\"tokens\": [\"Maria\"], \"tags\": [\"B-PER\"]}). A tag is O, or a type after B-, I-, E- or
S-; with --labels-as index a number in JSON Lines is the model's label. A word has the tag of its first token. An entity is right
if its type and all its words are. Figures are seqeval's: those of its default, or with --scheme those of mode=\"strict\". Words
that were cut off have no entity, and a type that the model has no label for is never found.

--task answer: SQuAD's JSON or, of a file that ends with .jsonl, JSON Lines ({\"question\": \"Where?\", \"context\": \"In Ghent.\",
\"answers\": [\"Ghent\"]}, or the answers as datasets have them: {\"text\": [\"Ghent\"]}). Exact match and F1 are those of SQuAD's
evaluate-v1.1.py; where a question has no answer, those of evaluate-v2.0.py, and the model may find none. They are shares, not
percents. --max-tokens are those of a window. The file is read as a whole before the first answer.";

/// What a model is measured on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Task {
    /// Texts with labels: a classifier
    Classify,
    /// Pairs of texts with scores: vectors, as `nimbert embed` makes them
    Similarity,
    /// Documents for queries: a cross-encoder, as `nimbert rerank` uses it
    Rerank,
    /// Words with tags: a classifier of tokens, as `nimbert tag` uses it
    Tag,
    /// Questions with answers: a model that finds them, as `nimbert answer` does
    Answer,
}

impl Task {
    /// As the command line has it.
    fn name(self) -> &'static str {
        match self {
            Self::Classify => "classify",
            Self::Similarity => "similarity",
            Self::Rerank => "rerank",
            Self::Tag => "tag",
            Self::Answer => "answer",
        }
    }
}

const COLUMN: &str = "Column (csv, tsv) or key (jsonl) with the text [default: text; of similarity sentence1, of rerank document, of tag tokens, of answer context]";
const PAIR_COLUMN: &str =
    "Column or key with a second text, to score the two as a pair [default of similarity: sentence2]";
const LABEL_COLUMN: &str = "Column or key with the label, score, relevance, tags or answers [default: of similarity score, of rerank relevance, of tag tags, of answer answers]";
const LABEL_COLUMN_IN_FULL: &str = "\
Column or key with the label, score, relevance, tags or answers [default: of similarity score, of rerank relevance, of tag tags, of answer answers]

Of a multi-label model a text may have several labels, or none; in JSON Lines several can be an array. A model of a single label
reads 1 and 0, or true and false.";

/// Measure a model on labelled texts, pairs of texts, documents for queries, words with tags or questions
#[derive(Args)]
#[command(
    after_help = EXAMPLES,
    mut_arg("column", |arg| arg.help(COLUMN)),
    mut_arg("pair_column", |arg| arg.help(PAIR_COLUMN)),
    mut_arg("label_column", |arg| arg.help(LABEL_COLUMN).long_help(LABEL_COLUMN_IN_FULL)),
)]
pub(crate) struct Eval {
    /// Labelled texts, pairs or documents: csv, tsv or jsonl; tags: conll or jsonl; questions: squad or jsonl; `-` is standard input
    #[arg(short, long, visible_alias = "data", short_alias = 'd', value_name = "FILE")]
    input: PathBuf,

    /// What the model is measured on
    #[arg(long, value_enum, default_value = "classify")]
    task: Task,

    #[command(flatten)]
    model: WordOrModelArgs,

    // Its heading goes on over what follows.
    #[command(flatten)]
    columns: DataArgs,

    /// Column or key with what is asked, of rerank and answer [default: query, question]
    #[arg(long, visible_alias = "question-column", value_name = "NAME")]
    query_column: Option<String>,

    /// Of tags: count only entities that are spelled as this scheme has it [default: all that is not O]
    #[arg(long, value_enum)]
    scheme: Option<Scheme>,

    #[command(flatten)]
    vectors: VectorArgs,

    /// Also write a page with charts and the worst errors, for a browser
    #[arg(long, value_name = "FILE.html", help_heading = "Results")]
    report: Option<PathBuf>,

    /// How results are written to standard output
    #[arg(short, long, value_enum, default_value = "human", help_heading = "Results")]
    format: Format,
}

impl Eval {
    pub(crate) fn run(self) -> Result<()> {
        self.refuse_what_is_of_others()?;
        match self.task {
            Task::Classify => classify::run(&self),
            Task::Similarity => similarity::run(&self),
            Task::Rerank => rerank::run(&self),
            Task::Tag => tag::run(&self),
            Task::Answer => answer::run(&self),
        }
    }

    /// A usage error for an option that this task has no use for.
    fn refuse_what_is_of_others(&self) -> Result<()> {
        let pair = self.columns.texts.has_pairs().then_some("--pair-column");
        let query = self.query_column.as_ref().map(|_| "--query-column");
        let (vectors, labels) = (self.vectors.given(), self.columns.meaning_given());
        let scheme = self.scheme.map(|_| "--scheme");
        let not_indexes = |option: &&str| *option != "--labels-as" || !self.columns.has_indexes();
        let option = match self.task {
            Task::Classify => query.or(vectors).or(scheme),
            Task::Similarity => query.or(labels).or(scheme),
            Task::Rerank | Task::Answer => pair.or(vectors).or(labels).or(scheme),
            Task::Tag => query.or(pair).or(vectors).or(labels.filter(not_indexes)),
        };
        let Some(option) = option else { return Ok(()) };
        let how = format!("{option} is not for --task {}", self.task.name());
        Err(usage_error("eval", ErrorKind::ArgumentConflict, &how))
    }

    /// The model's directory or file: the demo is for classifying alone.
    fn path<'a>(&self, model: &'a ModelArgs) -> Result<&'a Path> {
        model.path().ok_or_else(|| {
            let how = format!("which model? --task {} needs --model PATH", self.task.name());
            usage_error("eval", ErrorKind::MissingRequiredArgument, &how)
        })
    }

    /// How the model is to run.
    fn options(&self, model: &ModelArgs) -> Options {
        model.options(self.columns.options(Options::default()))
    }

    /// The file of `--report`.
    fn page(&self, model: &ModelArgs) -> Result<Option<NewFile>> {
        let inputs: Vec<_> = [Some(self.input.as_path()), model.path()].into_iter().flatten().collect();
        self.report.as_deref().map(|path| NewFile::create(path, &inputs)).transpose()
    }

    /// Shows what was measured even if the page could not be `written`.
    fn show(
        &self,
        written: Result<()>,
        human: impl FnOnce() -> String,
        json: impl FnOnce() -> Value,
    ) -> Result<()> {
        let text = match self.format {
            Format::Human => human(),
            Format::Json => format!("{}\n", json()),
        };
        let shown = show(&text);
        written.and(shown)
    }
}
