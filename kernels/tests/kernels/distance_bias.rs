//! Attention with a bias by distance against the f64 oracle, in every tier and number type.

use crate::common::*;
use nimbert_kernels::{Attention, Buffer, DistanceBias, Kernels, Team, reference};

/// Two texts, the second of which is asked for.
struct Case {
    heads: usize,
    d: usize,
    keys: usize,
    /// `[BEFORE + keys, 3H]`
    rows: Vec<f32>,
    bias: DistanceBias,
}

/// Tokens of the first text.
const BEFORE: usize = 5;
/// The largest number that is added.
const LARGEST: f32 = 2.5;

/// Differs from head to head and from side to side.
fn added(head: usize, distance: isize) -> f32 {
    LARGEST * ((head + 1) as f32 * distance as f32 * 0.37).sin()
}

impl Case {
    fn new(heads: usize, d: usize, keys: usize, spare: usize) -> Self {
        let rows = Random((heads * d * keys) as u64).values((BEFORE + keys) * 3 * heads * d);
        Self {
            heads,
            d,
            keys,
            rows,
            bias: DistanceBias::new(heads, keys.max(BEFORE) + spare, added).unwrap(),
        }
    }

    /// The second text's outputs for queries at these of its positions.
    fn run(&self, kernels: Kernels, half: bool, positions: Option<&[u32]>) -> Vec<f32> {
        let hidden = self.heads * self.d;
        let (before, all) = (BEFORE as u32, (BEFORE + self.keys) as u32);
        let row = |row: u32| self.rows[row as usize * 3 * hidden..][..3 * hidden].to_vec();
        // One query of the first text, or all.
        let wanted: Option<Vec<u32>> = positions
            .map(|positions| [1].into_iter().chain(positions.iter().map(|at| before + at)).collect());
        let (q, cu) = match &wanted {
            None => (self.rows.clone(), [0, before, all]),
            Some(wanted) => (wanted.iter().flat_map(|&at| row(at)).collect(), [0, 1, wanted.len() as u32]),
        };
        let attention = Attention {
            heads: self.heads,
            head_size: self.d,
            q: &q,
            q_stride: 3 * hidden,
            q_head: self.d,
            cu_queries: &cu,
            k: &self.rows[hidden..],
            v: &self.rows[2 * hidden..],
            kv_stride: 3 * hidden,
            kv_head: self.d,
            cu_keys: &[0, before, all],
            bias: Some(&self.bias),
            positions: wanted.as_deref(),
            half,
        };
        let mut out = vec![f32::NAN; cu[2] as usize * hidden];
        kernels.attention(&Team::solo(), &attention, &mut out, &mut Buffer::default());
        out.split_off(cu[1] as usize * hidden)
    }

    /// Columns of a head: q, k or v of the second text.
    fn cut(&self, part: usize, head: usize) -> Vec<f32> {
        let hidden = self.heads * self.d;
        let rows = self.rows.chunks_exact(3 * hidden).skip(BEFORE);
        rows.flat_map(|row| row[part * hidden + head * self.d..][..self.d].to_vec()).collect()
    }

    /// `allowed` gives how far a result may be off of which the weighted magnitudes are known.
    fn check(&self, bounds: &mut Bounds, half: bool, allowed: impl Fn(f64) -> f64) {
        let hidden = self.heads * self.d;
        for kernels in tiers() {
            let out = self.run(kernels, half, None);
            for head in 0..self.heads {
                let [q, k, v] = [0, 1, 2].map(|part| self.cut(part, head));
                let bias = |query: usize, key: usize| added(head, key as isize - query as isize);
                let expected = reference::attention_with_bias(&q, &k, &v, self.d, bias);
                let magnitudes: Vec<f32> = v.iter().map(|v| v.abs()).collect();
                let weighted = reference::attention_with_bias(&q, &k, &magnitudes, self.d, bias);
                for (i, (&expected, weighted)) in expected.iter().zip(weighted).enumerate() {
                    let got = out[i / self.d * hidden + head * self.d + i % self.d];
                    bounds.check(got, expected, allowed(weighted), || {
                        format!(
                            "{} half {half}, {} keys, head {head} of {}",
                            kernels.isa(),
                            self.keys,
                            self.d
                        )
                    });
                }
            }
        }
    }
}

const SHAPES: [(usize, usize); 4] = [(2, 64), (3, 32), (1, 80), (2, 11)];
const KEYS: [usize; 9] = [1, 2, 15, 17, 32, 33, 127, 256, 300];

/// As attention without a bias (`bounds_of_head` there), of which the score's error grows: a bias is rounded as a constant of base 2
/// and as its product with it, and the sum is: 3u·(|s| + |b|). Values of rows are below 1, so |s| is below √d.
#[test]
fn f32_is_within_its_bound() {
    let mut bounds = Bounds::new("attention with a bias");
    for (heads, d) in SHAPES {
        for keys in KEYS {
            let score = (d as f64).sqrt();
            let largest = score + f64::from(LARGEST);
            let rest = gamma((2.0 * largest).ceil() as usize + 4 + keys + 7 * keys.div_ceil(64) + 1);
            let h = gamma(d + 4) * score + gamma(3) * largest + rest;
            let tiny = 1.1 * TINY * keys as f64;
            let allowed = |weighted: f64| (2.0 * h).exp_m1() * weighted + tiny;
            Case::new(heads, d, keys, keys % 3).check(&mut bounds, false, allowed);
        }
    }
}

/// With u of a half: 40·u without a bias (`attention_in_halves` of the tests of halves); a bias of at most 2.5·log₂e < 4 is rounded
/// and added with an error of 2·u·(4 + 3), relative to the weight of which it is an exponent of 2, on both sides of the quotient.
#[test]
fn fewer_bits_are_within_their_bound() {
    let mut bounds = Bounds::new("attention with a bias in fewer bits");
    let u = 2.0_f64.powi(-11);
    for (heads, d) in SHAPES {
        for keys in KEYS {
            Case::new(heads, d, keys, 1).check(&mut bounds, true, |_| (40.0 + 28.0) * u);
        }
    }
}

/// Queries alone have the bits that they have among all, and a table that reaches further changes none.
#[test]
fn the_same_bits_for_some_queries_and_any_reach() {
    for kernels in tiers() {
        for (keys, half) in [(7, false), (7, true), (140, false), (140, true), (300, false), (300, true)] {
            let case = Case::new(2, 32, keys, 0);
            let all = case.run(kernels, half, None);
            let positions: Vec<_> = [0, 3, keys as u32 - 1].to_vec();
            let some = case.run(kernels, half, Some(&positions));
            for (row, at) in some.chunks_exact(64).zip(positions) {
                let what = format!("{} half {half}: query {at} of {keys}", kernels.isa());
                assert_same_bits(row, &all[at as usize * 64..][..64], &what);
            }
            let wider = Case::new(2, 32, keys, 77).run(kernels, half, None);
            assert_same_bits(&wider, &all, &format!("{} half {half}: {keys} keys", kernels.isa()));
        }
    }
}
