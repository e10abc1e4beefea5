//! The safe interface: shapes are asserted here, and work is cut into blocks for the threads of a [`crate::Team`].

use crate::{
    Isa,
    arch::{self, Table},
};

mod attention;
mod distance_bias;
mod matmul;
mod operands;
mod output;
mod rows;
#[cfg(test)]
mod simulated;

pub use attention::Attention;
pub use distance_bias::DistanceBias;
pub use operands::{HalfScratch, QuantizedRows};
pub use output::Output;
pub use rows::LayerNorm;

/// What is applied to each value of a product after its bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// x·Φ(x), by erf.
    Gelu,
    /// GELU's approximation by tanh.
    GeluTanh,
    /// max(x, 0).
    Relu,
    /// The hyperbolic tangent.
    Tanh,
}

/// The kernels of one instruction set.
#[derive(Debug, Clone, Copy)]
pub struct Kernels {
    pub(crate) isa: Isa,
    pub(crate) table: &'static Table,
}

/// A pointer that several threads use for parts of their own.
#[derive(Clone, Copy)]
struct Shared<T>(*mut T);

// SAFETY: whoever dereferences it says why no two threads touch the same values.
unsafe impl<T: Send> Sync for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shared<T> {}

impl<T> Shared<T> {
    fn at(&self, offset: usize) -> *mut T {
        self.0.wrapping_add(offset)
    }
}

/// Asserts that `len` values hold `rows` rows of `columns` values, `stride` apart.
fn check(what: &str, len: usize, rows: usize, columns: usize, stride: usize) {
    assert!(columns <= stride || rows <= 1, "{what}: rows of {columns} overlap at stride {stride}");
    // Checked: a product that wraps would let a hostile stride through to the raw pointers.
    let needed = match rows {
        0 => Some(0),
        _ => (rows - 1).checked_mul(stride).and_then(|last| last.checked_add(columns)),
    };
    assert!(
        needed.is_some_and(|needed| len >= needed),
        "{what}: {len} values for {rows} rows of {columns} at stride {stride}"
    );
}

impl Kernels {
    /// The kernels of `isa`.
    ///
    /// # Panics
    /// When this machine lacks it.
    pub fn new(isa: Isa) -> Self {
        assert!(isa.is_available(), "this machine cannot run {isa}");
        Self { isa, table: arch::table(isa) }
    }

    /// The instruction set in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }
}
