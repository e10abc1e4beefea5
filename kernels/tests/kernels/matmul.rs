//! The f32 product against the f64 oracle and against `gemm`, and the bits that must not depend on the split.

use crate::common::*;
use gemm::{Parallelism, gemm};
use nimbert_kernels::{
    Activation, CacheLine, HalfScratch, Kernels, Output, PANEL, Panels, QuantizedRows, Team, halve_panels,
    pack_f32, pack_int8, pad_to_panels, reference,
};
use proptest::prelude::*;

const ACTIVATIONS: [Activation; 5] =
    [Activation::Identity, Activation::Gelu, Activation::GeluTanh, Activation::Relu, Activation::Tanh];

/// A product's operands, in exactly as much memory as they need: a sanitizer sees every step beyond.
struct Case {
    m: usize,
    n: usize,
    k: usize,
    lhs: Vec<f32>,
    rhs: Vec<f32>,
    bias: Vec<f32>,
    panels: Vec<CacheLine>,
}

impl Case {
    fn new(m: usize, n: usize, k: usize) -> Self {
        let mut random = Random((m * 1_000_000 + n * 1_000 + k) as u64);
        let (lhs, rhs, bias) = (random.values(m * k), random.values(n * k), random.values(n));
        let panels = pack_f32(&rhs, n, k);
        Self { m, n, k, lhs, rhs, bias: pad_to_panels(&bias), panels }
    }

    fn panels(&self) -> Panels<'_, f32> {
        Panels::f32(&self.panels, self.n, self.k)
    }

    fn run(&self, kernels: Kernels, team: &Team, activation: Activation) -> Vec<f32> {
        self.run_rows(kernels, team, activation, 0, self.m)
    }

    fn run_rows(
        &self,
        kernels: Kernels,
        team: &Team,
        activation: Activation,
        first: usize,
        rows: usize,
    ) -> Vec<f32> {
        let lhs = &self.lhs[first * self.k..][..rows * self.k];
        let mut out = vec![f32::NAN; rows * self.n];
        kernels.matmul_f32(team, lhs, self.panels(), &self.bias, activation, Output::rows(&mut out, self.n));
        out
    }

    /// Of every element: its exact value before the activation, and how far f32 may be from it.
    ///
    /// The sum is a chain of multiply-adds from zero, then the bias. Where the two operations of a multiply-add round
    /// apart, the product of a term is rounded once and then takes part in at most k - 1 inexact additions (0 + x is
    /// exact), fused ones round less. With the bias' addition that is at most k + 1 roundings for each term and one
    /// for the bias: |error| ≤ γₖ₊₁ · (Σ|a·b| + |bias|). Any other order of the sum has the same bound.
    fn sums(&self) -> Vec<(f64, f64)> {
        let abs = |values: &[f32]| values.iter().map(|x| x.abs()).collect::<Vec<_>>();
        let bias = &self.bias[..self.n];
        let sums = reference::matmul(&self.lhs, &self.rhs, bias, self.k, Activation::Identity);
        let magnitudes =
            reference::matmul(&abs(&self.lhs), &abs(&self.rhs), &abs(bias), self.k, Activation::Identity);
        sums.into_iter().zip(magnitudes).map(|(sum, of)| (sum, gamma(self.k + 1) * of)).collect()
    }

    /// The product and bias by the `gemm` crate.
    fn gemm(&self) -> Vec<f32> {
        let (m, n, k) = (self.m, self.n, self.k);
        let mut out: Vec<f32> = self.bias[..n].repeat(m);
        // SAFETY: `out` is m × n, `lhs` m × k and `rhs` n × k, all row-major; `rhs` is read transposed.
        unsafe {
            gemm(
                m,
                n,
                k,
                out.as_mut_ptr(),
                1,
                n as isize,
                true,
                self.lhs.as_ptr(),
                1,
                k as isize,
                self.rhs.as_ptr(),
                k as isize,
                1,
                1.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
        out
    }

    /// Every tier and each of `activations` against the oracles.
    fn check(&self, activations: &[Activation], bounds: &mut Bounds) {
        let sums = self.sums();
        let gemm = self.gemm();
        for kernels in tiers() {
            for &activation in activations {
                let out = self.run(kernels, &Team::solo(), activation);
                for (i, (&got, &(sum, bound))) in out.iter().zip(&sums).enumerate() {
                    // An activation magnifies the sum's error by its steepness and adds its own.
                    let expected = reference::activate(sum, activation);
                    let bound = steepness(activation) * bound + activation_bound(sum, activation);
                    let what = || format!("{} {activation:?} {self} at {i}", kernels.isa());
                    bounds.check(got, expected, bound, what);
                }
            }
            let out = self.run(kernels, &Team::solo(), Activation::Identity);
            for (i, ((&got, &gemm), &(_, bound))) in out.iter().zip(&gemm).zip(&sums).enumerate() {
                // Both are within the bound of the exact value.
                assert!(
                    (f64::from(got) - f64::from(gemm)).abs() <= 2.0 * bound,
                    "{self} at {i}: {got} {gemm}"
                );
            }
        }
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} x {} x {}", self.m, self.n, self.k)
    }
}

#[test]
fn every_size_around_the_tiles_is_within_its_bound() {
    let mut bounds = Bounds::new("matmul_f32");
    for m in [0, 1, 2, 5, 6, 7, 11, 12, 13, 24, 25, 100] {
        for n in [0, 1, 5, 31, 32, 33, 64, 66, 100] {
            for k in [1, 3, 4, 5, 16, 66, 100] {
                Case::new(m, n, k).check(&[Activation::Identity], &mut bounds);
            }
        }
    }
    for (m, n) in [(1, 100), (2, 33), (7, 66), (13, 100), (25, 31), (100, 5)] {
        Case::new(m, n, 768).check(&[Activation::Identity], &mut bounds);
    }
}

#[test]
fn activations_are_applied_after_the_bias() {
    let mut bounds = Bounds::new("matmul_f32 with activations");
    for (m, n, k) in [(1, 1, 1), (7, 33, 5), (13, 66, 66), (25, 100, 768)] {
        Case::new(m, n, k).check(&ACTIVATIONS, &mut bounds);
    }
}

/// 350 rows of 768 are more than one block of rows ("Grid" in the library), 25 rows of 30,000 too.
#[test]
fn many_rows_in_several_blocks() {
    let mut bounds = Bounds::new("matmul_f32 in blocks");
    for (m, n, k) in [(350, 33, 768), (25, 5, 30_000)] {
        Case::new(m, n, k).check(&[Activation::Identity], &mut bounds);
    }
}

#[test]
fn only_the_block_is_written() {
    for kernels in tiers() {
        for (m, n, stride) in [(1, 33, 33), (1, 33, 1), (7, 31, 40), (13, 64, 65), (25, 100, 333), (3, 1, 2)]
        {
            let case = Case::new(m, n, 17);
            for threads in [1, 2] {
                let stride = if m == 1 { stride.max(n) } else { stride };
                let mut out = Framed::new(m, n, stride);
                with_team(threads, |team| {
                    let target = out.target();
                    kernels.matmul_f32(
                        team,
                        &case.lhs,
                        case.panels(),
                        &case.bias,
                        Activation::Relu,
                        Output::rows(target, stride),
                    );
                });
                let whole = case.run(kernels, &Team::solo(), Activation::Relu);
                assert_same_bits(&out.take(), &whole, &format!("{} {case}", kernels.isa()));
            }
        }
    }
}

/// Of all number types: the same values, each block of columns with all of its rows.
#[test]
fn columns_in_blocks_have_the_same_bits() {
    for (m, n, k, columns) in [(1, 96, 17, 32), (13, 128, 66, 64), (25, 100, 20, 64), (350, 160, 256, 96)] {
        let case = Case::new(m, n, k);
        let (weights, halves) = (pack_int8(&case.rhs, n, k), halve_panels(&case.panels));
        for kernels in tiers() {
            let run = |number: usize, threads: usize, blocks: bool| {
                let mut out = vec![0.0; m * n.next_multiple_of(columns)];
                let to = if blocks { Output::blocks(&mut out, columns) } else { Output::rows(&mut out, n) };
                let (lhs, bias, activation) = (&case.lhs, &case.bias, Activation::Gelu);
                with_team(threads, |team| match number {
                    0 => kernels.matmul_f32(team, lhs, case.panels(), bias, activation, to),
                    1 => {
                        let (rhs, rows) = (Panels::f16(&halves, n, k), &mut HalfScratch::default());
                        kernels.matmul_f16(team, lhs, rows, rhs, bias, activation, to);
                    }
                    _ => {
                        let mut rows = QuantizedRows::default();
                        kernels.quantize_rows(team, lhs, k, &mut rows);
                        kernels.matmul_int8(team, &rows, weights.view(n, k), bias, activation, to);
                    }
                });
                out
            };
            for (number, threads) in [(0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2)] {
                let (rows, blocks) = (run(number, 1, false), run(number, threads, true));
                for (at, x) in rows[..m * n].iter().enumerate() {
                    let (row, column) = (at / n, at % n);
                    let found = blocks[(column / columns * m + row) * columns + column % columns];
                    let what = format!("{} {case}, number type {number}, {row}, {column}", kernels.isa());
                    assert_eq!(found.to_bits(), x.to_bits(), "{what}");
                }
            }
        }
    }
}

#[test]
fn sub_ranges_of_panels_give_the_same_bits() {
    let case = Case::new(13, 100, 66);
    let (m, n) = (case.m, case.n);
    for kernels in tiers() {
        let whole = case.run(kernels, &Team::solo(), Activation::Gelu);
        for (first, end) in [(0, 1), (0, 4), (1, 2), (1, 4), (2, 3), (3, 4), (0, 0), (4, 4), (2, 2)] {
            let part = case.panels().to_panel(end).from_panel(first);
            let columns = first * PANEL..(end * PANEL).min(n);
            assert_eq!(part.n(), columns.len());
            let bias = &case.bias[first * PANEL..];
            let (team, activation) = (Team::solo(), Activation::Gelu);
            if columns.is_empty() {
                kernels.matmul_f32(&team, &case.lhs, part, bias, activation, Output::rows(&mut [], 0));
                continue;
            }
            // As the engine does it: part of the columns of a wider output.
            let mut out = vec![f32::NAN; m * n];
            let target = &mut out[first * PANEL..];
            kernels.matmul_f32(&team, &case.lhs, part, bias, activation, Output::rows(target, n));
            for row in 0..m {
                let at = row * n + columns.start..row * n + columns.end;
                let what = format!("{} panels {first}..{end} row {row}", kernels.isa());
                assert_same_bits(&out[at.clone()], &whole[at], &what);
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    for (m, n, k) in [(1, 33, 66), (1, 700, 66), (13, 100, 66), (100, 300, 33), (350, 65, 768)] {
        let case = Case::new(m, n, k);
        for kernels in tiers() {
            let alone = case.run(kernels, &Team::solo(), Activation::Gelu);
            for threads in [2, 4] {
                with_team(threads, |team| {
                    for _ in 0..3 {
                        let together = case.run(kernels, team, Activation::Gelu);
                        let what = format!("{} {case} on {threads} threads", kernels.isa());
                        assert_same_bits(&together, &alone, &what);
                    }
                });
            }
        }
    }
}

#[test]
fn a_row_has_the_same_bits_alone_and_in_any_batch() {
    let case = Case::new(29, 66, 66);
    let team = Team::solo();
    for kernels in tiers() {
        let whole = case.run(kernels, &team, Activation::GeluTanh);
        for rows in 1..=case.m {
            for first in [0, 1, (case.m - rows) / 2, case.m - rows] {
                if first + rows > case.m {
                    continue;
                }
                let part = case.run_rows(kernels, &team, Activation::GeluTanh, first, rows);
                let what = format!("{} rows {first}..{}", kernels.isa(), first + rows);
                assert_same_bits(&part, &whole[first * case.n..][..rows * case.n], &what);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_shape_is_within_its_bound(m in 1_usize..40, n in 1_usize..140, k in 1_usize..300, a in 0_usize..5) {
        Case::new(m, n, k).check(&[ACTIVATIONS[a]], &mut Bounds::quiet("matmul_f32, any shape"));
    }
}
