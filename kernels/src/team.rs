//! How one forward pass is spread over threads: a leader with spinning helpers, joined after every phase.
//!
//! A forward of 5 ms has some 70 phases; waking threads for each would cost more than a core. So helpers enter once a
//! forward ([`Team::help`]) and spin until the leader publishes a phase ([`Team::run`]) or ends ([`Team::finish`]).
//! Each has a share of a phase's work, and those that are done help the others ([`shares`]): a helper that comes late, or is
//! taken away by the system, costs what it would have done but never blocks the leader.

pub(crate) mod shares;

use std::{
    cell::UnsafeCell,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::*},
    thread,
};

use self::shares::Shares;

/// Rounds of spinning before a waiting thread gives its core to others.
const SPINS: u32 = 4_000;

/// `work(worker, units)`, called for units that nobody else has.
type Work<'a> = dyn Fn(usize, Range<usize>) + Sync + 'a;

/// What is to be done in a phase.
#[derive(Clone, Copy)]
struct Phase {
    /// The lifetime is erased: [`Team::run`] does not return while anyone may call it.
    work: *const Work<'static>,
    /// The fewest units that are worth a claim.
    least: usize,
}

/// Threads that share the phases of one forward pass.
pub struct Team {
    threads: usize,
    /// The units of the phase. Dealt by the leader while `active` is zero.
    shares: Shares,
    /// Written by the leader while `state` is closed and `active` is zero.
    phase: UnsafeCell<Option<Phase>>,
    /// Odd: a phase is open. Even: closed. [`FINISHED`]: helpers go home.
    state: AtomicUsize,
    /// Helpers that may be looking at `phase`.
    active: AtomicUsize,
    /// Worker numbers given out, the leader's 0 included.
    arrived: AtomicUsize,
    /// Some thread is in [`Team::run`].
    led: AtomicBool,
    /// How often a waiting thread gave its core to others.
    yields: AtomicUsize,
    panicked: AtomicBool,
}

const FINISHED: usize = usize::MAX - 1;

// SAFETY: `phase` is the only part that is not Sync. It is written by the one thread that holds `led`, while `state`
// is even and `active` is zero, and read by helpers between their increment and decrement of `active` and only when
// they then see an odd `state`. Both sides use sequentially consistent operations, so either the helper sees the
// closed state or the leader sees the helper. The closure behind the pointer is Sync.
unsafe impl Sync for Team {}
// SAFETY: as above; the pointer is only live during `run`.
unsafe impl Send for Team {}

impl std::fmt::Debug for Team {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Team").field("threads", &self.threads).finish_non_exhaustive()
    }
}

impl Team {
    /// A team of `threads`, the leader included. Without helpers it works all the same.
    pub fn new(threads: usize) -> Self {
        Self {
            threads: threads.max(1),
            // Who works alone has nothing to share.
            shares: Shares::new(if threads > 1 { threads } else { 0 }),
            phase: UnsafeCell::new(None),
            state: AtomicUsize::new(0),
            active: AtomicUsize::new(0),
            arrived: AtomicUsize::new(1),
            led: AtomicBool::new(false),
            yields: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
        }
    }

    /// The caller's thread alone.
    pub fn solo() -> Self {
        Self::new(1)
    }

    /// How many threads the work is to be cut for. Worker numbers are below it.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Calls `work(worker, units)` for ranges that make up `0..units`, on all threads of the team, and returns when all is done. No
    /// two calls at one time have the same `worker`. Worker w of t begins with units from `units * w / t` on, so that in phases whose
    /// units follow the same rows each has its own. Fewer than `least` units are not worth a thread's while.
    ///
    /// # Panics
    /// When `work` panics, here or on a helper, and when the team is led already: from inside `work`, or by another
    /// thread. When there are 2³² units.
    pub fn run(&self, units: usize, least: usize, work: impl Fn(usize, Range<usize>) + Sync) {
        // A call from inside a phase, or from a second thread, would share worker 0's number with the leader.
        assert!(!self.led.swap(true, Acquire), "a team has one leader");
        let (led, least) = (Led(self), least.max(1));
        if self.threads == 1 || units <= least {
            if units > 0 {
                work(0, 0..units);
            }
            return;
        }
        let work: *const Work<'_> = &work;
        // SAFETY: only the lifetime changes. The guard below, dropped before `work` even when a task panics, closes
        // the phase and waits for every helper that might still use the pointer.
        let work: *const Work<'static> = unsafe { std::mem::transmute(work) };
        let phase = Phase { work, least };
        self.shares.deal(units);
        // SAFETY: the last phase is closed and nobody is active, see `Open`; this thread holds `led`.
        unsafe { *self.phase.get() = Some(phase) };
        self.state.fetch_add(1, SeqCst);
        let open = Open(self);
        self.claim(0, phase);
        drop(open);
        drop(led);
        assert!(!self.panicked.load(Acquire), "a helper panicked");
    }

    /// Takes part in the team's phases until [`Team::finish`].
    pub fn help(&self) {
        let worker = self.arrived.fetch_add(1, Relaxed);
        if worker >= self.threads {
            return;
        }
        let mut seen = 0;
        while seen != FINISHED {
            seen = self.wait(|state| state != seen);
            if seen % 2 == 1 {
                // By the time that it is joined the phase may be over, and so may the forward.
                seen = self.join_phase(worker);
            }
        }
    }

    /// Sends the helpers home, also those that have not arrived yet.
    pub fn finish(&self) {
        self.state.store(FINISHED, SeqCst);
    }

    /// Works on the open phase, if there still is one. Returns the state in which it was found.
    fn join_phase(&self, worker: usize) -> usize {
        self.active.fetch_add(1, SeqCst);
        let state = self.state.load(SeqCst);
        if state % 2 == 1 {
            // SAFETY: `active` was raised before an open state was seen, so the leader does not write and the
            // closure lives until `active` is lowered.
            let phase = unsafe { *self.phase.get() }.expect("an open phase");
            if catch_unwind(AssertUnwindSafe(|| self.claim(worker, phase))).is_err() {
                self.panicked.store(true, Release);
            }
        }
        self.active.fetch_sub(1, SeqCst);
        state
    }

    /// Works as long as there is anything to claim.
    fn claim(&self, worker: usize, phase: Phase) {
        while let Some(units) = self.shares.claim(worker, phase.least) {
            // SAFETY: the phase is open, so the closure lives (`run` waits for this thread).
            unsafe { (*phase.work)(worker, units) };
        }
    }

    /// How often a thread that waited gave its core to others, so far: it does after some thousand rounds, so that more
    /// threads than cores don't stand in each other's way.
    pub fn yields(&self) -> usize {
        self.yields.load(Relaxed)
    }

    /// One round of waiting.
    fn pause(&self, spins: &mut u32) {
        *spins += 1;
        if *spins < SPINS {
            std::hint::spin_loop();
        } else {
            self.yields.fetch_add(1, Relaxed);
            thread::yield_now();
        }
    }

    /// Spins, then yields, until the state is as asked for.
    fn wait(&self, until: impl Fn(usize) -> bool) -> usize {
        let mut spins = 0;
        loop {
            let state = self.state.load(Acquire);
            if until(state) {
                return state;
            }
            self.pause(&mut spins);
        }
    }
}

/// Gives the lead back, also when a task panics.
struct Led<'a>(&'a Team);

impl Drop for Led<'_> {
    fn drop(&mut self) {
        self.0.led.store(false, Release);
    }
}

/// Closes the phase and waits for the helpers in it, also when a task panics.
struct Open<'a>(&'a Team);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let team = self.0;
        // Nobody is to begin another part of a phase whose leader is unwinding.
        if thread::panicking() {
            team.shares.clear();
        }
        team.state.fetch_add(1, SeqCst);
        let mut spins = 0;
        while team.active.load(SeqCst) != 0 {
            team.pause(&mut spins);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    fn with_helpers<R>(threads: usize, lead: impl FnOnce(&Team) -> R) -> R {
        struct Finish<'a>(&'a Team);
        impl Drop for Finish<'_> {
            fn drop(&mut self) {
                self.0.finish();
            }
        }
        let team = Team::new(threads);
        thread::scope(|scope| {
            (1..threads).for_each(|_| drop(scope.spawn(|| team.help())));
            let _finish = Finish(&team);
            lead(&team)
        })
    }

    #[test]
    fn every_unit_is_worked_on_once_on_any_number_of_threads() {
        for threads in [1, 2, 4] {
            with_helpers(threads, |team| {
                for (units, least) in [(0, 1), (1, 1), (2, 1), (3, 0), (17, 1), (17, 5), (17, 40)] {
                    for _ in 0..200 {
                        let counts: Vec<_> = (0..units).map(|_| AtomicU32::new(0)).collect();
                        team.run(units, least, |worker, units| {
                            assert!(worker < threads && !units.is_empty());
                            for unit in units {
                                counts[unit].fetch_add(1, Relaxed);
                            }
                        });
                        assert!(counts.iter().all(|count| count.load(Relaxed) == 1));
                    }
                }
            });
        }
    }

    #[test]
    fn a_panic_reaches_the_leader_and_the_team_goes_on() {
        with_helpers(2, |team| {
            for _ in 0..50 {
                let panic = catch_unwind(AssertUnwindSafe(|| {
                    team.run(8, 1, |_, units| assert!(!units.contains(&5), "unit five"));
                }));
                assert!(panic.is_err());
                team.panicked.store(false, Relaxed);
            }
            team.run(8, 1, |_, _| ());
        });
    }

    #[test]
    fn without_helpers_the_leader_does_it_all() {
        let team = Team::new(4);
        let sum = AtomicU32::new(0);
        team.run(10, 1, |_, units| {
            sum.fetch_add(units.sum::<usize>() as u32, Relaxed);
        });
        assert_eq!(sum.into_inner(), 45);
    }
}
