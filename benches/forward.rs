//! Whole forwards, from token ids to logits, on one thread: bert-base-chinese's shape with made-up weights, and the demo,
//! 6 layers 384 wide.
//!
//! `cargo bench --bench forward` takes some three minutes. Throughput counts the operations of matrix products and
//! attention, a multiply-add being two: **Gelem/s is GOP/s**.

use std::{cell::LazyCell, hint::black_box, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use nimbert::{Encoding, Engine, Options, Precision, Preset};

const SHAPES: [(usize, usize); 6] = [(1, 8), (1, 16), (1, 32), (1, 128), (1, 512), (16, 32)];

/// Layers, hidden size, intermediate size.
type Size = (u64, u64, u64);

/// Operations of a forward: all of a layer's weights meet every token, but in the last layer only keys and values do.
fn operations((layers, hidden, inside): Size, texts: u64, tokens: u64) -> u64 {
    let (whole, keys_and_values) = (4 * hidden * hidden + 2 * hidden * inside, 2 * hidden * hidden);
    let last = texts * (whole - keys_and_values) + texts * tokens * keys_and_values;
    let attention = 4 * hidden * texts * ((layers - 1) * tokens * tokens + tokens);
    2 * ((layers - 1) * texts * tokens * whole + last) + attention
}

fn forward(criterion: &mut Criterion, name: &str, size: Size, load: impl Fn(Options) -> Engine) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for precision in [Precision::Int8, Precision::F16, Precision::F32] {
        let options = Options { threads: Some(1), precision, ..Options::default() };
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
            group.throughput(Throughput::Elements(operations(size, texts as u64, tokens as u64)));
            group.bench_function(id, |b| {
                let engine = &*engine;
                b.iter(|| black_box(engine.logits(&rows).expect("good rows")));
            });
        }
    }
    group.finish();
}

fn forwards(criterion: &mut Criterion) {
    forward(criterion, "bert-base-chinese", (12, 768, 3_072), |options| {
        Engine::preset(Preset::BertBaseChinese, options).expect("options of this machine")
    });
    #[cfg(feature = "demo")]
    forward(criterion, "demo", (6, 384, 1_536), |options| {
        Engine::demo(options).expect("options of this machine")
    });
}

criterion_group!(benches, forwards);
criterion_main!(benches);
