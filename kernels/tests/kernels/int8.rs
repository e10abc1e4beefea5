//! The int8 product: sums must equal the scalar oracle exactly on every tier, whatever the bytes are.

use crate::common::*;
use bytemuck::cast_slice;
use nimbert_kernels::{
    Activation, CacheLine, Int8Panels, Kernels, Output, PANEL, Panels, QuantizedRows, Team, pack_int8,
    pad_to_panels, reference,
};
use proptest::prelude::*;

/// Operands as bytes.
struct Case {
    m: usize,
    n: usize,
    k: usize,
    lhs: Vec<i8>,
    rhs: Vec<i8>,
    panels: Vec<CacheLine>,
}

impl Case {
    fn new(lhs: Vec<i8>, rhs: Vec<i8>, k: usize) -> Self {
        let (m, n) = (lhs.len() / k, rhs.len() / k);
        let panels = int8_panels(&rhs, n, k);
        Self { m, n, k, lhs, rhs, panels }
    }

    fn random(m: usize, n: usize, k: usize) -> Self {
        let mut random = Random((m * 1_000_000 + n * 1_000 + k) as u64);
        let (lhs, rhs) = (random.bytes(m * k), random.bytes(n * k));
        Self::new(lhs, rhs, k)
    }

    fn panels(&self) -> Panels<'_, u8> {
        Panels::int8(cast_slice(&self.panels), self.n, self.k)
    }

    fn rows(&self, kernels: Kernels) -> QuantizedRows {
        kernels.rows_of_bytes(&self.lhs, self.k)
    }

    /// The product with scales of 1 and a bias of 0: the sums, as f32.
    fn run(&self, kernels: Kernels, team: &Team) -> Vec<f32> {
        let padded = self.n.next_multiple_of(PANEL);
        let (ones, zeros) = (vec![1.0; padded], vec![0.0; padded]);
        let mut out = vec![f32::NAN; self.m * self.n];
        let weights = Int8Panels { panels: self.panels(), scales: &ones, sums: &zeros };
        kernels.matmul_int8(
            team,
            &self.rows(kernels),
            weights,
            &zeros,
            Activation::Identity,
            Output::rows(&mut out, self.n),
        );
        out
    }

    /// Every tier, exactly. The conversion to f32 rounds sums from 2²⁴ up, to nearest and alike everywhere; the
    /// multiply-add of x·1 + 0 does not round.
    fn check(&self) {
        let expected: Vec<f32> =
            reference::matmul_int8(&self.lhs, &self.rhs, self.k).into_iter().map(|sum| sum as f32).collect();
        for kernels in tiers() {
            let what = format!("{} {} x {} x {}", kernels.isa(), self.m, self.n, self.k);
            assert_same_bits(&self.run(kernels, &Team::solo()), &expected, &what);
        }
    }
}

#[test]
fn sums_are_exact_at_every_size_around_the_tiles() {
    for m in [1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 24, 25, 100] {
        for n in [1, 5, 31, 32, 33, 64, 66, 100] {
            for k in [1, 2, 3, 4, 5, 7, 8, 16, 63, 66] {
                Case::random(m, n, k).check();
            }
        }
    }
    for (m, n, k) in [(1, 100, 768), (13, 33, 768), (25, 66, 3_072), (350, 33, 3_073)] {
        Case::random(m, n, k).check();
    }
}

/// Where a tier has tiles of sixteen rows and 64 steps of k, all heights that one and two of them can have.
#[test]
fn sums_are_exact_at_every_height() {
    for m in 11..=67 {
        for k in [64, 192] {
            Case::random(m, 33, k).check();
        }
    }
}

/// The largest sums that bytes can make: a saturating or wrapping step on the way shows.
#[test]
fn sums_are_exact_for_adversarial_rows() {
    for k in [1, 3, 4, 66, 768, 3_072, 65_001, 65_984, 66_000] {
        let alternating = |p: usize| if p.is_multiple_of(2) { 127 } else { -127 };
        let in_pairs = |p: usize| if (p / 2).is_multiple_of(2) { 127 } else { -127 };
        let patterns: [Vec<i8>; 6] = [
            vec![127; k],
            vec![-127; k],
            (0..k).map(alternating).collect(),
            (0..k).map(|p| -alternating(p)).collect(),
            (0..k).map(in_pairs).collect(),
            (0..k).map(|p| if p == k - 1 { -127 } else { 1 }).collect(),
        ];
        // Stored as 255 and 1 (127 and -127), 128 (0) and, what only a hostile file has, 0 (-128).
        let mut weights = patterns.to_vec();
        weights.extend([vec![0; k], vec![-128; k], (0..k).map(|p| alternating(p) / 127).collect()]);
        // More rows than one tile has.
        Case::new(patterns.concat().repeat(3), weights.concat(), k).check();
    }
}

#[test]
fn nothing_to_do_is_fine() {
    let case = Case::random(3, 5, 7);
    for kernels in tiers() {
        let mut rows = QuantizedRows::default();
        let team = Team::solo();
        kernels.quantize_rows(&team, &[], 7, &mut rows);
        assert_eq!(rows.rows(), 0);
        let padding = [0.0; PANEL];
        let identity = Activation::Identity;
        let weights = |panels, padding| Int8Panels { panels, scales: padding, sums: padding };
        kernels.matmul_int8(
            &team,
            &rows,
            weights(case.panels(), &padding),
            &padding,
            identity,
            Output::rows(&mut [], 5),
        );
        let nothing = weights(Panels::int8(&[], 0, 7), &[]);
        kernels.matmul_int8(&team, &case.rows(kernels), nothing, &[], identity, Output::rows(&mut [], 0));
    }
}

/// With symmetric rows, Identity and no bias there is one multiplication after the exact sum, so all tiers agree bit
/// for bit. (With a bias they need not: the portable tier rounds the product and the addition apart unless the target
/// has FMA.)
#[test]
fn tiers_agree_bit_for_bit_without_a_bias() {
    let mut random = Random(7);
    for (m, n, k) in [(1, 33, 66), (13, 70, 100), (25, 64, 768)] {
        let mut x = random.values(m * k);
        for row in x.chunks_exact_mut(k) {
            (row[0], row[k - 1]) = (1.0, -1.0);
        }
        let weights = pack_int8(&random.values(n * k), n, k);
        let bias = pad_to_panels(&vec![0.0; n]);
        let results: Vec<Vec<f32>> = tiers()
            .into_iter()
            .map(|kernels| {
                let (team, mut rows) = (Team::solo(), QuantizedRows::default());
                kernels.quantize_rows(&team, &x, k, &mut rows);
                let mut out = vec![f32::NAN; m * n];
                kernels.matmul_int8(
                    &team,
                    &rows,
                    weights.view(n, k),
                    &bias,
                    Activation::Identity,
                    Output::rows(&mut out, n),
                );
                out
            })
            .collect();
        for (result, kernels) in results.iter().zip(tiers()) {
            assert_same_bits(result, &results[0], &format!("{} and portable", kernels.isa()));
        }
    }
}

/// The epilogue, with real scales, middles, a bias and activations, against f64.
fn check_epilogue(m: usize, n: usize, k: usize, activation: Activation, bounds: &mut Bounds) {
    let mut random = Random((m + n + k) as u64);
    let x: Vec<f32> = random.values(m * k).iter().map(|x| x + 0.5).collect();
    let bias = random.values(n);
    let weights = pack_int8(&random.values(n * k), n, k);
    let quantized_weights = expand(cast_slice(&weights.panels), n, k);
    let padded_bias = pad_to_panels(&bias);
    for kernels in tiers() {
        let (team, mut rows) = (Team::solo(), QuantizedRows::default());
        kernels.quantize_rows(&team, &x, k, &mut rows);
        let mut out = vec![f32::NAN; m * n];
        kernels.matmul_int8(
            &team,
            &rows,
            weights.view(n, k),
            &padded_bias,
            activation,
            Output::rows(&mut out, n),
        );
        for row in 0..m {
            let (bytes, scale, middle) = rows.row(row);
            let sums = reference::matmul_int8(&bytes[..k], &quantized_weights, k);
            for (column, sum) in sums.into_iter().enumerate() {
                let column_scale = f64::from(weights.scales[column]);
                let column_sum: i32 =
                    quantized_weights[column * k..][..k].iter().map(|&w| i32::from(w)).sum();
                let product = f64::from(scale) * column_scale * f64::from(sum);
                let share = f64::from(middle) * column_scale * f64::from(column_sum);
                let bias = f64::from(bias[column]);
                let expected = reference::activate(product + share + bias, activation);
                // Six roundings at most: scale · scale, the sum to f32, their product; the column's sum times its
                // scale (two), the middle times that; and both additions.
                let bound = gamma(6) * (product.abs() + share.abs() + bias.abs());
                let bound =
                    steepness(activation) * bound + activation_bound_int8(product + share + bias, activation);
                let what = || format!("{} {activation:?} row {row} column {column}", kernels.isa());
                bounds.check(out[row * n + column], expected, bound, what);
            }
        }
    }
}

/// The quantized weights, read from panels by the layout's definition.
fn expand(panels: &[u8], n: usize, k: usize) -> Vec<i8> {
    let at = |column: usize, p: usize| ((column / 32 * k.div_ceil(4) + p / 4) * 32 + column % 32) * 4 + p % 4;
    (0..n * k).map(|i| (i32::from(panels[at(i / k, i % k)]) - 128) as i8).collect()
}

#[test]
fn scales_bias_and_activation_are_within_their_bound() {
    let mut bounds = Bounds::new("matmul_int8, epilogue");
    use Activation::*;
    for activation in [Identity, Gelu, GeluTanh, Relu, Tanh] {
        for (m, n, k) in [(1, 1, 1), (2, 31, 3), (7, 33, 66), (13, 70, 100), (25, 64, 768)] {
            check_epilogue(m, n, k, activation, &mut bounds);
        }
    }
}

#[test]
fn weights_are_packed_as_the_layout_says() {
    let mut random = Random(3);
    for (n, k) in [(1, 1), (5, 3), (32, 4), (33, 66), (64, 65), (100, 7)] {
        let mut weights = random.bytes(n * k);
        // A ±127 in every row makes its scale 1.
        weights.iter_mut().step_by(k).for_each(|w| *w = -127);
        let floats: Vec<f32> = weights.iter().map(|&w| f32::from(w)).collect();
        let packed = pack_int8(&floats, n, k);
        assert_eq!(packed.panels, int8_panels(&weights, n, k));
        assert_eq!(packed.scales, pad_to_panels(&vec![1.0; n]));
        let sums = weights.chunks(k).map(|row| row.iter().map(|&w| f32::from(w)).sum()).collect::<Vec<_>>();
        assert_eq!(packed.sums, pad_to_panels(&sums));
    }
}

#[test]
fn a_row_of_zero_weights_is_a_column_of_biases() {
    let weights = pack_int8(&[0.0; 6], 1, 6);
    for kernels in tiers() {
        let (team, mut rows, mut out) = (Team::solo(), QuantizedRows::default(), [f32::NAN; 2]);
        kernels.quantize_rows(&team, &Random(1).values(12), 6, &mut rows);
        let bias = pad_to_panels(&[0.75]);
        kernels.matmul_int8(
            &team,
            &rows,
            weights.view(1, 6),
            &bias,
            Activation::Identity,
            Output::rows(&mut out, 1),
        );
        assert_eq!(out, [0.75; 2]);
    }
}

/// A plausible answer from numbers that are none would be the worst of errors.
#[test]
fn what_is_not_finite_is_passed_on_and_only_in_its_row_or_column() {
    for (m, k) in [(3, 70), (29, 128)] {
        what_is_not_finite_is_passed_on(m, k);
    }
}

fn what_is_not_finite_is_passed_on(m: usize, k: usize) {
    let n = 40;
    let (x, w) = (Random(5).values(m * k), Random(6).values(n * k));
    let bias = pad_to_panels(&vec![0.5; n]);
    use Activation::*;
    for (kernels, activation) in
        tiers().into_iter().flat_map(|k| [Identity, Gelu, GeluTanh, Relu, Tanh].map(|a| (k, a)))
    {
        for (bad, at) in [(f32::NAN, 0), (f32::INFINITY, 37), (f32::NEG_INFINITY, k - 1), (f32::NAN, k - 1)] {
            let run = |x: &[f32], w: &[f32]| {
                let mut rows = QuantizedRows::default();
                kernels.quantize_rows(&Team::solo(), x, k, &mut rows);
                let mut out = vec![0.0; m * n];
                kernels.matmul_int8(
                    &Team::solo(),
                    &rows,
                    pack_int8(w, n, k).view(n, k),
                    &bias,
                    activation,
                    Output::rows(&mut out, n),
                );
                out
            };
            let (mut bad_x, mut bad_w) = (x.clone(), w.clone());
            (bad_x[k + at], bad_w[33 * k + at]) = (bad, bad);
            let what = format!("{} {activation:?} {bad} at {at}", kernels.isa());
            for (i, y) in run(&bad_x, &w).into_iter().enumerate() {
                assert_eq!(y.is_finite(), i / n != 1, "{what}: row {} column {}", i / n, i % n);
            }
            for (i, y) in run(&x, &bad_w).into_iter().enumerate() {
                assert_eq!(y.is_finite(), i % n != 33, "{what}: row {} column {}", i / n, i % n);
            }
        }
    }
}

#[test]
fn only_the_block_is_written() {
    for kernels in tiers() {
        let shapes = [(1, 33, 33), (7, 31, 40), (13, 64, 65), (25, 100, 333), (3, 1, 2), (29, 33, 40)];
        for ((m, n, stride), k) in shapes.into_iter().flat_map(|shape| [(shape, 17), (shape, 64)]) {
            let case = Case::random(m, n, k);
            let padded = n.next_multiple_of(PANEL);
            let (ones, zeros) = (vec![1.0; padded], vec![0.0; padded]);
            for threads in [1, 2] {
                let mut out = Framed::new(m, n, stride);
                with_team(threads, |team| {
                    let weights = Int8Panels { panels: case.panels(), scales: &ones, sums: &zeros };
                    let identity = Activation::Identity;
                    kernels.matmul_int8(
                        team,
                        &case.rows(kernels),
                        weights,
                        &zeros,
                        identity,
                        Output::rows(out.target(), stride),
                    );
                });
                let what = format!("{} {m} x {n} at stride {stride}", kernels.isa());
                assert_same_bits(&out.take(), &case.run(kernels, &Team::solo()), &what);
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads_or_neighbours() {
    for (m, n, k) in [(1, 700, 66), (29, 100, 66), (350, 65, 3_072)] {
        let mut random = Random(11);
        let x = random.values(m * k);
        let (weights, bias) = (pack_int8(&random.values(n * k), n, k), pad_to_panels(&random.values(n)));
        for kernels in tiers() {
            let run = |team: &Team, x: &[f32]| {
                let mut rows = QuantizedRows::default();
                kernels.quantize_rows(team, x, k, &mut rows);
                let mut out = vec![f32::NAN; x.len() / k * n];
                kernels.matmul_int8(
                    team,
                    &rows,
                    weights.view(n, k),
                    &bias,
                    Activation::Gelu,
                    Output::rows(&mut out, n),
                );
                out
            };
            let whole = run(&Team::solo(), &x);
            for threads in [2, 4] {
                let together = with_team(threads, |team| run(team, &x));
                assert_same_bits(&together, &whole, &format!("{} on {threads} threads", kernels.isa()));
            }
            for (first, rows) in [(0, 1), (m / 2, 1), (m - 1, 1), (m / 3, m / 2)] {
                let part = run(&Team::solo(), &x[first * k..][..rows * k]);
                let what = format!("{} {rows} rows from {first}", kernels.isa());
                assert_same_bits(&part, &whole[first * n..][..rows * n], &what);
            }
        }
    }
}

#[test]
fn sub_ranges_of_panels_give_the_same_bits() {
    let (ones, zeros) = ([1.0; 4 * PANEL], [0.0; 4 * PANEL]);
    for (kernels, case) in
        tiers().into_iter().flat_map(|k| [(k, Case::random(7, 100, 66)), (k, Case::random(29, 100, 128))])
    {
        let whole = case.run(kernels, &Team::solo());
        for (first, end) in [(0, 1), (0, 4), (1, 2), (1, 4), (3, 4)] {
            let panels = case.panels().to_panel(end).from_panel(first);
            let (n, identity) = (panels.n(), Activation::Identity);
            let mut out = vec![f32::NAN; case.m * n];
            let part = Int8Panels { panels, scales: &ones, sums: &zeros };
            kernels.matmul_int8(
                &Team::solo(),
                &case.rows(kernels),
                part,
                &zeros,
                identity,
                Output::rows(&mut out, n),
            );
            for (row, got) in out.chunks_exact(n).enumerate() {
                let expected = &whole[row * case.n + first * PANEL..][..n];
                assert_same_bits(got, expected, &format!("{} panels {first}..{end}", kernels.isa()));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_exact_for_any_shape(m in 1_usize..40, n in 1_usize..140, k in 1_usize..400) {
        Case::random(m, n, k).check();
    }
}
