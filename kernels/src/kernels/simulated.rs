//! A forward on more cores than are here: its phases, in time that is computed instead of waited for.
//!
//! What is real: how products are cut ([`Grid`]) and how threads claim parts of a phase ([`Shares`]). What is assumed: how long
//! each operation takes on one thread, as `nimbert bench --profile` has it, what a claim and a phase cost, and cores that do not
//! slow each other. So it says what the cutting and the sharing lose, and nothing of memory, caches and clocks.

use super::{matmul::Grid, rows::least_rows};
use crate::team::shares::Shares;

/// Microseconds until a helper has seen that a phase is open, and until the leader has seen that all are done.
const JOIN: f64 = 0.4;
/// Microseconds of a claim: a cache line that another core had.
const CLAIM: f64 = 0.15;

/// An operation of a layer: its microseconds on one thread, and the least units that are worth a claim.
struct Phase {
    micros: f64,
    units: usize,
    least: usize,
}

/// What a forward of bert-base-chinese in int8 takes, milliseconds of all layers on one thread: `nimbert bench --profile
/// --precision int8 --preset bert-base-chinese --threads 1` on `avx512-vnni`.
struct Profile {
    texts: usize,
    tokens: usize,
    quantize: f64,
    qkv: f64,
    attention: f64,
    attention_output: f64,
    intermediate: f64,
    output: f64,
    add_layer_norm: f64,
}

const LAYERS: f64 = 12.0;

impl Profile {
    fn phases(&self, threads: usize) -> Vec<Phase> {
        let m = self.texts * self.tokens;
        let product = |millis: f64, n: usize, k: usize| Phase {
            micros: 1e3 * millis / LAYERS,
            units: Grid::new(m, n, k, 1, threads).units(),
            least: 1,
        };
        let rows = |millis: f64, len: usize| Phase {
            micros: 1e3 * millis / LAYERS,
            units: m,
            least: least_rows(len),
        };
        vec![
            product(self.qkv, 3 * 768, 768),
            Phase { micros: 1e3 * self.attention / LAYERS, units: self.texts * 12, least: 1 },
            rows(self.quantize / 5.0, 768),
            product(self.attention_output, 768, 768),
            rows(self.add_layer_norm / 2.0, 768),
            product(self.intermediate, 4 * 768, 768),
            rows(self.quantize * 4.0 / 5.0, 4 * 768),
            product(self.output, 768, 4 * 768),
            rows(self.add_layer_norm / 2.0, 768),
        ]
    }

    /// Microseconds of a layer on cores of these speeds, the leader's first.
    fn layer(&self, speeds: &[f64]) -> f64 {
        self.phases(speeds.len()).iter().map(|phase| phase.on(speeds)).sum()
    }

    /// How many times as fast as one core of speed 1.
    fn gain(&self, speeds: &[f64]) -> f64 {
        self.layer(&[1.0]) / self.layer(speeds)
    }
}

impl Phase {
    fn on(&self, speeds: &[f64]) -> f64 {
        let Self { micros, units, least } = *self;
        if speeds.len() == 1 || units <= least {
            return micros / speeds[0];
        }
        let shares = Shares::new(speeds.len());
        shares.deal(units);
        let mut free: Vec<f64> =
            (0..speeds.len()).map(|worker| if worker == 0 { 0.0 } else { JOIN }).collect();
        // Whoever is free first claims first; who finds nothing is done.
        let mut at_work: Vec<usize> = (0..speeds.len()).collect();
        while let Some(place) =
            (0..at_work.len()).min_by(|&a, &b| free[at_work[a]].total_cmp(&free[at_work[b]]))
        {
            let worker = at_work[place];
            match shares.claim(worker, least) {
                Some(claimed) => {
                    free[worker] += CLAIM + micros * claimed.len() as f64 / units as f64 / speeds[worker];
                }
                None => {
                    at_work.swap_remove(place);
                }
            }
        }
        free.into_iter().fold(0.0, f64::max) + JOIN
    }
}

#[rustfmt::skip]
const PROFILES: [Profile; 4] = [
    Profile { texts: 1, tokens: 8, quantize: 0.126, qkv: 1.88, attention: 0.245, attention_output: 0.636, intermediate: 2.554, output: 2.452, add_layer_norm: 0.109 },
    Profile { texts: 1, tokens: 32, quantize: 0.431, qkv: 3.35, attention: 0.686, attention_output: 1.104, intermediate: 4.546, output: 4.277, add_layer_norm: 0.342 },
    Profile { texts: 1, tokens: 128, quantize: 2.037, qkv: 14.224, attention: 5.503, attention_output: 4.569, intermediate: 18.981, output: 17.208, add_layer_norm: 1.401 },
    Profile { texts: 16, tokens: 32, quantize: 8.413, qkv: 57.534, attention: 12.907, attention_output: 18.436, intermediate: 77.125, output: 69.875, add_layer_norm: 5.67 },
];

/// 8 cores are seven times one and more. What is lost is the last unit of each phase, and most of it where a core is half as fast as
/// the others: its first claim is half of its share, and takes as long as the whole one was to.
#[test]
fn more_cores_gain_what_the_cutting_leaves() {
    println!(
        "{:<7} {:>6} {:>6} {:>6} {:>6} {:>14} {:>14}",
        "shape", "2", "3", "4", "8", "2, one a tenth", "4, one half"
    );
    println!("{:>52} {:>14}", "slower", "taken away");
    for profile in &PROFILES {
        let gain = |speeds: &[f64]| profile.gain(speeds);
        let even = [2, 3, 4, 8].map(|threads| gain(&vec![1.0; threads]));
        let (slower, taken) = (gain(&[1.0, 0.9]), gain(&[1.0, 1.0, 1.0, 0.5]));
        let shape = format!("{}x{}", profile.texts, profile.tokens);
        println!(
            "{shape:<7} {:>6.2} {:>6.2} {:>6.2} {:>6.2} {slower:>14.2} {taken:>14.2}",
            even[0], even[1], even[2], even[3]
        );
        for (gain, least) in even.into_iter().zip([1.9, 2.8, 3.6, 6.5]) {
            assert!(gain >= least, "{shape}: {gain:.2}");
        }
        // More threads are never worse.
        assert!(
            even.is_sorted() && slower >= 0.9 * 1.9 && taken >= 0.7 * 3.5,
            "{shape}: {slower:.2}, {taken:.2}"
        );
    }
}
