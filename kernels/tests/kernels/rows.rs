//! Row-wise kernels: quantization, which is exact, and add & LayerNorm.

use crate::common::*;
use bytemuck::cast_slice;
use nimbert_kernels::{
    Activation, Int8Panels, Isa, LayerNorm, Output, PANEL, Panels, QuantizedRows, Team, reference,
};

/// The sum of a row's bytes is not public: a product with the weights 1 and 0 shows it, and shows that the correction
/// for the stored + 128 fits it.
#[track_caller]
fn check_sums(kernels: nimbert_kernels::Kernels, rows: &QuantizedRows, k: usize) {
    let weights = [vec![1_i8; k], vec![0; k]].concat();
    let panels = int8_panels(&weights, 2, k);
    let mut out = vec![f32::NAN; rows.rows() * 2];
    let (ones, zeros) = ([1.0; PANEL], [0.0; PANEL]);
    let panels = Panels::int8(cast_slice(&panels), 2, k);
    let weights = Int8Panels { panels, scales: &ones, sums: &zeros };
    kernels.matmul_int8(
        &Team::solo(),
        rows,
        weights,
        &zeros,
        Activation::Identity,
        Output::rows(&mut out, 2),
    );
    for (row, got) in out.chunks_exact(2).enumerate() {
        let (bytes, scale, _) = rows.row(row);
        let sum: i32 = bytes[..k].iter().map(|&a| i32::from(a)).sum();
        assert_eq!(got, [sum as f32 * scale, 0.0], "{} row {row} of {k}", kernels.isa());
    }
}

/// Quantizes on every tier into `rows`, which may have been used before, and compares with the oracle.
#[track_caller]
fn check_quantized(x: &[f32], k: usize, rows: &mut QuantizedRows, what: &str) {
    for kernels in tiers() {
        kernels.quantize_rows(&Team::solo(), x, k, rows);
        assert_eq!(rows.rows(), x.len() / k);
        for (i, row) in x.chunks_exact(k).enumerate() {
            let (expected, scale, middle) = reference::quantize(row);
            let (bytes, got_scale, got_middle) = rows.row(i);
            let unit = if kernels.isa() == Isa::NeonI8mm { 8 } else { 4 };
            assert_eq!(bytes.len(), k.next_multiple_of(unit));
            assert_eq!(bytes[..k], expected, "{} {what} row {i} of {k}", kernels.isa());
            assert!(bytes[k..].iter().all(|&a| a == 0), "{} {what}: tail of {k}: {bytes:?}", kernels.isa());
            assert_eq!(got_scale.to_bits(), scale.to_bits(), "{} {what} scale", kernels.isa());
            // Zeros of either sign are the same middle.
            assert_eq!(got_middle, middle, "{} {what} middle", kernels.isa());
        }
        check_sums(kernels, rows, k);
    }
}

#[test]
fn quantization_is_exact_at_every_length() {
    let mut random = Random(1);
    for k in (1..=70).chain([384, 768, 1_024, 3_072]) {
        let x = random.values(5 * k);
        check_quantized(&x, k, &mut QuantizedRows::default(), "random");
    }
}

#[test]
fn quantization_is_exact_for_strange_rows() {
    let mut random = Random(2);
    for k in [1, 7, 8, 9, 16, 17, 33, 66] {
        let rows = &mut QuantizedRows::default();
        check_quantized(&vec![0.0; 3 * k], k, rows, "zeros");
        check_quantized(&vec![-0.0; 3 * k], k, rows, "negative zeros");
        for largest in [f32::MAX, 1e30, 1e-30, 1e-36, 3.8e-37, 3.7e-37, f32::MIN_POSITIVE, 1e-40, 1e-45] {
            let x: Vec<f32> = random.values(3 * k).iter().map(|x| x * largest).collect();
            check_quantized(&x, k, rows, "of an extreme size");
            check_quantized(&vec![largest; k], k, rows, "all the same extreme value");
            check_quantized(&vec![-largest; k], k, rows, "all the same extreme value, negative");
        }
        // ±127 make the scale 1 and the middle 0, so that x.5 are ties: to even.
        let ties: Vec<f32> = (0..k)
            .map(|i| match i {
                0 => 127.0,
                1 => -127.0,
                _ => (i as f32 - 33.0) * 3.0 + 0.5,
            })
            .collect();
        check_quantized(&ties, k, rows, "ties");
        let negative: Vec<f32> = ties.iter().map(|x| -x).collect();
        check_quantized(&negative, k, rows, "negative ties");
    }
}

/// The bytes beyond k are where longer rows had values: they must be zero again, since the product multiplies them.
#[test]
fn rows_can_be_used_again_with_another_length() {
    let mut random = Random(3);
    let mut rows = QuantizedRows::default();
    for (m, k) in
        [(3, 68), (3, 67), (3, 65), (3, 66), (9, 5), (2, 7), (2, 6), (50, 6), (1, 3), (7, 100), (7, 97)]
    {
        let x: Vec<f32> = random.values(m * k).iter().map(|x| x.signum()).collect();
        check_quantized(&x, k, &mut rows, "used again");
    }
}

#[test]
fn quantized_bits_do_not_depend_on_threads() {
    let (m, k) = (131, 770);
    let x = Random(4).values(m * k);
    for kernels in tiers() {
        for threads in [2, 4] {
            let mut rows = QuantizedRows::default();
            with_team(threads, |team| kernels.quantize_rows(team, &x, k, &mut rows));
            for (i, row) in x.chunks_exact(k).enumerate() {
                let (bytes, scale, middle) = reference::quantize(row);
                let (got, got_scale, got_middle) = rows.row(i);
                assert_eq!((&got[..k], got_scale, got_middle), (&bytes[..], scale, middle));
            }
        }
    }
}

/// One row's inputs for LayerNorm.
struct Norm {
    x: Vec<f32>,
    residual: Option<Vec<f32>>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    fn new(len: usize, with_residual: bool, mean: f32, spread: f32, epsilon: f32) -> Self {
        let mut random = Random(len as u64);
        let x = random.values(len).iter().map(|x| mean + spread * x).collect();
        let residual = with_residual.then(|| random.values(len).iter().map(|x| spread * x).collect());
        let gamma = random.values(len).iter().map(|x| 1.0 + x).collect();
        Self { x, residual, gamma, beta: random.values(len), epsilon }
    }

    fn run(&self, kernels: nimbert_kernels::Kernels, team: &Team) -> Vec<f32> {
        let mut x = self.x.clone();
        let residual = self.residual.as_deref();
        let norm = LayerNorm { gamma: &self.gamma, beta: &self.beta, epsilon: self.epsilon };
        kernels.add_layer_norm(team, &mut x, residual, norm, None);
        x
    }

    /// The row that is normalized, exact.
    fn sum(&self) -> Vec<f64> {
        let x = self.x.iter().map(|&x| f64::from(x));
        match &self.residual {
            Some(residual) => x.zip(residual).map(|(x, &r)| x + f64::from(r)).collect(),
            None => x.collect(),
        }
    }

    /// How far each value may be from the exact one.
    ///
    /// In the kernel's order, with v the exact row, μ its mean, σ² its variance, n values:
    /// 1. v: one rounding, e = u·max|v| (none without a residual).
    /// 2. μ: a value goes through at most c additions, then a division: γ of c + 1, times mean|v|, and e. Partial
    ///    sums in four lanes or more make c at most n/4 + 20 (lanes joined, tail and all), and never more than n.
    /// 3. d = v - μ: δ = e + |error of μ| + u·|d|.
    /// 4. Σd²/n: an error of δ in each d changes the root of the mean square by at most max δ (triangle inequality),
    ///    and the sum's own roundings the mean square by γ of c + 3. With ε: relative error ρ of σ² + ε.
    /// 5. 1/√: half of ρ (to first order; ρ/2 ≤ ρ/(2(1-ρ)) exact), three roundings.
    /// 6. d · inverse · γ + β: three roundings more, the last of the sum.
    fn bounds(&self) -> Vec<f64> {
        let v = self.sum();
        let n = v.len() as f64;
        let c = v.len().min(v.len() / 4 + 20);
        let mean = v.iter().sum::<f64>() / n;
        let largest = v.iter().fold(0.0_f64, |largest, v| largest.max(v.abs()));
        let variance = v.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;

        let e = if self.residual.is_some() { U * largest } else { 0.0 };
        let mean_error = e + gamma(c + 1) * (v.iter().map(|v| v.abs()).sum::<f64>() / n + e);
        let spread = v.iter().fold(0.0_f64, |spread, v| spread.max((v - mean).abs()));
        let delta = e + mean_error + U * (spread + mean_error);
        let root = variance.sqrt() + delta;
        let square_error = root * root * (1.0 + gamma(c + 3)) - variance;
        let epsilon = f64::from(self.epsilon);
        let rho = square_error / (variance + epsilon);
        // Beyond this the first-order step 5 says nothing; such rows are no test.
        assert!(rho < 0.5, "rho {rho} of {} values", v.len());
        let inverse = 1.0 / (variance + epsilon).sqrt();
        let inverse_error = rho / (2.0 * (1.0 - rho)) + gamma(3);

        let weigh = |((v, gamma_i), beta): ((&f64, &f32), &f32)| {
            let (weight, d) = (f64::from(*gamma_i).abs() * inverse, (v - mean).abs());
            let scaled = weight * (delta + (d + delta) * (inverse_error + gamma(2)) * 1.01);
            scaled + U * (weight * d + scaled + f64::from(*beta).abs())
        };
        v.iter().zip(&self.gamma).zip(&self.beta).map(weigh).collect()
    }

    fn check(&self, bounds: &mut Bounds) {
        // The oracle takes f32: without a residual that is exact; with one the sum's rounding is step 1.
        let sum: Vec<f32> = self.sum().iter().map(|&v| v as f32).collect();
        let expected = reference::layer_norm(&sum, &self.gamma, &self.beta, self.epsilon);
        for kernels in tiers() {
            let out = self.run(kernels, &Team::solo());
            for (i, ((&got, &expected), bound)) in out.iter().zip(&expected).zip(self.bounds()).enumerate() {
                bounds
                    .check(got, expected, bound, || format!("{} value {i} of {}", kernels.isa(), out.len()));
            }
        }
    }
}

#[test]
fn layer_norm_is_within_its_bound_at_every_length() {
    let mut bounds = Bounds::new("add_layer_norm");
    for len in (2..=70).chain([384, 768, 1_024]) {
        for with_residual in [false, true] {
            Norm::new(len, with_residual, 0.1, 1.0, 1e-12).check(&mut bounds);
        }
    }
}

/// A variance from E[x²] - E[x]² would lose all digits here.
#[test]
fn layer_norm_of_a_large_mean_and_a_small_variance() {
    let mut bounds = Bounds::new("add_layer_norm, large mean");
    for len in [2, 7, 16, 31, 70, 384, 768, 1_024] {
        for with_residual in [false, true] {
            Norm::new(len, with_residual, 100.0, 0.1, 1e-12).check(&mut bounds);
            Norm::new(len, with_residual, -1_000.0, 3.0, 1e-5).check(&mut bounds);
        }
    }
}

#[test]
fn layer_norm_of_tiny_and_huge_values() {
    let mut bounds = Bounds::new("add_layer_norm, extreme sizes");
    for len in [9, 66, 768] {
        // Below ε nothing is left of a row; squares of 1e15 are still far from the largest f32.
        Norm::new(len, true, 0.0, 1e-12, 1e-12).check(&mut bounds);
        Norm::new(len, true, 0.0, 1e15, 1e-12).check(&mut bounds);
    }
}

/// Where n·x has no rounding, the mean is exactly x, and what is left is β to the bit, ε or no ε.
#[test]
fn layer_norm_of_a_constant_row_is_beta() {
    for len in (1..=70).chain([384, 768, 1_024]) {
        for value in [0.0, 1.0, -3.0, 1_024.0] {
            for with_residual in [false, true] {
                let mut norm = Norm::new(len, with_residual, 0.0, 1.0, 1e-12);
                norm.x.fill(value);
                norm.residual.iter_mut().for_each(|residual| residual.fill(2.0));
                for kernels in tiers() {
                    let out = norm.run(kernels, &Team::solo());
                    let what = format!("{} constant {value} of {len}", kernels.isa());
                    assert_eq!(out, norm.beta, "{what}");
                }
            }
        }
    }
}

#[test]
fn layer_norm_bits_do_not_depend_on_threads_or_neighbours() {
    for len in [5, 66, 768] {
        let rows = 150_000_usize.div_ceil(len);
        let mut random = Random(9);
        let (x, residual) = (random.values(rows * len), random.values(rows * len));
        let (gamma, beta) = (random.values(len), random.values(len));
        for kernels in tiers() {
            let run = |team: &Team, rows: std::ops::Range<usize>| {
                let rows = rows.start * len..rows.end * len;
                let mut x = x[rows.clone()].to_vec();
                let norm = LayerNorm { gamma: &gamma, beta: &beta, epsilon: 1e-12 };
                kernels.add_layer_norm(team, &mut x, Some(&residual[rows]), norm, None);
                x
            };
            let whole = run(&Team::solo(), 0..rows);
            for threads in [2, 4] {
                let together = with_team(threads, |team| run(team, 0..rows));
                assert_same_bits(&together, &whole, &format!("{} on {threads} threads", kernels.isa()));
            }
            for row in [0, 1, rows / 2, rows - 1] {
                let alone = run(&Team::solo(), row..row + 1);
                assert_same_bits(&alone, &whole[row * len..][..len], &format!("{} row {row}", kernels.isa()));
            }
        }
    }
}

#[test]
fn normalized_rows_are_quantized_as_by_themselves() {
    for len in [1, 7, 66, 768] {
        let (rows, mut random) = (40, Random(11));
        let (mut x, residual) = (random.values(rows * len), random.values(rows * len));
        let (gamma, beta) = (random.values(len), random.values(len));
        for kernels in tiers() {
            // Used before for rows of another length.
            let mut together = kernels.rows_of_bytes(&[5; 99], 3);
            let norm = LayerNorm { gamma: &gamma, beta: &beta, epsilon: 1e-12 };
            let run = |team: &Team| {
                kernels.add_layer_norm(team, &mut x, Some(&residual), norm, Some(&mut together));
            };
            with_team(2, run);
            let mut apart = QuantizedRows::default();
            kernels.quantize_rows(&Team::solo(), &x, len, &mut apart);
            assert_eq!(together.rows(), rows);
            for row in 0..rows {
                assert_eq!(together.row(row), apart.row(row), "{} row {row} of {len}", kernels.isa());
            }
            check_sums(kernels, &together, len);
        }
    }
}

#[test]
fn no_rows_are_fine() {
    for kernels in tiers() {
        let norm = LayerNorm { gamma: &[1.0; 3], beta: &[0.0; 3], epsilon: 1e-12 };
        kernels.add_layer_norm(&Team::solo(), &mut [], Some(&[]), norm, Some(&mut QuantizedRows::default()));
    }
}
