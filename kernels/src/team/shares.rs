//! Who does which part of a phase.

use std::{
    ops::Range,
    sync::atomic::{AtomicU64, Ordering::*},
};

/// Units of work, dealt out in order: a share for each worker, which it claims from the front while those that are done with
/// their own claim from the back. Claims are halves of what is left (guided self-scheduling, Polychronopoulos and Kuck 1987), so
/// that all end within a unit of each other with few claims.
///
/// Where the units of all phases follow the rows of a batch, a worker has the same rows in each, and in its cache.
#[derive(Debug)]
pub(crate) struct Shares(Box<[Share]>);

/// The first unit in the upper half, the end in the lower one. Of two cache lines, since some processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Share(AtomicU64);

impl Shares {
    pub(crate) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Share::default()).collect())
    }

    /// Gives each worker its share of `units`, while nobody claims.
    ///
    /// # Panics
    /// When there are 2³² units or more.
    pub(crate) fn deal(&self, units: usize) {
        let (units, workers) =
            (u64::from(u32::try_from(units).expect("units of a phase")), self.0.len() as u64);
        for (worker, share) in (0..workers).zip(&self.0) {
            // Less than 2³² workers fit in memory.
            share.0.store(pack(units * worker / workers, units * (worker + 1) / workers), Relaxed);
        }
    }

    /// The next units for a worker, at least `least`, which is not 0, where so many are left in a share; none when all are claimed.
    pub(crate) fn claim(&self, worker: usize, least: usize) -> Option<Range<usize>> {
        let (before, own_and_after) = self.0.split_at(worker);
        let (own, after) = own_and_after.split_first()?;
        let of_others = || after.iter().chain(before).find_map(|share| share.claim(least, Side::Back));
        own.claim(least, Side::Front).or_else(of_others)
    }

    /// Takes back what nobody has claimed.
    pub(super) fn clear(&self) {
        self.0.iter().for_each(|share| share.0.store(0, Relaxed));
    }
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Front,
    Back,
}

impl Share {
    fn claim(&self, least: usize, side: Side) -> Option<Range<usize>> {
        let mut seen = self.0.load(Relaxed);
        loop {
            let (first, end) = (seen >> 32, seen & u64::from(u32::MAX));
            let left = end - first;
            if left == 0 {
                return None;
            }
            let count = (left / 2).max(least as u64).min(left);
            let (claimed, rest) = match side {
                Side::Front => (first..first + count, pack(first + count, end)),
                Side::Back => (end - count..end, pack(first, end - count)),
            };
            match self.0.compare_exchange_weak(seen, rest, Relaxed, Relaxed) {
                Ok(_) => return Some(claimed.start as usize..claimed.end as usize),
                Err(now) => seen = now,
            }
        }
    }
}

/// Units below 2³².
fn pack(first: u64, end: u64) -> u64 {
    first << 32 | end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(shares: &Shares, worker: usize, least: usize) -> Vec<Range<usize>> {
        std::iter::from_fn(|| shares.claim(worker, least)).collect()
    }

    #[test]
    fn a_worker_has_its_own_share_first_and_then_the_ends_of_others() {
        let shares = Shares::new(2);
        shares.deal(16);
        assert_eq!(shares.claim(1, 1), Some(8..12));
        assert_eq!(claims(&shares, 0, 1), [0..4, 4..6, 6..7, 7..8, 14..16, 13..14, 12..13]);
        assert_eq!(shares.claim(1, 1), None);
    }

    #[test]
    fn a_claim_is_no_smaller_than_asked_for_and_every_unit_is_claimed_once() {
        for workers in 1..5 {
            let shares = Shares::new(workers);
            for units in [0, 1, 2, 3, 17, 100] {
                for least in [1, 3, 1000] {
                    shares.deal(units);
                    let all: Vec<_> =
                        (0..workers).rev().flat_map(|worker| claims(&shares, worker, least)).collect();
                    let short = all.iter().filter(|claim| claim.len() < least).count();
                    assert!(short <= workers, "{all:?}");
                    let mut units_of: Vec<_> = all.into_iter().flatten().collect();
                    units_of.sort_unstable();
                    assert_eq!(units_of, (0..units).collect::<Vec<_>>());
                }
            }
            shares.deal(9);
            shares.clear();
            assert_eq!(shares.claim(0, 1), None);
        }
    }
}
