//! The measured limits are plausible: no processor is outside, and no product exceeds them by more than noise.

mod common;

use std::time::Instant;

use common::{Random, tiers, with_team};
use nimbert_kernels::{Activation, Arithmetic, Panels, Team, pack_f32, pad_to_panels};

#[test]
fn rates_are_those_of_a_processor() {
    for kernels in tiers() {
        for arithmetic in [Arithmetic::F32, Arithmetic::F16, Arithmetic::Int8, Arithmetic::HalfAttention] {
            let rate = kernels.peak(&Team::solo(), arithmetic);
            // From a 200 MHz core without vectors to four units of 64 bytes at 10 GHz.
            assert!((1e8..1e14).contains(&rate), "{}, {arithmetic:?}: {rate:e}", kernels.isa());
        }
        let memory = vec![1_u8; 1 << 20];
        let (whole, rest) = memory.split_at(1 << 19);
        let rate = with_team(2, |team| kernels.read_rate(team, &[whole, rest]));
        assert!((1e8..1e13).contains(&rate), "{}: {rate:e} bytes a second", kernels.isa());
        assert!(kernels.read_rate(&Team::solo(), &[]) >= 0.0, "nothing to read is no error");
    }
}

/// The peak is what a product of the same tier is measured against: it must not be below the product.
#[test]
fn a_product_is_not_faster_than_the_peak() {
    let (m, n, k) = (96, 256, 512);
    let mut random = Random(5);
    let weights = pack_f32(&random.values(n * k), n, k);
    let (lhs, bias) = (random.values(m * k), pad_to_panels(&vec![0.0; n]));
    for kernels in tiers() {
        let (team, mut out) = (Team::solo(), vec![0.0; m * n]);
        let mut best = f64::INFINITY;
        for _ in 0..20 {
            let start = Instant::now();
            let panels = Panels::f32(&weights, n, k);
            kernels.matmul_f32(&team, &lhs, panels, &bias, Activation::Identity, &mut out, n);
            best = best.min(start.elapsed().as_secs_f64());
        }
        let rate = (2 * m * n * k) as f64 / best;
        // Several measurements: one takes but some milliseconds, in which the core may have been somebody else's.
        let peak = (0..10).map(|_| kernels.peak(&team, Arithmetic::F32)).fold(0.0, f64::max);
        // Half as much again: the clock may have changed between the two.
        assert!(rate < 1.5 * peak, "{}: {rate:e} of {peak:e}", kernels.isa());
    }
}
