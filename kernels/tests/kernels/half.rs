//! Products and attention with halves against the f64 oracle, on every tier: where there is arithmetic for halves, and
//! where weights are only widened.

use crate::common::*;
use ::half::f16;
use bytemuck::cast_slice;
use nimbert_kernels::{
    Activation, Attention, Buffer, HalfScratch, Isa, Kernels, Output, Panels, Team, halve_panels, pack_f32,
    pad_to_panels, reference,
};

/// The unit roundoff of f16.
const U16: f64 = 1.0 / 2048.0;
/// Products that the kernel sums in halves before it goes on in f32.
const K_BLOCK: usize = 32;

struct Product {
    n: usize,
    k: usize,
    lhs: Vec<f32>,
    rhs: Vec<f32>,
    bias: Vec<f32>,
}

impl Product {
    /// Weights are halves already, so that only what the kernel rounds is seen.
    fn new(m: usize, n: usize, k: usize) -> Self {
        let mut random = Random((m * 1_000_000 + n * 1_000 + k) as u64);
        let lhs = random.values(m * k);
        let rhs = random.values(n * k).into_iter().map(|w| f16::from_f32(w).to_f32()).collect();
        Self { n, k, lhs, rhs, bias: random.values(n) }
    }

    fn run(&self, kernels: Kernels, team: &Team, lhs: &[f32], halves: &mut HalfScratch) -> Vec<f32> {
        let panels = halve_panels(&pack_f32(&self.rhs, self.n, self.k));
        let bias = pad_to_panels(&self.bias);
        let mut out = vec![f32::NAN; lhs.len() / self.k * self.n];
        let panels = Panels::f16(&panels, self.n, self.k);
        kernels.matmul_f16(
            team,
            lhs,
            halves,
            panels,
            &bias,
            Activation::Identity,
            Output::rows(&mut out, self.n),
        );
        out
    }

    /// Σ|a·w| of every output.
    fn magnitudes(&self) -> Vec<f64> {
        let abs = |values: &[f32]| values.iter().map(|x| x.abs()).collect::<Vec<_>>();
        let zeros = vec![0.0; self.n];
        reference::matmul(&abs(&self.lhs), &abs(&self.rhs), &zeros, self.k, Activation::Identity)
    }
}

/// Whether products are in half precision, where weights are.
fn has_halves(kernels: Kernels) -> bool {
    matches!(kernels.isa(), Isa::Avx512Fp16 | Isa::Avx512Amx | Isa::NeonFp16 | Isa::NeonI8mm)
}

/// Worst case, with halves: the row's rounding to f16 (u), then at most b roundings of a block's partial sum (b·u), each
/// relative to at most Σ|a·w|; with widened weights γₖ of f32. And the typical size, which catches a lost block or a
/// block of another length: eight standard deviations (a sum that wandered far rounds more) of √(k·b/6 + k/3)·u times the
/// products' root mean square 1/3.
#[test]
fn products_are_within_the_bound_of_the_oracle() {
    for kernels in tiers() {
        let halves_arithmetic = has_halves(kernels);
        let mut halves = HalfScratch::default();
        for m in [1, 2, 7, 8, 11, 12, 13, 24, 25, 37] {
            for (n, k) in [(1, 1), (5, 3), (31, 5), (33, 66), (64, 127), (66, 128), (100, 129), (32, 768)] {
                let product = Product::new(m, n, k);
                let got = product.run(kernels, &Team::solo(), &product.lhs, &mut halves);
                let expected =
                    reference::matmul(&product.lhs, &product.rhs, &product.bias, k, Activation::Identity);
                for (i, (magnitude, expected)) in product.magnitudes().iter().zip(&expected).enumerate() {
                    let block = k.min(K_BLOCK) as f64;
                    let bound = if halves_arithmetic {
                        let worst = (block + 2.0) * U16 * magnitude;
                        let typical = 8.0 * (k as f64 * (block / 6.0 + 1.0 / 3.0)).sqrt() * U16 / 3.0 + U16;
                        worst.min(typical)
                    } else {
                        gamma(k + 2) * (magnitude + f64::from(product.bias[i % n].abs()))
                    } + gamma(2) * expected.abs()
                        + TINY;
                    let error = (f64::from(got[i]) - expected).abs();
                    assert!(
                        error <= bound,
                        "{}, {m}x{n}x{k}, value {i}: {error:e} > {bound:e}",
                        kernels.isa()
                    );
                }
            }
        }
    }
}

#[test]
fn a_row_has_the_same_bits_alone_in_any_batch_and_on_any_team() {
    for kernels in tiers() {
        let product = Product::new(37, 70, 300);
        let mut halves = HalfScratch::default();
        let all = product.run(kernels, &Team::solo(), &product.lhs, &mut halves);
        for threads in [2, 4] {
            let threaded = with_team(threads, |team| product.run(kernels, team, &product.lhs, &mut halves));
            assert_same_bits(&threaded, &all, &format!("{}, {threads} threads", kernels.isa()));
        }
        for (row, lhs) in product.lhs.chunks_exact(product.k).enumerate() {
            let alone = product.run(kernels, &Team::solo(), lhs, &mut halves);
            assert_same_bits(
                &alone,
                &all[row * product.n..][..product.n],
                &format!("{}, row {row}", kernels.isa()),
            );
        }
    }
}

/// Without arithmetic for halves: the same sums as of the same weights in f32, of so few rows that a panel is widened in every
/// tile and of so many that it is widened once.
#[test]
fn widened_products_are_those_in_f32() {
    for kernels in tiers().into_iter().filter(|kernels| !has_halves(*kernels)) {
        let mut scratch = HalfScratch::default();
        // The room for a panel is that of a larger one before.
        for (m, n, k) in [(64, 33, 130), (64, 70, 66), (13, 70, 66), (61, 64, 5), (150, 31, 128)] {
            let product = Product::new(m, n, k);
            let packed = pack_f32(&product.rhs, n, k);
            let (panels, bias) = (Panels::f32(&packed, n, k), pad_to_panels(&product.bias));
            let mut expected = vec![f32::NAN; m * n];
            let out = Output::rows(&mut expected, n);
            kernels.matmul_f32(&Team::solo(), &product.lhs, panels, &bias, Activation::Identity, out);
            for threads in [1, 2, 3] {
                let found = with_team(threads, |team| product.run(kernels, team, &product.lhs, &mut scratch));
                let what = format!("{}, {m}x{n}x{k} on {threads} threads", kernels.isa());
                assert_same_bits(&found, &expected, &what);
            }
        }
    }
}

/// Rows far outside the range of halves: the power of two that they are divided by brings them back, exactly.
#[test]
fn rows_of_any_size_scale_exactly() {
    for kernels in tiers() {
        let product = Product { bias: vec![0.0; 33], ..Product::new(5, 33, 66) };
        let mut halves = HalfScratch::default();
        let plain = product.run(kernels, &Team::solo(), &product.lhs, &mut halves);
        for size in [2.0_f32.powi(-90), 2.0_f32.powi(-20), 2.0_f32.powi(20), 2.0_f32.powi(90)] {
            let lhs: Vec<f32> = product.lhs.iter().map(|x| x * size).collect();
            let scaled = product.run(kernels, &Team::solo(), &lhs, &mut halves);
            let expected: Vec<f32> = plain.iter().map(|x| x * size).collect();
            assert_same_bits(&scaled, &expected, &format!("{}, times {size:e}", kernels.isa()));
        }
        let zeros = product.run(kernels, &Team::solo(), &vec![0.0; 66], &mut halves);
        assert!(zeros.iter().all(|&x| x == 0.0));
    }
}

/// Weights up to the largest half, and rows whose products with them are all of one sign: sums beyond what halves hold. The
/// error is that of the rounded operands, k·u at worst, beside sums in f32 or in halves of an uneven block.
#[test]
fn large_weights_do_not_overflow() {
    for kernels in tiers() {
        for size in [100.0, 130.0, 5_000.0, 65_504.0] {
            let (m, n, k) = (5, 40, 96);
            let rhs: Vec<f32> =
                (0..n * k).map(|i| if i / k % 2 == 0 { size } else { -size / (1 + i % 3) as f32 }).collect();
            let lhs: Vec<f32> = (0..m * k).map(|i| 1.0 + (i % 7) as f32 / 8.0).collect();
            let product = Product { lhs, rhs, bias: vec![0.5; n], ..Product::new(m, n, k) };
            let found = product.run(kernels, &Team::solo(), &product.lhs, &mut HalfScratch::default());
            for (i, found) in found.into_iter().enumerate() {
                let (x, w) = (&product.lhs[i / n * k..][..k], &product.rhs[i % n * k..][..k]);
                let expected: f64 = x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                let off = (f64::from(found) - expected).abs() / expected.abs();
                assert!(off < 0.01, "{} {size}: {found} for {expected}", kernels.isa());
            }
        }
    }
}

#[test]
fn panels_of_halves_are_the_rounded_weights() {
    let weights = [1.0, 2.0_f32.powi(-24), 65_504.0, 1.0 + 2.0_f32.powi(-12)];
    let halves = halve_panels(&pack_f32(&weights, 1, 4));
    let bits: &[u16] = cast_slice(&halves);
    let found: Vec<f32> = (0..4).map(|k| f16::from_bits(bits[k * 32]).to_f32()).collect();
    assert_eq!(found, [1.0, 2.0_f32.powi(-24), 65_504.0, 1.0]);
}

/// With halves, q, k, v, scores and weights are each rounded to f16. A score of size s is off by some (√(d/6) + 2)·u·s,
/// which is the relative error of its weight; weights and values add 3·u and the sums √(256/6)·u. For the scores here,
/// at most about 3, and values below 1 that is less than 40·u. In bfloat16 values and weights are off by 4·u each, and scores by
/// less than in f16. A sequence's bits are its own, on any team and whatever the scratch held.
#[test]
fn attention_in_halves_is_within_the_bound_of_the_oracle() {
    for kernels in tiers() {
        for (heads, d) in [(2, 64), (3, 32), (1, 80), (2, 11), (1, 130)] {
            for keys in [1, 2, 17, 31, 32, 33, 100, 256, 257, 600] {
                let hidden = heads * d;
                let mut random = Random((d * keys) as u64);
                let rows = random.values(keys * 3 * hidden);
                let run = |team: &Team, first: u32| {
                    let cu = [0, first, keys as u32];
                    let attention = Attention {
                        heads,
                        head_size: d,
                        q: &rows,
                        q_stride: 3 * hidden,
                        q_head: d,
                        cu_queries: &cu,
                        k: &rows[hidden..],
                        v: &rows[2 * hidden..],
                        kv_stride: 3 * hidden,
                        kv_head: d,
                        cu_keys: &cu,
                        bias: None,
                        positions: None,
                        half: true,
                    };
                    let mut out = vec![f32::NAN; keys * hidden];
                    kernels.attention(team, &attention, &mut out, &mut used(first as usize * 40_000));
                    out
                };
                let out = run(&Team::solo(), 0);
                let threaded = with_team(2, |team| run(team, 0));
                assert_same_bits(&threaded, &out, &format!("{}, two threads", kernels.isa()));
                for head in 0..heads {
                    let cut = |part: usize| -> Vec<f32> {
                        rows.chunks_exact(3 * hidden)
                            .flat_map(|row| row[part * hidden + head * d..][..d].to_vec())
                            .collect()
                    };
                    let expected = reference::attention(&cut(0), &cut(1), &cut(2), d);
                    for (i, expected) in expected.iter().enumerate() {
                        let got = f64::from(out[i / d * hidden + head * d + i % d]);
                        let error = (got - expected).abs();
                        assert!(
                            error <= 40.0 * U16,
                            "{}, {keys} keys, {heads}x{d}: {error:e}",
                            kernels.isa()
                        );
                    }
                }
            }
        }
    }
}

/// Where a number or a score is beyond what halves hold, a head has the bits of f32; the others have their own.
#[test]
fn attention_of_large_numbers_is_that_of_f32() {
    let (heads, d, keys) = (2, 32, 20);
    let hidden = heads * d;
    for (part, size) in [(0, 1e5), (1, 1e5), (2, 7e4), (2, 1e30)] {
        let mut rows = Random(9).values(keys * 3 * hidden);
        for row in rows.chunks_exact_mut(3 * hidden) {
            row[part * hidden + d..][..d].iter_mut().for_each(|x| *x = size * (1.5 + *x));
        }
        for kernels in tiers() {
            let run = |half| {
                let cu = [0, keys as u32];
                let (k, v) = (&rows[hidden..], &rows[2 * hidden..]);
                let (q_stride, kv_stride) = (3 * hidden, 3 * hidden);
                let (q, cu_queries, cu_keys) = (&rows[..], &cu[..], &cu[..]);
                let of = Attention {
                    heads,
                    head_size: d,
                    q,
                    q_stride,
                    q_head: d,
                    cu_queries,
                    k,
                    v,
                    kv_stride,
                    kv_head: d,
                    cu_keys,
                    bias: None,
                    positions: None,
                    half,
                };
                let mut out = vec![f32::NAN; keys * hidden];
                kernels.attention(&Team::solo(), &of, &mut out, &mut Buffer::default());
                out
            };
            let (found, expected) = (run(true), run(false));
            assert!(found.iter().all(|x| x.is_finite()), "{} part {part} of {size:e}", kernels.isa());
            if has_halves(kernels) {
                for (found, expected) in found.chunks(hidden).zip(expected.chunks(hidden)) {
                    assert_same_bits(&found[d..], &expected[d..], &format!("part {part} of {size:e}"));
                    assert_ne!(found[..d], expected[..d], "the small head is in halves");
                }
            }
        }
    }
}

/// Attention, in fewer bits with `half`, of one head of `d` columns over one sequence.
fn of_one_head(
    kernels: Kernels,
    half: bool,
    [q, k, v]: [&[f32]; 3],
    d: usize,
    scratch: &mut Buffer<f32>,
) -> Vec<f32> {
    let [queries, keys] = [q, k].map(|x| [0, (x.len() / d) as u32]);
    let attention = Attention {
        heads: 1,
        head_size: d,
        q,
        q_stride: d,
        q_head: d,
        cu_queries: &queries,
        k,
        v,
        kv_stride: d,
        kv_head: d,
        cu_keys: &keys,
        bias: None,
        positions: None,
        half,
    };
    let mut out = vec![f32::NAN; q.len()];
    kernels.attention(&Team::solo(), &attention, &mut out, scratch);
    out
}

/// In bfloat16, queries and keys are two numbers each: a score is off by at most Δ = 2⁻¹⁶·Σ|q·k|/√d, its weight by a factor of
/// e^±2Δ once normalized, however large it is. A value is off by 2⁻⁹, and so is a weight, by which the mean of the values moves by at
/// most twice that. f32's own roundings are below d·2⁻²²·Σ|q·k|/√d, which is less than Δ.
#[test]
fn large_scores_in_bfloat16_are_within_the_bound_of_the_oracle() {
    for kernels in tiers().into_iter().filter(|kernels| kernels.isa() == Isa::Avx512Amx) {
        for (d, size) in
            [(64, 1.0_f32), (32, 10.0), (32, 100.0), (80, 30.0), (1, 5.0), (130, 3.0), (700, 1.0)]
        {
            for keys in [32, 33, 257, 600] {
                let mut random = Random((d * keys + 3) as u64);
                let [q, k, v] = [7, keys, keys].map(|rows| random.values(rows * d));
                let q: Vec<f32> = q.into_iter().map(|q| size * (1.5 + q)).collect();
                let out = of_one_head(kernels, true, [&q, &k, &v], d, &mut used(1 << 21));
                let expected = reference::attention(&q, &k, &v, d);
                for (row, q) in q.chunks_exact(d).enumerate() {
                    let size_of =
                        |k: &[f32]| q.iter().zip(k).map(|(q, k)| f64::from((q * k).abs())).sum::<f64>();
                    let largest = k.chunks_exact(d).map(size_of).fold(0.0, f64::max) / (d as f64).sqrt();
                    let bound = (2.0 * largest / 65_536.0).exp_m1() + 3.0 / 512.0;
                    for i in row * d..(row + 1) * d {
                        let error = (f64::from(out[i]) - expected[i]).abs();
                        assert!(error <= bound, "{keys} keys, heads of {d}, {size}: {error:e} of {bound:e}");
                    }
                }
            }
        }
    }
}

/// In integers, with R the largest distance of a key's number from the middle of its column's range, and M a query's largest
/// number:
/// 1. a key's number is off by at most r = R/254, a query's by m = M/254, so a score by Δ = (r·Σ|q| + m·Σ|k - middle| + d·m·r)
///    / √d, and its weight by a factor of e^±2Δ once normalized;
/// 2. each weight is off by half a step of 1/8,192, and so is their sum, which moves the mean of the values by at most
///    keys / 8,192 over the sum of the weights (the largest of them being 1); the power of two by another 8e-5 of itself, both
///    in the numerator and in the denominator;
/// 3. a value is off by half a step of 1/1,023 of the largest, which is below 1.
///
/// f32's own roundings are below 1e-5 here.
#[test]
fn attention_in_integers_is_within_the_bound_of_the_oracle() {
    for kernels in tiers().into_iter().filter(|kernels| kernels.isa() == Isa::Avx512Vnni) {
        let mut worst = 0.0_f64;
        for (d, size) in [(64, 1.0_f32), (32, 1.0), (80, 0.5), (11, 1.0), (1, 1.0), (130, 1.0), (700, 0.25)] {
            for (keys, shift) in [
                (1, 0.0_f32),
                (2, 9.0),
                (17, 0.0),
                (33, 40.0),
                (127, 0.0),
                (128, 0.0),
                (129, 4.0),
                (300, 0.0),
            ] {
                let mut random = Random((d * keys + 7) as u64);
                let [q, mut k, v] = [5, keys, keys].map(|rows| random.values(rows * d));
                let q: Vec<f32> = q.into_iter().map(|q| q * size).collect();
                // What is common to all keys costs nothing.
                k.iter_mut()
                    .enumerate()
                    .for_each(|(i, k)| *k = *k * size + shift * (i % d) as f32 / d as f32);
                let out = of_one_head(kernels, true, [&q, &k, &v], d, &mut Buffer::default());
                for (i, (q, bound)) in q.chunks_exact(d).zip(bounds_in_integers(&q, &k, d)).enumerate() {
                    let expected = reference::attention(q, &k, &v, d);
                    for (got, expected) in out[i * d..][..d].iter().zip(&expected) {
                        let error = (f64::from(*got) - expected).abs();
                        worst = worst.max(error);
                        assert!(error <= bound, "{keys} keys, heads of {d}: {error:e} of {bound:e}");
                    }
                }
            }
        }
        println!("attention in integers: at most {worst:e} from the oracle");
    }
}

/// Scores that bytes would leave too far from what they are.
#[test]
fn a_head_with_large_scores_is_not_computed_in_integers() {
    for kernels in tiers().into_iter().filter(|kernels| kernels.isa() == Isa::Avx512Vnni) {
        let [q, k, v] = [3, 40, 40].map(|rows| Random(rows as u64).values(rows * 64));
        let run = |size: f32, half| {
            let q: Vec<f32> = q.iter().map(|q| q * size).collect();
            of_one_head(kernels, half, [&q, &k, &v], 64, &mut Buffer::default())
        };
        // With numbers below 1: 0.18 · size / 127 · √(64/6).
        assert_ne!(run(90.0, true), run(90.0, false));
        assert_same_bits(&run(150.0, true), &run(150.0, false), "scores of some 50");
    }
}

/// For each query, how far its results may be from exact ones, as the test above has it.
fn bounds_in_integers(q: &[f32], k: &[f32], d: usize) -> Vec<f64> {
    let (root, keys) = ((d as f64).sqrt(), k.len() / d);
    let ends = |column: usize| {
        let of_column = k.iter().skip(column).step_by(d).map(|&k| f64::from(k));
        [of_column.clone().fold(f64::MAX, f64::min), of_column.fold(f64::MIN, f64::max)]
    };
    let middles: Vec<f64> = (0..d).map(|column| ends(column).iter().sum::<f64>() / 2.0).collect();
    let from_middle = |row: &[f32]| -> Vec<f64> {
        row.iter().zip(&middles).map(|(&k, middle)| (f64::from(k) - middle).abs()).collect()
    };
    let distances: Vec<Vec<f64>> = k.chunks_exact(d).map(from_middle).collect();
    let farthest = distances.iter().flatten().copied().fold(0.0, f64::max);
    let most = distances.iter().map(|row| row.iter().sum::<f64>()).fold(0.0, f64::max);
    let bound = |q: &[f32]| {
        let dot = |k: &[f32]| q.iter().zip(k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>();
        let scores: Vec<f64> = k.chunks_exact(d).map(|k| dot(k) / root).collect();
        let top = scores.iter().copied().fold(f64::MIN, f64::max);
        let weights: f64 = scores.iter().map(|score| (score - top).exp()).sum();
        let (sum, largest) = q
            .iter()
            .map(|q| f64::from(q.abs()))
            .fold((0.0, 0.0), |(sum, largest): (f64, f64), q| (sum + q, largest.max(q)));
        let (r, m) = (farthest / 254.0, largest / 254.0);
        let delta = (r * sum + m * most + d as f64 * m * r) / root;
        (2.0 * delta).exp_m1() + keys as f64 / 8_192.0 / weights + 2.0 * 8e-5 + 1.0 / 2_046.0 + 1e-5
    };
    q.chunks_exact(d).map(bound).collect()
}
