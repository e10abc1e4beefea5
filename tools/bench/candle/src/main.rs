//! candle's BERT with a pooler and a classifier, timed as `worker.py` times the engines in Python.
//!
//! The one argument is a job, a JSON file; results are JSON lines on standard output. `worker.py` describes both.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use candle_core::{D, DType, Device, IndexOp, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear};
use candle_transformers::models::bert::{BertModel, Config};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Job {
    model: PathBuf,
    seconds: f64,
    /// Batches of rows to give the logits of.
    check: Vec<Vec<Vec<u32>>>,
    workloads: Vec<Workload>,
}

#[derive(Deserialize)]
struct Workload {
    name: String,
    warm_up: usize,
    least: usize,
    /// Batches of rows of token ids.
    batches: Vec<Vec<Vec<u32>>>,
}

/// A `BertForSequenceClassification`.
struct Classifier {
    bert: BertModel,
    pooler: Linear,
    classifier: Linear,
}

/// Rows as tensors, all as long as the longest.
struct Batch {
    ids: Tensor,
    types: Tensor,
    /// None where no row is shorter.
    mask: Option<Tensor>,
}

impl Classifier {
    fn load(model: &Path) -> Result<Self> {
        let mut config: Value = serde_json::from_slice(&fs::read(model.join("config.json"))?)?;
        let labels = config["id2label"].as_object().map_or(2, serde_json::Map::len);
        // candle wants to read these two, which do nothing outside of training.
        for (key, value) in [("hidden_dropout_prob", 0.1), ("initializer_range", 0.02)] {
            if config[key].is_null() {
                config[key] = json!(value);
            }
        }
        let config: Config = serde_json::from_value(config)?;
        let weights = candle_core::safetensors::load(model.join("model.safetensors"), &Device::Cpu)?;
        let weights = VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu);
        Ok(Self {
            pooler: linear(config.hidden_size, config.hidden_size, weights.pp("bert.pooler.dense"))?,
            classifier: linear(config.hidden_size, labels, weights.pp("classifier"))?,
            bert: BertModel::load(weights, &config)?,
        })
    }

    fn logits(&self, batch: &Batch) -> Result<Vec<Vec<f32>>> {
        let hidden = self.bert.forward(&batch.ids, &batch.types, batch.mask.as_ref())?;
        let pooled = self.pooler.forward(&hidden.i((.., 0))?.contiguous()?)?.tanh()?;
        Ok(self.classifier.forward(&pooled)?.to_vec2()?)
    }
}

impl Batch {
    fn new(rows: &[Vec<u32>]) -> Result<Self> {
        let longest = rows.iter().map(Vec::len).max().context("a batch without rows")?;
        let padded = |value: &dyn Fn(&[u32], usize) -> u32| {
            let values = rows.iter().flat_map(|row| (0..longest).map(|i| value(row, i)));
            Tensor::from_iter(values, &Device::Cpu)?.reshape((rows.len(), longest))
        };
        let ids = padded(&|row, i| row.get(i).copied().unwrap_or(0))?;
        let mask = padded(&|row, i| u32::from(i < row.len()))?;
        let whole = mask.min(D::Minus1)?.min(D::Minus1)?.to_scalar::<u32>()? == 1;
        Ok(Self { types: ids.zeros_like()?, ids, mask: (!whole).then_some(mask) })
    }
}

/// Milliseconds of each run, ascending.
fn measure(model: &Classifier, workload: &Workload, seconds: f64) -> Result<Vec<f64>> {
    let batches = workload.batches.iter().map(|rows| Batch::new(rows)).collect::<Result<Vec<_>>>()?;
    for _ in 0..workload.warm_up {
        model.logits(&batches[0])?;
    }
    let (mut runs, end) = (Vec::new(), Instant::now() + Duration::from_secs_f64(seconds));
    while runs.len() < workload.least || Instant::now() < end {
        let start = Instant::now();
        for batch in &batches {
            model.logits(batch)?;
        }
        runs.push(start.elapsed().as_secs_f64() * 1e3);
    }
    runs.sort_by(f64::total_cmp);
    Ok(runs)
}

/// The most memory that this process has had, in MiB.
fn peak_memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(kib.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? / 1024.0)
}

fn main() -> Result<()> {
    let path = env::args().nth(1).context("usage: nimbert-bench-candle JOB.json")?;
    let job: Job = serde_json::from_slice(&fs::read(path)?)?;
    let start = Instant::now();
    let model = Classifier::load(&job.model)?;
    println!("{}", json!({"workload": "load", "runs": [start.elapsed().as_secs_f64() * 1e3]}));
    if !job.check.is_empty() {
        let logits =
            job.check.iter().map(|rows| model.logits(&Batch::new(rows)?)).collect::<Result<Vec<_>>>()?;
        println!("{}", json!({"answers": logits.concat()}));
    }
    for workload in &job.workloads {
        match measure(&model, workload, job.seconds) {
            Ok(runs) => println!("{}", json!({"workload": workload.name, "runs": runs})),
            Err(error) => println!("{}", json!({"workload": workload.name, "refused": error.to_string()})),
        }
    }
    if let Some(peak) = peak_memory() {
        println!("{}", json!({"workload": "memory", "runs": [peak]}));
    }
    Ok(())
}
