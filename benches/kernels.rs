//! The kernels on the shapes of bert-base and of a 6-layer model 384 wide, on one thread.
//!
//! `cargo bench --bench kernels` takes some three minutes; `cargo bench --bench kernels -- int8/768x3072` only what its
//! name contains. `NIMBERT_ISA=avx2` forces an instruction set. Throughput counts operations: a product is 2·m·n·k of
//! them, attention 4·tokens²·head size·heads, so **Gelem/s is GOP/s** (GFLOP/s). The row-wise functions count values.
//!
//! A product by itself reads its weights from the cache, again and again. `encoder` runs the 48 products of bert-base,
//! each with weights of its own, as a forward does: at few tokens that is the number to look at.

use std::{cell::LazyCell, env, hint::black_box, time::Duration};

use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use gemm::{Parallelism, gemm};
use nimbert_kernels::{
    Activation, Attention, Buffer, CacheLine, Int8Weights, Isa, Kernels, LayerNorm, Output, Panels,
    QuantizedRows, Team, pack_f32, pack_int8, pad_to_panels, reference,
};

/// Input and output width of each product: QKV, attention output, feed-forward up and down.
const BERT_BASE: [(usize, usize); 4] = [(768, 2_304), (768, 768), (768, 3_072), (3_072, 768)];
const SIX_BY_384: [(usize, usize); 4] = [(384, 1_152), (384, 384), (384, 1_536), (1_536, 384)];
const ROWS: [usize; 6] = [1, 8, 16, 32, 128, 512];

fn kernels() -> Kernels {
    let forced = env::var("NIMBERT_ISA").ok().map(|name| name.parse::<Isa>().expect("NIMBERT_ISA"));
    Kernels::new(forced.unwrap_or_else(Isa::detect))
}

/// Values from -1 to 1, the same in every run (xorshift).
fn values(len: usize) -> Vec<f32> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

/// The weights of one product, in both precisions and as they come. Made when first used (`LazyCell`), outside of what
/// is timed: a run of some benches does not wait for the weights of others.
struct Weights {
    n: usize,
    k: usize,
    plain: Vec<f32>,
    f32: Vec<CacheLine>,
    int8: Int8Weights,
    bias: Vec<f32>,
}

impl Weights {
    fn new(n: usize, k: usize) -> Self {
        let plain = values(n * k);
        let (f32, int8) = (pack_f32(&plain, n, k), pack_int8(&plain, n, k));
        Self { n, k, plain, f32, int8, bias: pad_to_panels(&values(n)) }
    }

    fn matmul_f32(&self, kernels: Kernels, lhs: &[f32], out: &mut [f32]) {
        let panels = Panels::f32(&self.f32, self.n, self.k);
        kernels.matmul_f32(
            &Team::solo(),
            lhs,
            panels,
            &self.bias,
            Activation::Identity,
            Output::rows(out, self.n),
        );
    }

    fn matmul_int8(&self, kernels: Kernels, lhs: &QuantizedRows, out: &mut [f32]) {
        let (weights, identity) = (self.int8.view(self.n, self.k), Activation::Identity);
        kernels.matmul_int8(&Team::solo(), lhs, weights, &self.bias, identity, Output::rows(out, self.n));
    }

    /// The same product by the `gemm` crate, without a bias.
    fn gemm(&self, lhs: &[f32], out: &mut [f32]) {
        let (m, n, k) = (lhs.len() / self.k, self.n, self.k);
        assert!(self.plain.len() == n * k && out.len() >= m * n);
        // SAFETY: `out` is m × n, `lhs` m × k and the weights n × k, all row-major; the weights are read transposed.
        unsafe {
            gemm(
                m,
                n,
                k,
                out.as_mut_ptr(),
                1,
                n as isize,
                false,
                lhs.as_ptr(),
                1,
                k as isize,
                self.plain.as_ptr(),
                k as isize,
                1,
                0.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}

fn quantized(kernels: Kernels, lhs: &[f32], k: usize) -> QuantizedRows {
    let mut rows = QuantizedRows::default();
    kernels.quantize_rows(&Team::solo(), lhs, k, &mut rows);
    rows
}

fn group<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group
        .sample_size(12)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400));
    group
}

fn matmul(criterion: &mut Criterion) {
    let kernels = kernels();
    for (k, n) in BERT_BASE.into_iter().chain(SIX_BY_384) {
        let weights = LazyCell::new(|| Weights::new(n, k));
        for m in ROWS {
            let lhs = values(m * k);
            let mut out = vec![0.0; m * n];
            let throughput = Throughput::Elements((2 * m * n * k) as u64);
            let mut group = group(criterion, "matmul");
            group.throughput(throughput);
            let id = |name: &str| BenchmarkId::new(format!("{name}/{k}x{n}"), m);
            group.bench_function(id("f32"), |b| {
                let weights = &*weights;
                b.iter(|| weights.matmul_f32(kernels, &lhs, &mut out));
            });
            group.bench_function(id("int8"), |b| {
                let (weights, rows) = (&*weights, quantized(kernels, &lhs, k));
                b.iter(|| weights.matmul_int8(kernels, &rows, &mut out));
            });
            group.bench_function(id("gemm"), |b| {
                let weights = &*weights;
                b.iter(|| weights.gemm(&lhs, &mut out));
            });
        }
    }
}

/// The definition in f64, at a size at which one can wait for it.
fn scalar(criterion: &mut Criterion) {
    let (m, n, k) = (8, 384, 384);
    let (lhs, rhs, bias) = (values(m * k), values(n * k), values(n));
    let mut group = group(criterion, "matmul");
    group.throughput(Throughput::Elements((2 * m * n * k) as u64));
    group.bench_function(BenchmarkId::new("reference/384x384", m), |b| {
        b.iter(|| reference::matmul(black_box(&lhs), &rhs, &bias, k, Activation::Identity));
    });
}

/// All products of a bert-base encoder, one after the other, quantization of their rows included.
fn encoder(criterion: &mut Criterion) {
    let kernels = kernels();
    let layers = LazyCell::new(|| {
        let layer = |(k, n)| Weights { plain: Vec::new(), ..Weights::new(n, k) };
        (0..48).map(|i| BERT_BASE[i % 4]).map(layer).collect::<Vec<_>>()
    });
    let per_token: usize = BERT_BASE.iter().map(|(k, n)| 12 * 2 * k * n).sum();
    let mut group = group(criterion, "encoder");
    group.measurement_time(Duration::from_secs(1));
    for m in ROWS {
        let lhs = values(m * 3_072);
        let mut out = vec![0.0; m * 3_072];
        let mut rows = QuantizedRows::default();
        group.throughput(Throughput::Elements((m * per_token) as u64));
        group.bench_function(BenchmarkId::new("f32", m), |b| {
            let layers = &*layers;
            b.iter(|| {
                for weights in layers {
                    weights.matmul_f32(kernels, &lhs[..m * weights.k], &mut out);
                }
            });
        });
        group.bench_function(BenchmarkId::new("int8", m), |b| {
            let layers = &*layers;
            b.iter(|| {
                for weights in layers {
                    kernels.quantize_rows(&Team::solo(), &lhs[..m * weights.k], weights.k, &mut rows);
                    weights.matmul_int8(kernels, &rows, &mut out);
                }
            });
        });
    }
}

fn attention(criterion: &mut Criterion) {
    let kernels = kernels();
    for head_size in [64, 32] {
        let heads = 12;
        let hidden = heads * head_size;
        let mut group = group(criterion, "attention");
        for tokens in [8, 16, 32, 64, 128, 256, 512] {
            let qkv = values(tokens * 3 * hidden);
            let cu = [0, tokens as u32];
            let of = Attention {
                heads,
                head_size,
                q: &qkv,
                q_stride: 3 * hidden,
                q_head: head_size,
                cu_queries: &cu,
                k: &qkv[hidden..],
                v: &qkv[2 * hidden..],
                kv_stride: 3 * hidden,
                kv_head: head_size,
                cu_keys: &cu,
                bias: None,
                positions: None,
                half: false,
            };
            let (mut out, mut scratch) = (vec![0.0; tokens * hidden], Buffer::default());
            group.throughput(Throughput::Elements((4 * tokens * tokens * hidden) as u64));
            group.bench_function(BenchmarkId::new(format!("{heads}x{head_size}"), tokens), |b| {
                b.iter(|| kernels.attention(&Team::solo(), &of, &mut out, &mut scratch));
            });
        }
    }
}

/// What is done to each row of 128 tokens; throughput in values.
fn rows(criterion: &mut Criterion) {
    let (kernels, team, m) = (kernels(), Team::solo(), 128);
    let mut group = group(criterion, "rows");
    for width in [384, 768, 3_072] {
        let (mut x, residual) = (values(m * width), values(m * width));
        let (gamma, beta) = (vec![1.0; width], vec![0.0; width]);
        group.throughput(Throughput::Elements((m * width) as u64));
        group.bench_function(BenchmarkId::new("add_layer_norm", width), |b| {
            let norm = LayerNorm { gamma: &gamma, beta: &beta, epsilon: 1e-12 };
            b.iter(|| kernels.add_layer_norm(&team, &mut x, Some(&residual), norm, None));
        });
        let mut rows = QuantizedRows::default();
        group.bench_function(BenchmarkId::new("quantize", width), |b| {
            b.iter(|| kernels.quantize_rows(&team, &residual, width, &mut rows));
        });
        // A product with k = 1: the epilogue and nothing else. What an activation costs is the difference.
        let (weights, lhs) = (Weights::new(width, 1), values(m));
        let panels = Panels::f32(&weights.f32, width, 1);
        for (name, activation) in [
            ("identity", Activation::Identity),
            ("gelu", Activation::Gelu),
            ("gelu_tanh", Activation::GeluTanh),
            ("tanh", Activation::Tanh),
        ] {
            group.bench_function(BenchmarkId::new(name, width), |b| {
                b.iter(|| {
                    let to = Output::rows(&mut x, width);
                    kernels.matmul_f32(&team, &lhs, panels, &weights.bias, activation, to);
                });
            });
        }
    }
}

criterion_group!(benches, encoder, attention, rows, scalar, matmul);
criterion_main!(benches);
