//! Text to ids, on one thread: the comments of the tests, with the demo's vocabulary.
//!
//! `cargo bench --bench tokenize` takes ten seconds. Throughput counts tokens, special ones included.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use nimbert::{Cut, Engine, OnLong, Options};

fn tokenize(criterion: &mut Criterion) {
    let engine = Engine::demo(Options::default().threads(1)).expect("options of this machine");
    let tokenizer = engine.tokenizer();
    let lines: Vec<_> = include_str!("../tests/data/comments.txt").lines().collect();
    let ids = |text: &str| tokenizer.encode(text, None, 512, OnLong::Truncate).expect("room for a text");
    let tokens: usize = lines.iter().map(|line| ids(line).token_ids.len()).sum();
    let mut group = criterion.benchmark_group("tokenize");
    group.throughput(Throughput::Elements(tokens as u64));
    group.bench_function("ids", |bencher| {
        bencher.iter(|| lines.iter().for_each(|line| drop(black_box(ids(line)))));
    });
    let windows = |text: &str| tokenizer.windows(text, None, 512, Cut::First, None).expect("room for a text");
    group.bench_function("with places", |bencher| {
        bencher.iter(|| lines.iter().for_each(|line| drop(black_box(windows(line)))));
    });
    group.finish();
}

criterion_group!(benches, tokenize);
criterion_main!(benches);
