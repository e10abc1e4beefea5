//! The elementary functions, seen through the public interface: a product of a 1 with every x on a grid.

use crate::common::*;
use nimbert_kernels::{
    Activation, Attention, Buffer, Kernels, Output, Panels, Team, pack_f32, pad_to_panels, reference,
};

/// `activation` of each value: one row, the 1, times a column for every x.
fn apply(kernels: Kernels, x: &[f32], activation: Activation) -> Vec<f32> {
    let panels = pack_f32(x, x.len(), 1);
    let bias = pad_to_panels(&vec![0.0; x.len()]);
    let mut out = vec![f32::NAN; x.len()];
    let panels = Panels::f32(&panels, x.len(), 1);
    kernels.matmul_f32(&Team::solo(), &[1.0], panels, &bias, activation, Output::rows(&mut out, x.len()));
    out
}

/// From -10 to 10 in steps of 1e-4, and what lies at and around the ends of f32.
fn grid() -> Vec<f32> {
    let dense = (-100_000..=100_000).map(|i| i as f32 * 1e-4);
    let extremes =
        [1e30, f32::MAX, 1e10, 100.0, 44.0, 20.0, 1e-10, 1e-30, f32::MIN_POSITIVE, 1e-40, 1e-45, 0.0];
    dense.chain(extremes).chain(extremes.map(|x| -x)).collect()
}

fn check(activation: Activation, name: &'static str) {
    let mut bounds = Bounds::new(name);
    let x = grid();
    let expected: Vec<f64> = x.iter().map(|&x| reference::activate(f64::from(x), activation)).collect();
    let mut largest = 0.0_f64;
    for kernels in tiers() {
        let got = apply(kernels, &x, activation);
        for ((&x, &got), &expected) in x.iter().zip(&got).zip(&expected) {
            let bound = activation_bound(f64::from(x), activation);
            bounds.check(got, expected, bound, || format!("{} at {x:e}", kernels.isa()));
            if x.abs() <= 10.0 {
                largest = largest.max((f64::from(got) - expected).abs());
            }
        }
    }
    eprintln!("{name}: largest absolute error on [-10, 10]: {largest:.2e}");
}

#[test]
fn gelu_is_within_its_bound() {
    check(Activation::Gelu, "gelu");
}

#[test]
fn gelu_by_tanh_is_within_its_bound() {
    check(Activation::GeluTanh, "gelu by tanh");
}

#[test]
fn tanh_is_within_its_bound() {
    check(Activation::Tanh, "tanh");
}

#[test]
fn what_is_not_a_number_stays_so() {
    use Activation::*;
    for kernels in tiers() {
        for activation in [Identity, Gelu, GeluTanh, Relu, Tanh] {
            let got = apply(kernels, &[1.0, f32::NAN, 2.0], activation);
            let nan: Vec<bool> = got.iter().map(|x| x.is_nan()).collect();
            // A row of the product reads a NaN weight for its own column alone.
            assert_eq!(nan, [false, true, false], "{} {activation:?}", kernels.isa());
        }
    }
}

#[test]
fn relu_and_identity_are_exact() {
    let x = grid();
    for kernels in tiers() {
        assert_eq!(apply(kernels, &x, Activation::Identity), x);
        let relu: Vec<f32> = x.iter().map(|x| x.max(0.0)).collect();
        assert_eq!(apply(kernels, &x, Activation::Relu), relu);
    }
}

/// |gelu(x)| and |gelu by tanh| are at most |x|, tanh is in -1..=1: no approximation error may leave these ranges.
#[test]
fn results_stay_in_their_range() {
    let x = grid();
    for kernels in tiers() {
        for activation in [Activation::Gelu, Activation::GeluTanh] {
            for (x, y) in x.iter().zip(apply(kernels, &x, activation)) {
                assert!(y.abs() <= x.abs(), "{} {activation:?} of {x:e} is {y:e}", kernels.isa());
            }
        }
        for (x, y) in x.iter().zip(apply(kernels, &x, Activation::Tanh)) {
            assert!(y.abs() <= 1.0, "{} tanh of {x:e} is {y:e}", kernels.isa());
        }
    }
}

/// e^x through a softmax of two keys with the scores 0 and x <= 0, and the values 0 and 1: e^x / (1 + e^x).
///
/// The exponent, x·log₂e, is made with four roundings (log₂e, its product with 1/√d, with q, with k), so it is off by 4·u
/// of itself and its power by 4·u·|x|. The power has 2 ulp (four u), the sum and the division round once each, and the
/// sum's error is at most the power's. Below -87.3 the kernel may stop near the smallest normal number.
#[test]
fn exp_is_within_its_bound() {
    let mut bounds = Bounds::new("exp, by softmax");
    let x: Vec<f32> =
        (0..=8_800).map(|i| i as f32 * -0.01).chain([-1e-7, -1e-40, -100.0, -1e4, -1e30]).collect();
    let sequences = x.len();
    let q = vec![1.0; sequences];
    let k: Vec<f32> = x.iter().flat_map(|&x| [0.0, x]).collect();
    let v = [0.0, 1.0].repeat(sequences);
    let cu_queries: Vec<u32> = (0..=sequences as u32).collect();
    let cu_keys: Vec<u32> = (0..=sequences as u32).map(|i| 2 * i).collect();
    let attention = Attention {
        heads: 1,
        head_size: 1,
        q: &q,
        q_stride: 1,
        q_head: 1,
        cu_queries: &cu_queries,
        k: &k,
        v: &v,
        kv_stride: 1,
        kv_head: 1,
        cu_keys: &cu_keys,
        bias: None,
        positions: None,
        half: false,
    };
    for kernels in tiers() {
        let mut out = vec![f32::NAN; sequences];
        kernels.attention(&Team::solo(), &attention, &mut out, &mut Buffer::default());
        for (&x, &got) in x.iter().zip(&out) {
            let e = f64::from(x).exp();
            let expected = e / (1.0 + e);
            if x < -87.3 {
                assert!((0.0..=1.1 * TINY).contains(&f64::from(got)), "{} at {x:e}: {got:e}", kernels.isa());
                continue;
            }
            let bound = expected * (gamma(4 + 4 + 2) + 4.0 * U * f64::from(x.abs()));
            bounds.check(got, expected, bound, || format!("{} at {x:e}", kernels.isa()));
        }
    }
}

/// The oracle's own erf, by published values (DLMF 7; 16 digits): Φ(x) of gelu(x) = x·Φ(x).
#[test]
fn the_oracle_knows_erf() {
    let known = [
        (0.5, 0.520_499_877_813_046_5),
        (1.0, 0.842_700_792_949_714_9),
        (2.0, 0.995_322_265_018_952_7),
        (2.999_999_999_999, 0.999_977_909_503_001_3),
        (3.0, 0.999_977_909_503_001_4),
        (3.5, 0.999_999_256_901_627_6),
        (4.0, 0.999_999_984_582_742_1),
    ];
    for (x, erf) in known {
        for (x, erf) in [(x, erf), (-x, -erf)] {
            let argument = x * std::f64::consts::SQRT_2;
            let got = reference::activate(argument, Activation::Gelu) / (argument / 2.0) - 1.0;
            assert!((got - erf).abs() < 1e-13, "erf({x}) is {got}, expected {erf}");
        }
    }
}
