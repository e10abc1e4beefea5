//! What this machine allows: the rates that no product can exceed, measured.

use std::time::Instant;

use crate::{Kernels, Team};

/// A number type that products are computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// 32-bit floats.
    F32,
    /// 16-bit floats where the machine has arithmetic for them, else 32-bit ones.
    F16,
    /// Bytes, summed in 32 bits.
    Int8,
    /// What attention that may be in half precision is computed in ([`crate::Attention::half`]).
    HalfAttention,
}

/// Measurements, of which the best counts: others were disturbed.
const ROUNDS: usize = 12;

impl Kernels {
    /// Operations a second of all threads of the team, a multiply-add being two, with operands and sums in registers.
    /// Takes some 10 ms.
    pub fn peak(&self, team: &Team, arithmetic: Arithmetic) -> f64 {
        /// Of the inner loop: some 200 µs.
        const STEPS: usize = 50_000;
        let limit = match (arithmetic, self.table.half) {
            (Arithmetic::Int8, _) => self.table.limit_int8,
            (Arithmetic::HalfAttention, _) => self.table.limit_attention,
            (Arithmetic::F16, Some(half)) => half.limit,
            (Arithmetic::F16 | Arithmetic::F32, _) => self.table.limit_f32,
        };
        let tasks = 4 * team.threads();
        // SAFETY: the tier is available.
        let operations = tasks * unsafe { limit(STEPS) };
        best_rate(operations, || {
            team.run(tasks, 1, |_, tasks| {
                for _ in tasks {
                    // SAFETY: as above.
                    unsafe { limit(STEPS) };
                }
            });
        })
    }

    /// Bytes a second at which the team reads all of `parts` once from wherever they are.
    pub fn read_rate(&self, team: &Team, parts: &[&[u8]]) -> f64 {
        let bytes: usize = parts.iter().map(|part| part.len() / 64 * 64).sum();
        // Asked for a page ahead, or as the hardware does it by itself: processors differ in which is faster.
        let rate = |ahead| {
            best_rate(bytes, || {
                team.run(parts.len(), 1, |_, units| {
                    for part in &parts[units] {
                        let lines = part.len() / 64;
                        // SAFETY: the tier is available; the part has so many whole lines.
                        std::hint::black_box(unsafe { (self.table.read)(part.as_ptr(), lines, ahead) });
                    }
                });
            })
        };
        rate(0).max(rate(4096))
    }
}

/// `amount` a second of the fastest of some calls.
fn best_rate(amount: usize, work: impl Fn()) -> f64 {
    let seconds = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    amount as f64 / (0..ROUNDS).map(seconds).fold(f64::INFINITY, f64::min)
}
