//! Teams under stress: many short forwards, more threads than cores, several callers at once.

use std::{
    sync::{
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::Duration,
};

use crate::common::*;
use nimbert_kernels::{Activation, Isa, Kernels, Output, Panels, Team, pack_f32, pad_to_panels};

/// Fails, instead of waiting for ever, when `work` does not come to its end.
#[track_caller]
fn in_time(work: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let thread = thread::spawn(move || {
        work();
        done.send(()).expect("a receiver");
    });
    let outcome = wait.recv_timeout(Duration::from_secs(30));
    assert!(outcome != Err(mpsc::RecvTimeoutError::Timeout), "someone waits for ever");
    thread.join().expect("no panic");
}

/// A forward may end at any moment of a helper's life: before it arrives, while it waits, and between its seeing a
/// phase and its joining it.
#[test]
fn helpers_go_home_whenever_the_leader_finishes() {
    for helpers in [1, 3] {
        in_time(move || {
            let teams: Vec<Team> = (0..50_000).map(|_| Team::new(1 + helpers)).collect();
            let calls = AtomicUsize::new(0);
            thread::scope(|scope| {
                for _ in 0..helpers {
                    scope.spawn(|| teams.iter().for_each(Team::help));
                }
                for (i, team) in teams.iter().enumerate() {
                    for _ in 0..i % 3 {
                        team.run(2, 1, |_, units| {
                            calls.fetch_add(units.len(), Relaxed);
                        });
                    }
                    team.finish();
                }
            });
            let phases: usize = (0..teams.len()).map(|i| i % 3).sum();
            assert_eq!(calls.into_inner(), 2 * phases);
        });
    }
}

/// A helper that waits for work, and a leader that waits for a helper, give their cores to others: where threads are more than
/// cores, one that only spins keeps those from running that it waits for. The work here goes on when that was seen.
#[test]
fn whoever_waits_for_long_gives_its_core_to_others() {
    in_time(|| {
        with_team(2, |team| {
            let until_a_yield = |before: usize| {
                while team.yields() == before {
                    thread::yield_now();
                }
            };
            // No phase is open: the helper waits for one.
            until_a_yield(0);
            // The helper works on one of two tasks, and the leader, done with the other, waits for it.
            let leader = thread::current().id();
            let helped = AtomicUsize::new(0);
            while helped.load(Relaxed) == 0 {
                let before = team.yields();
                team.run(2, 1, |_, _| {
                    if thread::current().id() != leader {
                        until_a_yield(before);
                        helped.fetch_add(1, Relaxed);
                    }
                });
            }
        });
    });
}

/// Callers with teams of their own, more threads than most machines have cores: all come to an end, with the same bits.
#[test]
fn eight_callers_with_helpers_finish_with_the_same_bits() {
    in_time(|| {
        let (m, n, k) = (13, 130, 66);
        let mut random = Random(1);
        let (lhs, rhs, bias) = (random.values(m * k), random.values(n * k), random.values(n));
        let (panels, bias) = (pack_f32(&rhs, n, k), pad_to_panels(&bias));
        let kernels = Kernels::new(Isa::detect());
        let run = |team: &Team| {
            let mut out = vec![f32::NAN; m * n];
            let panels = Panels::f32(&panels, n, k);
            kernels.matmul_f32(team, &lhs, panels, &bias, Activation::Gelu, Output::rows(&mut out, n));
            out
        };
        let expected = run(&Team::solo());
        thread::scope(|scope| {
            for caller in 0..8 {
                let (run, expected) = (&run, &expected);
                scope.spawn(move || {
                    for _ in 0..20 {
                        with_team(2 + caller % 3, |team| {
                            for _ in 0..10 {
                                assert_same_bits(&run(team), expected, &format!("caller {caller}"));
                            }
                        });
                    }
                });
            }
        });
    });
}
