//! Whole forwards, from token ids to logits, on one thread: bert-base-chinese's shape with made-up weights, and the demo,
//! 6 layers 384 wide.
//!
//! `cargo bench --bench forward` takes some three minutes. Throughput counts the operations of matrix products and
//! attention, a multiply-add being two: **Gelem/s is GOP/s**.

use std::{cell::LazyCell, hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nimbert::{Encoding, Engine, Options, Precision, Preset, Task};

const SHAPES: [(usize, usize); 6] = [(1, 8), (1, 16), (1, 32), (1, 128), (1, 512), (16, 32)];

fn forward(criterion: &mut Criterion, name: &str, load: impl Fn(Options) -> Engine) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for precision in [Precision::Int8, Precision::F16, Precision::F32] {
        let options = Options::default().threads(1).precision(precision);
        // Made when first used: a run of some benches does not wait for the weights of others.
        let engine = LazyCell::new(|| load(options));
        for (texts, tokens) in SHAPES {
            let id = BenchmarkId::new(precision.to_string(), format!("{texts}x{tokens}"));
            let row = |text: usize| Encoding {
                token_ids: (0..tokens).map(|i| (100 + (31 * i + 7 * text) % 10_000) as u32).collect(),
                token_type_ids: vec![0; tokens],
                truncated: false,
            };
            let rows: Vec<_> = (0..texts).map(row).collect();
            let engine = &*engine;
            let work = engine.work(&vec![tokens; texts]);
            group.throughput(Throughput::Elements((work.matmul + work.attention) as u64));
            group.bench_function(id, |b| {
                b.iter(|| black_box(engine.logits(&rows)));
            });
        }
    }
    group.finish();
}

fn forwards(criterion: &mut Criterion) {
    forward(criterion, "bert-base-chinese", |options| {
        Engine::preset(Preset::BertBaseChinese, Task::Classify, options).expect("options of this machine")
    });
    #[cfg(feature = "demo")]
    forward(criterion, "demo", |options| Engine::demo(options).expect("options of this machine"));
}

criterion_group!(benches, forwards);
criterion_main!(benches);
