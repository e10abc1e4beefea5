//! `nimbert embed`: texts in, vectors out, as a stream.

mod matrix;
mod output;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, error::ErrorKind};
use nimbert::Embedder;

use self::matrix::Matrix;
use crate::{
    count::count,
    format::Format,
    input::Input,
    progress,
    scoring::{Model, Source},
    show,
    stream::{Progress, Stream, StreamArgs, Writer},
    to_stdout, usage_error,
    vectors::VectorArgs,
};

const EXAMPLES: &str = "\
Examples:
  nimbert embed --model bge-small-en-v1.5 'a warm film' 'a cold film'
  nimbert embed -m DIR --prompt-name query --format json 'what is a warm film?' | jq -c .embedding
  nimbert embed -m DIR -i reviews.csv --column comment --output reviews.npy
  nimbert embed -m bert-base-chinese --pooling cls --normalize '好看'

A directory of sentence-transformers says itself how its vectors are made: modules.json, prompts, the most tokens. Of any other
BERT the encoder is read, whatever head it has, and pooled as --pooling says.

JSON is an object a line: index, id (where the input has one), embedding, tokens and truncated.";

/// Make a vector of each text, to search, to cluster and to compare
#[derive(Args)]
#[command(after_help = EXAMPLES, mut_arg("model", |model| model.required(true).help("Directory of sentence-transformers, other checkpoint directory, or packed file").long_help(None)))]
pub(crate) struct Embed {
    /// Texts
    #[arg(value_name = "TEXT")]
    #[arg(conflicts_with_all = ["input", "input_format", "column", "pair_column", "multiline"])]
    texts: Vec<String>,

    #[command(flatten)]
    stream: StreamArgs,

    #[command(flatten)]
    vectors: VectorArgs,

    /// Scale vectors to length 1, if the model does not
    #[arg(long, help_heading = "Vectors")]
    normalize: bool,

    /// How results are written to standard output
    #[arg(short, long, value_enum, default_value = "human", help_heading = "Results")]
    format: Format,

    /// Write all vectors as one matrix to this file, .npy or .safetensors, instead
    #[arg(short, long, value_name = "FILE", conflicts_with = "format", help_heading = "Results")]
    output: Option<PathBuf>,
}

impl Embed {
    pub(crate) fn run(self) -> Result<()> {
        let model = self.stream.model.path().expect("clap wants one");
        if self.stream.reading.has_pairs() {
            let how = "a vector is of one text: --pair-column is not for this command";
            return Err(usage_error("embed", ErrorKind::ArgumentConflict, how));
        }
        let Source { input: Input { rows, .. }, bar, multiline } = self.stream.open("embed", &self.texts)?;
        let options = self.stream.options();
        let embedder = progress::during("loading the model", || {
            Embedder::load(model, options, self.vectors.how(self.normalize))
        })?;
        let mut matrix = match &self.output {
            Some(path) => {
                let inputs: Vec<_> = [self.stream.input(), Some(model)].into_iter().flatten().collect();
                Some(Matrix::create(path, &inputs, embedder.dimensions())?)
            }
            None => None,
        };
        let mut shown = output::writer(self.format);
        let writer: &mut dyn Writer<_> = match &mut matrix {
            Some(matrix) => matrix,
            None => &mut *shown,
        };
        let mut stream = Stream {
            answer: &|rows| embedder.answers(rows),
            writer,
            batch: self.stream.batch(),
            bar,
            multiline,
            told: if self.output.is_some() { |result| Ok(result?) } else { to_stdout },
            goes_on: self.output.is_none(),
            progress: Progress::default(),
        };
        stream.run(rows)?;
        let (done, width) = (stream.progress.done, embedder.dimensions());
        match (matrix, &self.output) {
            (Some(matrix), Some(path)) => {
                matrix.finish()?;
                show(&format!("{}: {}, {width} numbers each\n", path.display(), count(done, "vector")))
            }
            _ => Ok(()),
        }
    }
}
