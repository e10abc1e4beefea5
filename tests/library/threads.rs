//! Callers and threads in each other's way: they come to an end, with the same bits.

use std::{sync::mpsc, thread, time::Duration};

use nimbert::{Encoding, Engine, Options, Precision};
use nimbert_test_support::checkpoint::Spec;

use crate::Good as _;

fn rows(spec: &Spec) -> Vec<Encoding> {
    let vocabulary = spec.size("vocab_size") as u32;
    let row = |length: u32| Encoding {
        token_ids: (0..length).map(|place| (7 * place + length) % vocabulary).collect(),
        token_type_ids: vec![0; length as usize],
        truncated: false,
    };
    [3, 30, 9, 17, 1, 24].map(row).to_vec()
}

/// Fails, instead of waiting for ever, when `work` does not come to its end.
fn in_time(work: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    let thread = thread::spawn(move || {
        work();
        let _ = done.send(());
    });
    let outcome = wait.recv_timeout(Duration::from_secs(120));
    assert!(outcome != Err(mpsc::RecvTimeoutError::Timeout), "someone waits for ever");
    thread.join().expect("no panic");
}

fn bits(logits: &[Vec<f32>]) -> Vec<u32> {
    logits.iter().flatten().map(|value| value.to_bits()).collect()
}

/// One pool of two threads, eight callers that want it at once.
#[test]
fn eight_callers_of_one_engine_of_two_threads_finish_with_the_same_bits() {
    let spec = Spec::read("gelu-multi-label");
    let dir = crate::tempdir();
    spec.write(dir.path());
    let rows = rows(&spec);
    for precision in [Precision::F32, Precision::Int8] {
        let load = |threads| {
            let options = Options::default().threads(threads).precision(precision);
            Engine::load(dir.path(), options).expect("a good checkpoint")
        };
        let expected = bits(&load(1).logits(&rows).good());
        let (engine, rows) = (load(2), rows.clone());
        in_time(move || {
            thread::scope(|scope| {
                for caller in 0..8 {
                    let (engine, rows, expected) = (engine.clone(), &rows, &expected);
                    scope.spawn(move || {
                        for _ in 0..50 {
                            let logits = engine.logits(rows).good();
                            assert_eq!(&bits(&logits), expected, "caller {caller}");
                        }
                    });
                }
            });
        });
    }
}

/// Twice as many threads as the machine has cores. (That those which wait give their core to those that work is looked at
/// by the tests of the team itself.)
#[test]
fn more_threads_than_cores_finish_with_the_same_bits() {
    let spec = Spec::read("bert-base-chinese");
    let dir = crate::tempdir();
    spec.write(dir.path());
    let rows = rows(&spec);
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    in_time(move || {
        let logits = |threads| {
            let options = Options::default().threads(threads).precision(Precision::Int8);
            let engine = Engine::load(dir.path(), options).expect("a good checkpoint");
            bits(&engine.logits(&rows).good())
        };
        assert_eq!(logits(2 * cores), logits(1), "{} threads", 2 * cores);
    });
}
