//! In which order things are measured, and how often.

use anyhow::Result;

use super::{
    baseline::Baseline,
    forward::Forward,
    measure::{Runs, Timing, Workload, time},
    shape::{Lengths, Shape, Subject},
};
use crate::progress;

/// Rounds over everything that is measured: what disturbs the machine for a second then spoils no row alone.
const ROUNDS: usize = 2;

/// One shape, or the lengths.
pub(super) struct Row<'a> {
    pub(super) subject: Subject,
    pub(super) workload: Workload<'a>,
    pub(super) timing: Timing,
    /// Whether it was measured once more, because it was slower than the baseline allows.
    pub(super) again: bool,
}

/// The texts of every row.
pub(super) fn workloads<'a>(
    forward: &'a Forward,
    shapes: &[Shape],
    lengths: Option<&Lengths>,
) -> Result<Vec<(Subject, Workload<'a>)>> {
    let shapes = shapes.iter().map(|&shape| {
        let Shape { texts, tokens } = shape;
        Ok((Subject::Shape(shape), Workload::new(forward, &vec![tokens; texts], texts)?))
    });
    let lengths = lengths
        .map(|Lengths { counts, batch }| Ok((Subject::Lengths, Workload::new(forward, counts, *batch)?)));
    shapes.chain(lengths).collect()
}

/// Times everything in rounds, for `seconds` each in all, and once more what is slower than it was.
pub(super) fn measure<'a>(
    forward: &Forward,
    workloads: Vec<(Subject, Workload<'a>)>,
    seconds: f64,
    baseline: Option<&Baseline>,
) -> Result<Vec<Row<'a>>> {
    let bar = progress::steps("measuring");
    bar.set_length((ROUNDS * workloads.len()) as u64);
    let runs = |subject| match subject {
        Subject::Shape(_) => Runs { warm_up: 2, least: 5, seconds },
        Subject::Lengths => Runs { warm_up: 1, least: 2, seconds },
    };
    let time = |workload: &Workload<'_>, runs| {
        let timing = time(forward, workload, runs);
        bar.inc(1);
        timing
    };
    let first = workloads.into_iter().map(|(subject, workload)| {
        let timing = time(&workload, of_round(runs(subject), 0))?;
        Ok(Row { subject, workload, timing, again: false })
    });
    let mut rows = first.collect::<Result<Vec<_>>>()?;
    for round in 1..ROUNDS {
        for row in &mut rows {
            row.timing.merge(time(&row.workload, of_round(runs(row.subject), round))?);
        }
    }
    for row in &mut rows {
        if baseline.is_some_and(|baseline| baseline.is_slower(row.subject, &row.timing)) {
            bar.inc_length(1);
            row.timing.merge(time(&row.workload, runs(row.subject))?);
            row.again = true;
        }
    }
    bar.finish_and_clear();
    Ok(rows)
}

/// What one of the rounds has to do of all.
fn of_round(all: Runs, round: usize) -> Runs {
    let share = |all: usize| (all + ROUNDS - 1 - round) / ROUNDS;
    let Runs { warm_up, least, seconds } = all;
    Runs { warm_up: share(warm_up), least: share(least), seconds: seconds / ROUNDS as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_together_do_what_was_asked_for() {
        let runs = |warm_up, least| Runs { warm_up, least, seconds: 1.0 };
        for all in [runs(2, 5), runs(1, 2)] {
            let rounds: Vec<_> = (0..ROUNDS).map(|round| of_round(all, round)).collect();
            assert_eq!(rounds.iter().map(|runs| runs.warm_up).sum::<usize>(), all.warm_up);
            assert_eq!(rounds.iter().map(|runs| runs.least).sum::<usize>(), all.least);
            assert_eq!(rounds.iter().map(|runs| runs.seconds).sum::<f64>(), all.seconds);
            assert!(rounds[0].warm_up > 0 && rounds.iter().all(|runs| runs.least > 0));
        }
    }
}
