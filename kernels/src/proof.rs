//! Whether a tier computes what it should on this machine. A virtual machine that emulates an instruction wrongly, or a compiler
//! that compiles it wrongly, gives wrong answers otherwise, and nobody would know.

use std::{fmt, sync::OnceLock};

use crate::{
    Activation, Attention, Buffer, HalfScratch, Isa, Kernels, Output, PANEL, Panels, QuantizedRows, Team,
    halve_panels, pack_f32, pack_int8, reference,
};

/// An instruction set that gave a wrong answer on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unproven {
    /// Which one.
    pub isa: Isa,
    /// What it got wrong.
    pub operation: &'static str,
    /// The next lower one that got everything right.
    pub instead: Option<Isa>,
}

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { isa, operation, instead } = self;
        write!(
            f,
            "{isa} gets {operation} wrong on this machine, by its processor, its hypervisor or the compiler"
        )?;
        instead.map_or(Ok(()), |instead| write!(f, "; {instead} is right"))
    }
}

impl std::error::Error for Unproven {}

impl Kernels {
    /// [`Kernels::new`], once a process and instruction set after small products and attention were held against the scalar
    /// oracle: some 50 µs.
    ///
    /// # Errors
    /// When one of them is wrong.
    ///
    /// # Panics
    /// When this machine lacks the instruction set.
    pub fn proven(isa: Isa) -> Result<Self, Unproven> {
        static FAULTS: [OnceLock<Option<&str>>; Isa::ALL.len()] = [const { OnceLock::new() }; Isa::ALL.len()];
        let fault = |isa| *FAULTS[isa as usize].get_or_init(|| fault(Self::new(isa)));
        let Some(operation) = fault(isa) else { return Ok(Self::new(isa)) };
        let lower = Isa::available().into_iter().rev().filter(|&lower| lower < isa);
        Err(Unproven { isa, operation, instead: lower.into_iter().find(|&lower| fault(lower).is_none()) })
    }
}

/// Rows, columns and inner dimension: two tiles of rows of every way to multiply, part of a panel, several steps.
const M: usize = 25;
const N: usize = 5;
const K: usize = 192;
/// Keys, and values in a head. All ways to attend have a remainder.
const KEYS: usize = 33;
const HEAD: usize = 20;

/// The first operation that is wrong.
fn fault(kernels: Kernels) -> Option<&'static str> {
    let mut random = Random(1);
    let (lhs, mut rhs, rows) = (random.bytes(M * K), random.bytes(N * K), random.bytes(3 * KEYS * HEAD));
    // So that a column's scale is 1/128: its weights are the same numbers in f32, f16 and int8.
    rhs.chunks_exact_mut(K).for_each(|column| column[0] = 127);
    let products = Products {
        kernels,
        lhs: &lhs,
        weights: values(&rhs),
        // Fewer than 2²² steps of 2⁻¹⁴, as are all sums on the way: f32 holds them exactly, whatever the order of additions.
        expected: reference::matmul_int8(&lhs, &rhs, K)
            .into_iter()
            .map(|sum| sum as f32 / 16_384.0)
            .collect(),
    };
    let attention = |half| attends(kernels, &values(&rows), half);
    [
        ("products in f32", products.in_f32()),
        ("products with weights in f16", products.in_f16()),
        ("products in int8", products.in_int8()),
        ("quantization", quantizes(kernels, &values(&lhs[..K]))),
        ("attention in f32", attention(false)),
        ("attention in fewer bits", attention(true)),
    ]
    .into_iter()
    .find_map(|(operation, right)| (!right).then_some(operation))
}

/// A product whose operands all number types hold.
struct Products<'a> {
    kernels: Kernels,
    lhs: &'a [i8],
    weights: Vec<f32>,
    expected: Vec<f32>,
}

impl Products<'_> {
    /// Whether a product is, but for `tolerance`, what it should be.
    fn is(&self, tolerance: f32, compute: impl FnOnce(&Team, &[f32], &mut [f32])) -> bool {
        let mut out = [f32::NAN; M * N];
        compute(&Team::solo(), &[0.0; N.next_multiple_of(PANEL)], &mut out);
        are_near(&out, self.expected.iter().map(|&x| f64::from(x)), tolerance)
    }

    fn in_f32(&self) -> bool {
        let panels = pack_f32(&self.weights, N, K);
        self.is(0.0, |team, bias, out| {
            let rhs = Panels::f32(&panels, N, K);
            self.kernels.matmul_f32(
                team,
                &values(self.lhs),
                rhs,
                bias,
                Activation::Identity,
                Output::rows(out, N),
            );
        })
    }

    fn in_f16(&self) -> bool {
        let panels = halve_panels(&pack_f32(&self.weights, N, K));
        // Sums of 32 products in halves: eight standard deviations of their roundings are 0.05.
        let tolerance = if self.kernels.table.half.is_some() { 0.1 } else { 0.0 };
        self.is(tolerance, |team, bias, out| {
            let (lhs, rhs) = (values(self.lhs), Panels::f16(&panels, N, K));
            let halves = &mut HalfScratch::default();
            self.kernels.matmul_f16(
                team,
                &lhs,
                halves,
                rhs,
                bias,
                Activation::Identity,
                Output::rows(out, N),
            );
        })
    }

    fn in_int8(&self) -> bool {
        let (weights, rows) = (pack_int8(&self.weights, N, K), self.kernels.rows_of_bytes(self.lhs, K));
        self.is(0.0, |team, bias, out| {
            self.kernels.matmul_int8(
                team,
                &rows,
                weights.view(N, K),
                bias,
                Activation::Identity,
                Output::rows(out, N),
            );
            // Its rows stand for themselves.
            out.iter_mut().for_each(|x| *x /= 128.0);
        })
    }
}

/// Whether a row's bytes are the oracle's, which they are on every tier.
fn quantizes(kernels: Kernels, row: &[f32]) -> bool {
    let mut rows = QuantizedRows::default();
    kernels.quantize_rows(&Team::solo(), row, K, &mut rows);
    rows.row(0) == reference::quantize(row)
}

/// Whether attention of one head to itself is near the oracle's: numbers below 1, which fewer bits hold to some 0.005.
fn attends(kernels: Kernels, rows: &[f32], half: bool) -> bool {
    let (q, rest) = rows.split_at(KEYS * HEAD);
    let (k, v) = rest.split_at(KEYS * HEAD);
    let cu = [0, KEYS as u32];
    let of = Attention {
        heads: 1,
        head_size: HEAD,
        q,
        q_stride: HEAD,
        q_head: HEAD,
        cu_queries: &cu,
        k,
        v,
        kv_stride: HEAD,
        kv_head: HEAD,
        cu_keys: &cu,
        bias: None,
        positions: None,
        half,
    };
    let mut out = [f32::NAN; KEYS * HEAD];
    kernels.attention(&Team::solo(), &of, &mut out, &mut Buffer::default());
    // The first and the last query alone: the others go through the same instructions.
    [0, (KEYS - 1) * HEAD].into_iter().all(|at| {
        let expected = reference::attention(&q[at..at + HEAD], k, v, HEAD);
        are_near(&out[at..at + HEAD], expected.into_iter(), if half { 0.02 } else { 1e-5 })
    })
}

fn are_near(found: &[f32], expected: impl Iterator<Item = f64>, tolerance: f32) -> bool {
    found
        .iter()
        .zip(expected)
        .all(|(&found, expected)| (f64::from(found) - expected).abs() <= f64::from(tolerance))
}

/// Bytes as the numbers that they are 128 times of.
fn values(bytes: &[i8]) -> Vec<f32> {
    bytes.iter().map(|&byte| f32::from(byte) / 128.0).collect()
}

/// Marsaglia's xorshift with 64 bits.
struct Random(u64);

impl Random {
    /// From -127 to 127.
    fn bytes(&mut self, len: usize) -> Vec<i8> {
        let mut next = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            ((self.0 >> 32) % 255) as i16 - 127
        };
        (0..len).map(|_| next() as i8).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::{
        arch::{self, Table},
        generic::{attention, matmul_int8},
    };

    /// Computes nothing.
    unsafe fn idle<T>(_: &T, _: *const f32) {}

    /// Attends to nothing.
    unsafe fn zeros(args: &attention::Args) -> bool {
        for query in 0..args.queries {
            // SAFETY: `out` has a row for each query.
            unsafe { args.out.add(query * args.out_stride).write_bytes(0, args.head_size) }
        }
        true
    }

    #[test]
    fn every_tier_is_proven() {
        for isa in Isa::available() {
            let mut micros = [0.0; 20].map(|_: f64| {
                let start = Instant::now();
                assert_eq!(fault(Kernels::new(isa)), None, "{isa}");
                start.elapsed().as_secs_f64() * 1e6
            });
            micros.sort_by(f64::total_cmp);
            println!("{isa}: {:.0} µs, the fastest of 20", micros[0]);
            assert_eq!(Kernels::proven(isa).map(|kernels| kernels.isa()), Ok(isa));
        }
    }

    #[test]
    fn a_wrong_operation_is_named() {
        let kernels = Kernels::new(Isa::detect());
        let right = kernels.table;
        // Four steps of k too few, as if the last instruction of a product did nothing.
        unsafe fn short(args: &matmul_int8::Args) {
            // SAFETY: the tier is available; fewer steps read less.
            unsafe {
                (arch::table(Isa::detect()).matmul_int8)(&matmul_int8::Args {
                    k4: args.k4 - 1,
                    m: 1,
                    ..*args
                });
            }
        }
        // Kernels keep their table for ever.
        static WRONG: OnceLock<[(&str, Table); 4]> = OnceLock::new();
        let wrong = WRONG.get_or_init(|| {
            [
                ("products in int8", Table { matmul_int8: short, ..*right }),
                ("products in f32", Table { matmul_f32: idle, ..*right }),
                ("attention in f32", Table { attention: zeros, ..*right }),
                ("attention in fewer bits", Table { attention_half: zeros, ..*right }),
            ]
        });
        for (operation, table) in wrong {
            assert_eq!(fault(Kernels { table, ..kernels }), Some(*operation));
        }
    }

    #[test]
    fn the_error_names_tier_operation_and_what_to_take_instead() {
        let error = Unproven { isa: Isa::Avx512Amx, operation: "products in int8", instead: Some(Isa::Avx2) };
        let said = error.to_string();
        assert!(
            said.starts_with("avx512-amx gets products in int8 wrong") && said.ends_with("avx2 is right"),
            "{said}"
        );
    }
}
