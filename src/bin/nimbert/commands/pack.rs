//! `nimbert pack`: a checkpoint directory into one file that is mapped, not read.

mod contract;
mod judge;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::{Error, Result, bail};
use clap::{Args, error::ErrorKind};
use indicatif::BinaryBytes;
use nimbert::{Options, PackOptions, PackSummary, Task};

use crate::{
    commands::eval,
    data::DataArgs,
    evaluation::Metric,
    file::{NewFile, refuse_inputs},
    model::{CheckpointArgs, load},
    positive, progress, show,
    task::{TaskName, made_for},
    usage_error,
};

const EXAMPLES: &str = "\
Examples:
  nimbert pack --model bert-finetuned-sentiment-chinese -o stars.nimbert
  nimbert classify --model stars.nimbert 'a text'
  nimbert pack -m DIR -o stars.nimbert --check dev.tsv --label-column star --budget 0.3 --report check.html
  nimbert pack -m DIR -o stars.nimbert --check comments.txt --budget 1
  nimbert pack -m bge-small-en-v1.5 -o bge.nimbert --check texts.txt --budget 0.1
  nimbert pack -m DIR -o ranks.nimbert --task rerank --check rows.jsonl --budget 1

The file is a safetensors file with configuration, tokenizer and weights inside. It appears when it is complete.

With --check the packed model is compared with f32 first. If an int8 file loses more than the budget, the parts that hurt
most (words or single matmuls) are stored in f16 until it does not; if that is not enough, no file is written and the exit code is 1. Without
--label-column the data need no labels, and the budget is for texts that get another best label. Of a model that makes vectors
the budget is for the mean cosine to f32's, so that 0.1 allows 0.999; of a cross-encoder, for pairs of a query's documents that
change their order; of one that finds entities, for their F1 beside f32's; of one that answers questions (columns question and
context), for other answers; of a masked language model, for other words in place of masks, or of the token in the middle where a
text has none.";

/// Turn a Hugging Face checkpoint directory into one packed file
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Pack {
    #[command(flatten)]
    model: CheckpointArgs,

    /// File to write; one of this name is replaced
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Number format of the stored weights: int8, f16 or f32
    #[arg(long, value_name = "PRECISION", default_value = "int8", value_parser = ["int8", "f16", "f32"])]
    precision: String,

    /// Compare with f32 on these texts before the file is written
    #[arg(long, alias = "input", short_alias = 'i', value_name = "FILE", help_heading = "Accuracy contract")]
    check: Option<PathBuf>,

    #[command(flatten)]
    contract: Check,
}

/// What the packed model may cost, and on which data.
#[derive(Args)]
pub(crate) struct Check {
    /// What the packed model is held to [default: what the model was made for]
    #[arg(long, value_enum, requires = "check", help_heading = "Accuracy contract")]
    task: Option<TaskName>,

    /// Most points (hundredths) that may be lost
    #[arg(long, value_name = "POINTS", default_value_t = 0.3, value_parser = finite, allow_negative_numbers = true)]
    #[arg(requires = "check", help_heading = "Accuracy contract")]
    budget: f64,

    /// What may not be lost, where there are labels [default: top1]
    #[arg(long, value_enum, requires = "label_column", help_heading = "Accuracy contract")]
    metric: Option<Metric>,

    /// Also write a page with the packed model's figures and charts, for a browser
    #[arg(long, value_name = "FILE.html", requires_all = ["check", "label_column"])]
    #[arg(help_heading = "Accuracy contract")]
    report: Option<PathBuf>,

    /// Number of threads for the comparison [default: all CPUs this process may use]
    #[arg(short, long, value_name = "N", value_parser = positive, requires = "check")]
    #[arg(help_heading = "Accuracy contract")]
    threads: Option<usize>,

    /// Column or key with what is asked, of rerank and answer [default: query, question]
    #[arg(
        long,
        visible_alias = "question-column",
        value_name = "NAME",
        requires = "check",
        help_heading = "Accuracy contract"
    )]
    query_column: Option<String>,

    #[command(flatten)]
    columns: DataArgs,
}

fn finite(argument: &str) -> Result<f64, String> {
    argument
        .parse()
        .ok()
        .filter(|points: &f64| points.is_finite())
        .ok_or_else(|| "expected a number".to_owned())
}

impl Check {
    /// What the packed model is held to.
    fn task(&self, model: &Path) -> Result<Task> {
        let task = self.task.map_or_else(|| made_for(model), |task| Ok(task.into()))?;
        let option = match task {
            Task::Classify => self.query_column.as_ref().map(|_| "--query-column"),
            _ if self.columns.is_labelled() => Some("--label-column"),
            _ if self.columns.texts.has_pairs() => Some("--pair-column"),
            Task::Embed | Task::Tag | Task::FillMask => self.query_column.as_ref().map(|_| "--query-column"),
            _ => self.columns.meaning_given(),
        };
        match option {
            Some(option) => {
                let how = format!("{option} is not for --task {task}");
                Err(usage_error("pack", ErrorKind::ArgumentConflict, &how))
            }
            None => Ok(task),
        }
    }
}

impl Pack {
    pub(crate) fn run(&self) -> Result<()> {
        refuse_inputs(&self.output, &[])?;
        let Some(data) = &self.check else {
            if self.contract.columns.says_anything() {
                let how = "how to read data is said, but no data: --check FILE names them";
                return Err(usage_error("pack", ErrorKind::MissingRequiredArgument, how));
            }
            let summary = self.write(&BTreeSet::new(), |_| true)?.expect("every file is accepted");
            return show(&format!("{}\n", self.line(summary)));
        };
        refuse_inputs(&self.output, &[data])?;
        let report = self.contract.report.as_deref();
        if report.is_some_and(|report| report == self.output) {
            bail!("{}: --report and --output are the same file", self.output.display());
        }
        let inputs = [data.as_path(), self.model.path()];
        let page = report.map(|path| NewFile::create(path, &inputs)).transpose()?;
        let verdict = contract::pack(self, &self.contract, data)?;
        let mut text = self.line(verdict.summary) + "\n" + &verdict.describe(&self.contract, data);
        let written = page.map_or(Ok(()), |page| self.report(page, data));
        if let (Some(path), Ok(())) = (report, &written) {
            text += &format!("report   {}\n", path.display());
        }
        let shown = show(&text);
        written.and(shown)
    }

    /// Packs into a file that gets its name if `accept` says so.
    fn write(
        &self,
        keep_f16: &BTreeSet<String>,
        accept: impl FnOnce(&Path) -> bool,
    ) -> Result<Option<PackSummary>> {
        let precision = self.precision.parse().map_err(Error::msg)?;
        let bar = progress::steps("packing");
        let options = PackOptions::default().precision(precision).keep_f16(keep_f16.clone());
        let mut step = |done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        };
        let outcome = nimbert::pack_if(self.model.path(), &self.output, &options, &mut step, |file| {
            bar.finish_and_clear();
            accept(file)
        });
        bar.finish_and_clear();
        Ok(outcome?)
    }

    /// An error of the file before it has its name, by which it is called all the same.
    fn named(&self, file: &Path, error: &nimbert::Error) -> Error {
        let [unnamed, name] = [file, &self.output].map(|path| path.display().to_string());
        Error::msg(error.to_string().replace(&unnamed, &name))
    }

    fn line(&self, summary: PackSummary) -> String {
        let [size, source] = [summary.bytes, summary.source_bytes].map(BinaryBytes);
        format!("{}: {size}, {} (from {source})", self.output.display(), self.precision)
    }

    /// The page about the file that was written.
    fn report(&self, page: NewFile, data: &Path) -> Result<()> {
        let Check { columns, threads, .. } = &self.contract;
        let options = columns.options(Options::default().threads(*threads));
        let engine = load(Some(&self.output), options)?;
        let evaluation = eval::Evaluation::run("pack", &engine, columns, data)?;
        let model = self.output.display().to_string();
        let about = eval::about(&model, &engine, &data.display().to_string(), &evaluation);
        eval::write_page(page, &about, &engine, &evaluation)
    }
}
