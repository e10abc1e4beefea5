//! Forwards of made-up texts, and how long they take.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nimbert::{Limits, Operation, Work};

use super::forward::{Batch, Forward};

/// How often a workload is run.
#[derive(Clone, Copy)]
pub(super) struct Runs {
    /// Runs that do not count: the first ones grow buffers and bring weights into the caches.
    pub(super) warm_up: usize,
    /// Runs that do, at least.
    pub(super) least: usize,
    /// How long to go on, at least.
    pub(super) seconds: f64,
}

/// Texts of given lengths, in batches.
pub(super) struct Workload<'a> {
    batches: Vec<Batch<'a>>,
    pub(super) texts: usize,
    pub(super) tokens: usize,
    work: Work,
}

/// How long runs of a workload took.
pub(super) struct Timing {
    /// In milliseconds, ascending; at least one.
    runs: Vec<f64>,
    tokens: usize,
    work: Work,
    /// Milliseconds of all runs by operation; empty unless the engine keeps a profile.
    operations: Vec<(Operation, f64)>,
}

impl<'a> Workload<'a> {
    /// Texts of `lengths` tokens, given to the engine `batch` at a time, in their order.
    pub(super) fn new(forward: &'a Forward, lengths: &[usize], batch: usize) -> Result<Self> {
        let shape = &forward.engine().config().encoder;
        if let Some(length) = lengths.iter().find(|&&length| length > shape.max_tokens()) {
            bail!("{length} tokens, and the model has positions for {}", shape.max_tokens());
        }
        let mut words = words(shape.vocab_size);
        let mut text = |&length: &usize| words.by_ref().take(length).collect();
        let batches = lengths.chunks(batch);
        let batches = batches.map(|batch| forward.batch(batch.iter().map(&mut text).collect())).collect();
        let (texts, tokens) = (lengths.len(), lengths.iter().sum());
        Ok(Self { batches, texts, tokens, work: forward.work(lengths) })
    }
}

/// Ids of words from all over the vocabulary, the same ones each time.
fn words(vocabulary: usize) -> impl Iterator<Item = u32> {
    // Steps of the golden section never gather anywhere (Weyl's sequence).
    (1_u64..).map(move |i| (((i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) * vocabulary as u64) >> 32) as u32)
}

/// Runs `workload` again and again.
pub(super) fn time(forward: &Forward, workload: &Workload<'_>, runs: Runs) -> Result<Timing> {
    let Runs { warm_up, least, seconds } = runs;
    let run = || -> Result<f64> {
        let start = Instant::now();
        for batch in &workload.batches {
            batch()?;
        }
        Ok(start.elapsed().as_secs_f64() * 1e3)
    };
    for _ in 0..warm_up {
        run()?;
    }
    forward.engine().profile();
    let (mut runs, end) = (Vec::new(), Instant::now() + Duration::from_secs_f64(seconds));
    while runs.len() < least || Instant::now() < end {
        runs.push(run()?);
    }
    let operations =
        forward.engine().profile().into_iter().map(|(what, time)| (what, time.as_secs_f64() * 1e3));
    let operations = operations.collect();
    runs.sort_by(f64::total_cmp);
    Ok(Timing { runs, tokens: workload.tokens, work: workload.work, operations })
}

impl Timing {
    /// What has to be done in a run.
    pub(super) fn work(&self) -> &Work {
        &self.work
    }

    /// Takes in further runs of the same workload.
    pub(super) fn merge(&mut self, other: Self) {
        self.runs.extend(other.runs);
        self.runs.sort_by(f64::total_cmp);
        for ((_, ms), (_, more)) in self.operations.iter_mut().zip(other.operations) {
            *ms += more;
        }
    }

    /// Milliseconds of a run by operation, on average; empty unless the engine keeps a profile.
    pub(super) fn profile(&self) -> Vec<(Operation, f64)> {
        self.operations.iter().map(|&(what, ms)| (what, ms / self.runs.len() as f64)).collect()
    }

    pub(super) fn runs(&self) -> usize {
        self.runs.len()
    }

    pub(super) fn min_ms(&self) -> f64 {
        self.runs[0]
    }

    pub(super) fn median_ms(&self) -> f64 {
        let middle = self.runs.len() / 2;
        if self.runs.len() % 2 == 1 {
            self.runs[middle]
        } else {
            f64::midpoint(self.runs[middle - 1], self.runs[middle])
        }
    }

    /// The run that 99 of 100 are not slower than.
    pub(super) fn p99_ms(&self) -> f64 {
        self.runs[(self.runs.len() * 99).div_ceil(100) - 1]
    }

    /// The share of what the machine allows that the fastest run has reached.
    pub(super) fn of_limit(&self, limits: &Limits) -> f64 {
        limits.seconds(&self.work) * 1e3 / self.min_ms()
    }

    /// Of the median run.
    pub(super) fn tokens_per_s(&self) -> f64 {
        self.tokens as f64 / self.median_ms() * 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(runs: Vec<f64>) -> Timing {
        let work = Work { matmul: 0.0, attention: 0.0, bytes: 0.0 };
        Timing { runs, tokens: 10, work, operations: Vec::new() }
    }

    #[test]
    fn quantiles_are_those_of_the_runs() {
        let hundred = timing((1..=100).map(f64::from).collect());
        assert_eq!((hundred.min_ms(), hundred.median_ms(), hundred.p99_ms()), (1.0, 50.5, 99.0));
        let three = timing(vec![1.0, 2.0, 4.0]);
        assert_eq!((three.median_ms(), three.p99_ms(), three.tokens_per_s()), (2.0, 4.0, 5_000.0));
        assert_eq!(timing(vec![3.0]).p99_ms(), 3.0);
    }

    #[test]
    fn timings_merge_into_that_of_all_runs() {
        let mut both = timing(vec![2.0, 5.0]);
        both.operations = vec![(Operation::Attention, 4.0)];
        let mut other = timing(vec![1.0, 3.0]);
        other.operations = vec![(Operation::Attention, 2.0)];
        both.merge(other);
        assert_eq!((both.runs(), both.min_ms(), both.median_ms(), both.p99_ms()), (4, 1.0, 2.5, 5.0));
        assert_eq!(both.profile(), [(Operation::Attention, 1.5)]);
    }

    #[test]
    fn words_are_in_the_vocabulary_and_differ() {
        let ids: Vec<u32> = words(1000).take(500).collect();
        assert!(ids.iter().all(|&id| id < 1000));
        let mut different = ids.clone();
        different.sort_unstable();
        different.dedup();
        assert!(different.len() > 400, "{}", different.len());
    }
}
