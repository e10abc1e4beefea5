//! What the kernel tests share: every tier of this machine, teams with helpers, random values and error bounds.

use std::thread;

use bytemuck::cast_slice_mut;
use nimbert_kernels::{Activation, Buffer, CacheLine, Isa, Kernels, Team, int8_panels_len, zeroed};

/// u, the unit roundoff of f32: a correctly rounded operation has a relative error of at most u.
pub(crate) const U: f64 = 1.0 / (1 << 24) as f64;

/// γₙ = n·u / (1 - n·u) bounds the relative error of n roundings in a row (Higham, *Accuracy and Stability of
/// Numerical Algorithms*, lemma 3.1).
pub(crate) fn gamma(n: usize) -> f64 {
    n as f64 * U / (1.0 - n as f64 * U)
}

/// The smallest normal f32: below it, rounding is no longer relative.
pub(crate) const TINY: f64 = f32::MIN_POSITIVE as f64;

/// The kernels of every tier that this machine has.
pub(crate) fn tiers() -> Vec<Kernels> {
    Isa::available().into_iter().map(Kernels::new).collect()
}

/// Scratch that others have left what is no number in.
pub(crate) fn used(len: usize) -> Buffer<f32> {
    let mut scratch = Buffer::default();
    scratch.grow(len);
    scratch.fill(f32::NAN);
    scratch
}

/// Calls `lead` with a team of `threads`, helpers included.
pub(crate) fn with_team<R>(threads: usize, lead: impl FnOnce(&Team) -> R) -> R {
    /// Sends the helpers home, also when an assertion fails: the scope waits for them.
    struct Finish<'a>(&'a Team);
    impl Drop for Finish<'_> {
        fn drop(&mut self) {
            self.0.finish();
        }
    }
    let team = Team::new(threads);
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| team.help());
        }
        let _finish = Finish(&team);
        lead(&team)
    })
}

/// splitmix64: small, and the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    /// From -1 up to, without, 1.
    pub(crate) fn value(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub(crate) fn values(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.value()).collect()
    }

    /// From -127 to 127.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<i8> {
        (0..len).map(|_| (self.below(255) as i32 - 127) as i8).collect()
    }
}

/// Asserts that two results are the same, bit for bit, and says where they are not.
#[track_caller]
pub(crate) fn assert_same_bits(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}: length");
    for (i, (a, b)) in got.iter().zip(expected).enumerate() {
        assert_eq!(a.to_bits(), b.to_bits(), "{what}: value {i} is {a:e}, expected {b:e}");
    }
}

/// Holds errors against bounds and remembers which came closest.
pub(crate) struct Bounds {
    name: &'static str,
    quiet: bool,
    share: f64,
    error: f64,
    bound: f64,
}

impl Bounds {
    /// `cargo test -- --nocapture` shows how much room there is.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, quiet: false, share: 0.0, error: 0.0, bound: 0.0 }
    }

    /// Without the line at the end.
    pub(crate) fn quiet(name: &'static str) -> Self {
        Self { name, quiet: true, share: 0.0, error: 0.0, bound: 0.0 }
    }

    #[track_caller]
    pub(crate) fn check(&mut self, got: f32, expected: f64, bound: f64, what: impl FnOnce() -> String) {
        let error = (f64::from(got) - expected).abs();
        // Written so that a NaN fails.
        let inside = error <= bound;
        assert!(
            inside,
            "{}, {}: {got:e}, expected {expected:e}, error {error:e} > {bound:e}",
            self.name,
            what()
        );
        if error > self.share * bound {
            (self.share, self.error, self.bound) = (error / bound, error, bound);
        }
    }
}

impl Drop for Bounds {
    fn drop(&mut self) {
        let Self { name, quiet, share, error, bound } = self;
        if !*quiet {
            eprintln!(
                "{name}: closest error {error:.2e} of the {bound:.2e} allowed ({:.0} %)",
                100.0 * *share
            );
        }
    }
}

/// How far the activation's own computation may be from the true value at `x`.
///
/// - Gelu: 7e-7 where its polynomial works; beyond that erf is ±1 and one rounding of the result is left.
/// - Tanh: 1 - 2/(e^2x + 1) has 2 ulp of e^2x, at most half of them in the quotient, and three roundings of values up
///   to 1 and 2: 3e-7 in all.
/// - GeluTanh: x/2 times the error of tanh, where the argument's four roundings (the constant's too) weigh at most
///   max |y·tanh'(y)| = 0.45; beyond |x| = 6 tanh is ±1 exactly. One rounding of the result; it may underflow.
pub(crate) fn activation_bound(x: f64, activation: Activation) -> f64 {
    match activation {
        Activation::Identity | Activation::Relu => 0.0,
        Activation::Gelu => 7e-7_f64.max(U * x.abs()),
        Activation::GeluTanh => x.abs().min(6.0) / 2.0 * (3e-7 + 0.45 * gamma(4)) + U * x.abs() + TINY,
        Activation::Tanh => 3e-7,
    }
}

/// [`activation_bound`] of an int8 product, whose GELU has a shorter polynomial: its output is rounded to eight bits next.
pub(crate) fn activation_bound_int8(x: f64, activation: Activation) -> f64 {
    match activation {
        Activation::Gelu => 3e-5_f64.max(U * x.abs()),
        other => activation_bound(x, other),
    }
}

/// The largest derivative of an activation: how much it can magnify the error of its argument. GELU's (both) is
/// 1.129, near x = √2.
pub(crate) fn steepness(activation: Activation) -> f64 {
    match activation {
        Activation::Gelu | Activation::GeluTanh => 1.13,
        _ => 1.0,
    }
}

/// Panels of weights given as bytes, `[n, k]`, written from the layout's definition and not by the library:
/// `[⌈n/32⌉][⌈k/4⌉][32][4]`, each byte w + 128, zero elsewhere.
pub(crate) fn int8_panels(weights: &[i8], n: usize, k: usize) -> Vec<CacheLine> {
    let mut lines = zeroed::<u8>(int8_panels_len(n, k));
    let bytes: &mut [u8] = cast_slice_mut(&mut lines);
    for column in 0..n {
        for p in 0..k {
            let at = ((column / 32 * k.div_ceil(4) + p / 4) * 32 + column % 32) * 4 + p % 4;
            bytes[at] = (i32::from(weights[column * k + p]) + 128) as u8;
        }
    }
    lines
}

/// A block inside a larger piece of memory that holds one strange value: what must stay untouched is checked.
pub(crate) struct Framed {
    memory: Vec<f32>,
    rows: usize,
    columns: usize,
    stride: usize,
}

impl Framed {
    const BEFORE: usize = 5;
    const AFTER: usize = 70;
    const STRANGE: u32 = 0x7fc0_dead;

    pub(crate) fn new(rows: usize, columns: usize, stride: usize) -> Self {
        let len = if rows == 0 { 0 } else { (rows - 1) * stride + columns };
        let memory = vec![f32::from_bits(Self::STRANGE); Self::BEFORE + len + Self::AFTER];
        Self { memory, rows, columns, stride }
    }

    /// From the block's first value to the end of the memory.
    pub(crate) fn target(&mut self) -> &mut [f32] {
        &mut self.memory[Self::BEFORE..]
    }

    /// The block's values, row after row.
    ///
    /// # Panics
    /// When anything outside the block was written, or anything in it was not.
    #[track_caller]
    pub(crate) fn take(self) -> Vec<f32> {
        let mut block = Vec::new();
        for (i, value) in self.memory.iter().enumerate() {
            let inside = i.checked_sub(Self::BEFORE).is_some_and(|at| {
                self.stride > 0 && at / self.stride < self.rows && at % self.stride < self.columns
            });
            assert_eq!(
                inside,
                value.to_bits() != Self::STRANGE,
                "value {i} of {} rows of {} at stride {}",
                self.rows,
                self.columns,
                self.stride
            );
            if inside {
                block.push(*value);
            }
        }
        block
    }
}
