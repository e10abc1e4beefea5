//! Another library in Rust, for a C program that links two: it has a standard library of its own, which panics and catches.

use std::{panic, thread};

/// How many of `count` threads found that theirs panicked.
#[unsafe(no_mangle)]
pub extern "C" fn second_panics(count: i32) -> i32 {
    panic::set_hook(Box::new(|_| ())); // not a word on standard error
    let threads: Vec<_> = (0..count)
        .map(|number| thread::spawn(move || panic::catch_unwind(|| assert!(number < 0)).is_err()))
        .collect();
    threads.into_iter().map(|thread| i32::from(thread.join().unwrap_or(false))).sum()
}
