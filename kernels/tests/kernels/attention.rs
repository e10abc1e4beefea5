//! Fused attention against the f64 oracle: ragged batches, odd head sizes, long sequences, extreme scores.

use crate::common::*;
use nimbert_kernels::{Attention, Buffer, Kernels, Team, reference};
use proptest::prelude::*;

/// Query, key and value rows of several sequences, as the engine has them: q, k and v side by side in wide rows, or
/// the queries apart from the keys and values.
struct Batch {
    heads: usize,
    head_size: usize,
    /// Queries and keys of each sequence.
    lengths: Vec<(usize, usize)>,
    q: Vec<f32>,
    kv: Vec<f32>,
    cu_queries: Vec<u32>,
    cu_keys: Vec<u32>,
}

impl Batch {
    /// `size` is that of the values of q and k: scores are about size² · √head_size / 3.
    fn new(heads: usize, head_size: usize, lengths: &[(usize, usize)], size: f32) -> Self {
        let sums = |of: fn(&(usize, usize)) -> usize| {
            let mut sums = vec![0_u32];
            sums.extend(lengths.iter().scan(0, |sum, length| {
                *sum += of(length) as u32;
                Some(*sum)
            }));
            sums
        };
        let (cu_queries, cu_keys) = (sums(|length| length.0), sums(|length| length.1));
        let hidden = heads * head_size;
        let mut random = Random((heads * 1_000 + head_size) as u64 + u64::from(cu_keys[lengths.len()]));
        let mut q = random.values(cu_queries[lengths.len()] as usize * hidden);
        let mut kv = random.values(cu_keys[lengths.len()] as usize * 2 * hidden);
        q.iter_mut().for_each(|q| *q *= size);
        kv.chunks_exact_mut(2 * hidden).for_each(|row| row[..hidden].iter_mut().for_each(|k| *k *= size));
        Self { heads, head_size, lengths: lengths.to_vec(), q, kv, cu_queries, cu_keys }
    }

    fn hidden(&self) -> usize {
        self.heads * self.head_size
    }

    fn run(&self, kernels: Kernels, team: &Team) -> Vec<f32> {
        self.run_with(kernels, team, &mut Buffer::default())
    }

    fn run_with(&self, kernels: Kernels, team: &Team, scratch: &mut Buffer<f32>) -> Vec<f32> {
        self.run_in(false, kernels, team, scratch)
    }

    fn run_in(&self, half: bool, kernels: Kernels, team: &Team, scratch: &mut Buffer<f32>) -> Vec<f32> {
        let hidden = self.hidden();
        let attention = Attention {
            heads: self.heads,
            head_size: self.head_size,
            q: &self.q,
            q_stride: hidden,
            q_head: self.head_size,
            cu_queries: &self.cu_queries,
            k: &self.kv,
            v: self.kv.get(hidden..).unwrap_or_default(),
            kv_stride: 2 * hidden,
            kv_head: self.head_size,
            cu_keys: &self.cu_keys,
            bias: None,
            positions: None,
            half,
        };
        let mut out = vec![f32::NAN; self.q.len()];
        kernels.attention(team, &attention, &mut out, scratch);
        out
    }

    /// One head of one sequence, rows without gaps: q, k, v.
    fn head(&self, sequence: usize, head: usize) -> [Vec<f32>; 3] {
        let (hidden, column) = (self.hidden(), head * self.head_size);
        let cut = |values: &[f32], cu: &[u32], stride: usize, column: usize| -> Vec<f32> {
            (cu[sequence] as usize..cu[sequence + 1] as usize)
                .flat_map(|row| values[row * stride + column..][..self.head_size].to_vec())
                .collect()
        };
        [
            cut(&self.q, &self.cu_queries, hidden, column),
            cut(&self.kv, &self.cu_keys, 2 * hidden, column),
            cut(&self.kv, &self.cu_keys, 2 * hidden, hidden + column),
        ]
    }

    /// Exact results and how far f32 may be from them, in the order of the output.
    fn expected(&self) -> (Vec<f64>, Vec<f64>) {
        let len = self.q.len();
        let (mut values, mut bounds) = (vec![f64::NAN; len], vec![f64::NAN; len]);
        for sequence in 0..self.lengths.len() {
            for head in 0..self.heads {
                let [q, k, v] = self.head(sequence, head);
                let expected = reference::attention(&q, &k, &v, self.head_size);
                let bound = bounds_of_head(&q, &k, &v, self.head_size);
                for (i, (&value, bound)) in expected.iter().zip(bound).enumerate() {
                    let row = self.cu_queries[sequence] as usize + i / self.head_size;
                    let at = row * self.hidden() + head * self.head_size + i % self.head_size;
                    (values[at], bounds[at]) = (value, bound);
                }
            }
        }
        (values, bounds)
    }

    fn check(&self, bounds: &mut Bounds) {
        let (expected, allowed) = self.expected();
        for kernels in tiers() {
            let out = self.run(kernels, &Team::solo());
            for (i, ((&got, &expected), &bound)) in out.iter().zip(&expected).zip(&allowed).enumerate() {
                bounds.check(got, expected, bound, || {
                    let (row, column) = (i / self.hidden(), i % self.hidden());
                    format!("{} {self} row {row} column {column}", kernels.isa())
                });
            }
        }
    }
}

impl std::fmt::Display for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} heads of {}, {:?}", self.heads, self.head_size, self.lengths)
    }
}

/// How far each result of a head may be from the exact one.
///
/// With d the head size and s a score, w its weight, M the row's largest score:
/// 1. s: d multiply-adds, the scaling by a constant that was rounded three times (√, log₂e, their quotient): δ = γ of
///    d + 4, times Σ|q·k|/√d, where Σ|q·k| ≤ ‖q‖·‖k‖. In base 2 as in base e, it is the relative error that counts.
/// 2. s - M: one rounding, u·|s - M|; over blocks of keys the steps from one maximum to the next add up to it. It is
///    at most twice the largest |s|, and above 88 the weight is nothing, in exact arithmetic as well: R below.
/// 3. e^(s - M): an error of δ in the argument is a relative error of e^δ - 1, and the function has 2 ulp = 4u of its
///    own; each later block multiplies by one more e^x: 5u a block (blocks of 64 keys or more, say).
/// 4. The sums of weights and of w·v: at most a rounding for each key and two a block; a division rounds once, a
///    multiplication by the inverse twice, of which each side takes one.
///
/// So each computed numerator and the denominator are exact ones times something in e^-H to e^H, with
/// H = δ + u·(R + 4 + keys + 7 · blocks + 1); each normalized weight is w·e^±2H, and the result is within
/// (e^2H - 1)·Σ w·|v|. What is left of weights below e^-87.3 is at most the smallest normal number for each key.
fn bounds_of_head(q: &[f32], k: &[f32], v: &[f32], d: usize) -> Vec<f64> {
    let norm = |row: &[f32]| row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let longest = k.chunks_exact(d).map(norm).fold(0.0, f64::max);
    let keys = k.len() / d;
    let magnitudes: Vec<f32> = v.iter().map(|v| v.abs()).collect();
    let largest = magnitudes.iter().copied().fold(0.0_f32, f32::max);
    let tiny = 1.1 * TINY * keys as f64 * f64::from(largest);
    let weighted = reference::attention(q, k, &magnitudes, d);
    let mut bounds = Vec::with_capacity(q.len());
    for (q, weighted) in q.chunks_exact(d).zip(weighted.chunks_exact(d)) {
        let score = norm(q) * longest / (d as f64).sqrt();
        let h = gamma(d + 4) * score + roundings(keys, 2.0 * score);
        bounds.extend(weighted.iter().map(|weighted| (2.0 * h).exp_m1() * weighted + tiny));
    }
    bounds
}

/// H of [`bounds_of_head`] without δ, for scores that differ by at most `range`.
fn roundings(keys: usize, range: f64) -> f64 {
    gamma(range.min(88.0).ceil() as usize + 4 + keys + 7 * keys.div_ceil(64) + 1)
}

const HEAD_SIZES: [usize; 6] = [11, 12, 16, 32, 64, 80];

#[test]
fn every_head_size_and_key_count_is_within_its_bound() {
    let mut bounds = Bounds::new("attention");
    for head_size in HEAD_SIZES {
        for keys in [1, 2, 15, 16, 17, 31, 32, 33, 100] {
            // All rows, as in every layer but the last; and [CLS] alone.
            Batch::new(2, head_size, &[(keys, keys)], 1.0).check(&mut bounds);
            Batch::new(3, head_size, &[(1, keys)], 1.0).check(&mut bounds);
        }
    }
}

/// Around the blocks of 256 keys: the online softmax.
#[test]
fn long_sequences_are_within_their_bound() {
    let mut bounds = Bounds::new("attention, long sequences");
    for head_size in HEAD_SIZES {
        for keys in [255, 256, 257, 512, 600] {
            Batch::new(1, head_size, &[(1, keys)], 1.0).check(&mut bounds);
            Batch::new(1, head_size, &[(25, keys)], 2.0).check(&mut bounds);
        }
    }
    Batch::new(1, 64, &[(600, 600)], 1.0).check(&mut bounds);
}

#[test]
fn ragged_batches_with_empty_sequences_are_within_their_bound() {
    let mut bounds = Bounds::new("attention, ragged");
    for head_size in [11, 32, 64] {
        let all: Vec<_> = [7, 0, 1, 33, 0, 300, 2].map(|length| (length, length)).to_vec();
        Batch::new(3, head_size, &all, 1.0).check(&mut bounds);
        let cls: Vec<_> = [7, 0, 1, 33, 300, 2].map(|length: usize| (length.min(1), length)).to_vec();
        Batch::new(3, head_size, &cls, 1.0).check(&mut bounds);
    }
    Batch::new(2, 16, &[], 1.0).check(&mut bounds);
    Batch::new(2, 16, &[(0, 0)], 1.0).check(&mut bounds);
    // Keys that nobody asks.
    Batch::new(2, 16, &[(0, 9), (3, 5)], 1.0).check(&mut bounds);
}

/// Random vectors so long that scores reach ±1e4; the bound grows with them (δ of step 1).
#[test]
fn large_scores_are_within_their_bound() {
    let mut bounds = Bounds::new("attention, large scores");
    for (head_size, keys) in [(16, 40), (64, 40), (64, 300), (80, 600)] {
        for size in [10.0, 60.0] {
            Batch::new(1, head_size, &[(13, keys)], size).check(&mut bounds);
        }
    }
}

/// Scores chosen one by one: q is (√d, 0, …), so that k's first value is the score.
fn check_scores(scores: &[f32], bounds: &mut Bounds) {
    // √d is a power of two and only the first product is not zero, so that step 1 of the analysis rounds but twice: log₂e
    // and its product with the score. Equal scores are rounded alike, and of scores further apart than e^x's range one has
    // no weight: for both it does not matter.
    let d = 16;
    let mut random = Random(scores.len() as u64);
    let (q, v) =
        ([4.0].iter().copied().chain([0.0; 15]).collect::<Vec<f32>>(), random.values(scores.len() * d));
    let mut k = vec![0.0; scores.len() * d];
    k.iter_mut().step_by(d).zip(scores).for_each(|(k, &score)| *k = score);
    let expected = reference::attention(&q, &k, &v, d);
    let magnitudes: Vec<f32> = v.iter().map(|v| v.abs()).collect();
    let weighted = reference::attention(&q, &k, &magnitudes, d);
    let near = |a: f32, b: f32| a != b && (f64::from(a) - f64::from(b)).abs() < 88.0;
    let matters = scores.iter().any(|&a| scores.iter().any(|&b| near(a, b)));
    let largest = scores.iter().map(|score| f64::from(score.abs())).fold(0.0, f64::max);
    let h = roundings(scores.len(), f64::INFINITY) + if matters { gamma(2) * largest } else { 0.0 };
    let (cu_queries, cu_keys) = ([0, 1], [0, scores.len() as u32]);
    let attention = Attention {
        heads: 1,
        head_size: d,
        q: &q,
        q_stride: d,
        q_head: d,
        cu_queries: &cu_queries,
        k: &k,
        v: &v,
        kv_stride: d,
        kv_head: d,
        cu_keys: &cu_keys,
        bias: None,
        positions: None,
        half: false,
    };
    for kernels in tiers() {
        let mut out = vec![f32::NAN; d];
        kernels.attention(&Team::solo(), &attention, &mut out, &mut Buffer::default());
        for ((&got, &expected), weighted) in out.iter().zip(&expected).zip(&weighted) {
            let bound = (2.0 * h).exp_m1() * weighted + 1.1 * TINY * scores.len() as f64;
            bounds.check(got, expected, bound, || format!("{} {} scores", kernels.isa(), scores.len()));
        }
    }
}

#[test]
fn extreme_scores_make_no_nan_and_stay_within_a_tight_bound() {
    let mut bounds = Bounds::new("attention, extreme scores");
    for keys in [1, 2, 16, 17, 255, 256, 257, 512, 513, 600] {
        for score in [0.0, 1e4, -1e4, 1e30, -1e30] {
            check_scores(&vec![score; keys], &mut bounds);
        }
        let one_of = |winner: usize, low: f32, high: f32| -> Vec<f32> {
            (0..keys).map(|key| if key == winner { high } else { low }).collect()
        };
        for winner in [0, keys / 2, keys - 1] {
            check_scores(&one_of(winner, -1e4, 1e4), &mut bounds);
            check_scores(&one_of(winner, 0.0, 20.0), &mut bounds);
            check_scores(&one_of(winner, 1e4, -1e4), &mut bounds);
            check_scores(&one_of(winner, -1e4, -1e4 + 5.0), &mut bounds);
        }
        // The maximum rises, or falls, from block to block.
        let steps = |by: f32| -> Vec<f32> { (0..keys).map(|key| key as f32 * by).collect() };
        for by in [0.125, -0.125, 1.0, -1.0, 100.0, -100.0] {
            check_scores(&steps(by), &mut bounds);
        }
    }
}

/// Every weight is the same: the mean of the values, which for a constant is the constant.
#[test]
fn equal_values_come_through() {
    for kernels in tiers() {
        for keys in [1, 3, 16, 100, 257, 600] {
            let mut batch = Batch::new(2, 12, &[(3, keys)], 1.0);
            let hidden = batch.hidden();
            batch.kv.chunks_exact_mut(2 * hidden).for_each(|row| row[hidden..].fill(-1.5));
            for got in batch.run(kernels, &Team::solo()) {
                let bound = 1.5 * gamma(2 * keys + 40);
                assert!((f64::from(got) + 1.5).abs() <= bound, "{} of {keys}: {got}", kernels.isa());
            }
        }
    }
}

#[test]
fn a_sequence_has_the_same_bits_alone_and_in_any_batch() {
    let lengths = [(5, 5), (40, 40), (1, 300), (0, 0), (300, 300), (13, 13)];
    let batch = Batch::new(2, 24, &lengths, 1.0);
    let hidden = batch.hidden();
    for kernels in tiers() {
        let whole = batch.run(kernels, &Team::solo());
        // Scratch that other sequences, and other head sizes, have left their values in.
        let mut scratch = used(1 << 16);
        for (sequence, &(queries, keys)) in lengths.iter().enumerate() {
            let (query, key) = (batch.cu_queries[sequence] as usize, batch.cu_keys[sequence] as usize);
            for asked in [queries, queries.min(1)] {
                let alone = Batch {
                    lengths: vec![(asked, keys)],
                    q: batch.q[query * hidden..][..asked * hidden].to_vec(),
                    kv: batch.kv[key * 2 * hidden..][..keys * 2 * hidden].to_vec(),
                    cu_queries: vec![0, asked as u32],
                    cu_keys: vec![0, keys as u32],
                    ..batch
                };
                let expected = &whole[query * hidden..][..asked * hidden];
                let what = format!("{} sequence {sequence}, {asked} queries", kernels.isa());
                assert_same_bits(&alone.run_with(kernels, &Team::solo(), &mut scratch), expected, &what);
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let lengths: Vec<_> = [9, 0, 64, 1, 260, 33].map(|length| (length, length)).to_vec();
    let batch = Batch::new(3, 20, &lengths, 1.0);
    for kernels in tiers() {
        let alone = batch.run(kernels, &Team::solo());
        for threads in [2, 4] {
            with_team(threads, |team| {
                let mut scratch = Buffer::default();
                for _ in 0..3 {
                    let together = batch.run_with(kernels, team, &mut scratch);
                    assert_same_bits(&together, &alone, &format!("{} on {threads} threads", kernels.isa()));
                }
            });
        }
    }
}

/// As the engine calls it: q, k and v are columns of one wide product, and the sequences are part of a batch whose
/// first rows are somebody else's.
#[test]
fn fused_rows_and_later_sequences_give_the_same_bits() {
    let (heads, head_size) = (3, 16);
    let (hidden, stride) = (heads * head_size, 3 * heads * head_size + 7);
    let rows = 50;
    let qkv = Random(5).values(rows * stride);
    let cu = [4, 4, 21, 50];
    for kernels in tiers() {
        let attention = Attention {
            heads,
            head_size,
            q: &qkv,
            q_stride: stride,
            q_head: head_size,
            cu_queries: &cu,
            k: &qkv[hidden..],
            v: &qkv[2 * hidden..],
            kv_stride: stride,
            kv_head: head_size,
            cu_keys: &cu,
            bias: None,
            positions: None,
            half: false,
        };
        let mut out = vec![f32::from_bits(0x7fc0_dead); rows * hidden];
        kernels.attention(&Team::solo(), &attention, &mut out, &mut Buffer::default());
        let cut = |first: usize, columns: usize| -> Vec<f32> {
            (4..rows).flat_map(|row| qkv[row * stride + first..][..columns].to_vec()).collect()
        };
        let batch = Batch {
            heads,
            head_size,
            lengths: vec![(17, 17), (29, 29)],
            q: cut(0, hidden),
            kv: cut(hidden, 2 * hidden),
            cu_queries: vec![0, 17, 46],
            cu_keys: vec![0, 17, 46],
        };
        let expected = batch.run(kernels, &Team::solo());
        assert_same_bits(&out[4 * hidden..], &expected, &format!("{}", kernels.isa()));
        assert!(
            out[..4 * hidden].iter().all(|x| x.to_bits() == 0x7fc0_dead),
            "rows before the first sequence"
        );
    }
}

/// A block for each head of queries, keys and values, as a product leaves them ([`nimbert_kernels::Output::blocks`]).
#[test]
fn heads_in_blocks_give_the_same_bits() {
    let (heads, head_size, rows) = (3, 32, 70);
    let hidden = heads * head_size;
    let qkv = Random(6).values(rows * 3 * hidden);
    let mut blocks = vec![0.0; qkv.len()];
    for (at, &x) in qkv.iter().enumerate() {
        let (row, column) = (at / (3 * hidden), at % (3 * hidden));
        blocks[(column / head_size * rows + row) * head_size + column % head_size] = x;
    }
    let cu = [2, 35, 70];
    for (kernels, half) in tiers().into_iter().flat_map(|kernels| [(kernels, false), (kernels, true)]) {
        let run = |from: &[f32], stride, head| {
            let of = |part: usize| &from[part * heads * head..];
            let attention = Attention {
                heads,
                head_size,
                q: of(0),
                q_stride: stride,
                q_head: head,
                cu_queries: &cu,
                k: of(1),
                v: of(2),
                kv_stride: stride,
                kv_head: head,
                cu_keys: &cu,
                bias: None,
                positions: None,
                half,
            };
            let mut out = vec![0.0; rows * hidden];
            kernels.attention(&Team::solo(), &attention, &mut out, &mut Buffer::default());
            out
        };
        let (found, expected) = (run(&blocks, head_size, rows * head_size), run(&qkv, 3 * hidden, head_size));
        assert_same_bits(&found, &expected, &format!("{} half {half}", kernels.isa()));
    }
}

/// One NaN in a query, a key or a value: a plausible answer from it would be the worst of errors.
#[test]
fn what_is_not_a_number_is_passed_on_and_only_where_it_is_read() {
    let (heads, head_size) = (2, 12);
    let lengths = [(5, 5), (13, 300), (3, 3)];
    let hidden = heads * head_size;
    // Of the second sequence: row 7, or key 259 in its second block; in the second head its fourth column.
    let (query, key, column) = (5 + 7, 5 + 259, head_size + 3);
    let clean = Batch::new(heads, head_size, &lengths, 2.0);
    for operand in ["q", "k", "v"] {
        let mut batch = Batch::new(heads, head_size, &lengths, 2.0);
        match operand {
            "q" => batch.q[query * hidden + column] = f32::NAN,
            "k" => batch.kv[key * 2 * hidden + column] = f32::NAN,
            _ => batch.kv[key * 2 * hidden + hidden + column] = f32::NAN,
        }
        for (kernels, half) in tiers().into_iter().flat_map(|kernels| [(kernels, false), (kernels, true)]) {
            let run =
                |half, batch: &Batch| batch.run_in(half, kernels, &Team::solo(), &mut Buffer::default());
            // A head that fewer bits have no numbers for is computed in f32.
            let (got, clean, of_f32) = (run(half, &batch), run(half, &clean), run(false, &batch));
            for (at, got) in got.into_iter().enumerate() {
                let (row, of) = (at / hidden, at % hidden);
                let of_sequence = (5..5 + 13).contains(&row) && of >= head_size;
                let reached = of_sequence
                    && match operand {
                        "q" => row == query,
                        "k" => true,
                        _ => of == column,
                    };
                let what = format!("{} half {half}: NaN in {operand}, row {row} column {of}", kernels.isa());
                assert_eq!(got.is_nan(), reached, "{what}");
                let expected = if of_sequence { of_f32[at] } else { clean[at] };
                assert!(reached || got.to_bits() == expected.to_bits(), "{what}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_batch_is_within_its_bound(
        heads in 1_usize..4,
        head_size in 1_usize..70,
        lengths in proptest::collection::vec((0_usize..30, 1_usize..90), 0..5),
    ) {
        Batch::new(heads, head_size, &lengths, 1.5).check(&mut Bounds::quiet("attention, any batch"));
    }
}
