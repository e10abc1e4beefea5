//! The end of a product's tile, as far as it is known when the tile is compiled.
//!
//! It is chosen once a tile: with a choice at each register, compilers keep the sums in memory, and a forward takes 3 % longer.

use super::simd::Simd;
use crate::{Activation, PANEL};

/// Not for NEON, whose tiles leave no register free: several ends of a tile in one function put its sums on the stack.
pub(crate) const IS_CHOSEN: bool = cfg!(target_arch = "x86_64");

/// What is known.
pub(crate) trait Epilogue {
    /// The activation, and that all columns of the panel are below n; or nothing.
    const KNOWN: Option<Activation>;

    /// The one that is known, else `said`.
    #[inline(always)]
    fn activation(said: Activation) -> Activation {
        match Self::KNOWN {
            Some(known) => known,
            None => said,
        }
    }

    /// Stores a register at `column` of a row of `n` values, as [`store_below`] does.
    ///
    /// # Safety
    /// As there.
    #[inline(always)]
    unsafe fn store<S: Simd>(row: *mut f32, column: usize, n: usize, v: S::F32) {
        // SAFETY: the caller's promise; where something is known the whole register is below n.
        unsafe {
            if Self::KNOWN.is_some() {
                S::store(row.add(column), v);
            } else {
                store_below::<S>(row, column, n, v);
            }
        }
    }
}

pub(crate) struct Plain;
pub(crate) struct Gelu;
pub(crate) struct Any;

impl Epilogue for Plain {
    const KNOWN: Option<Activation> = Some(Activation::Identity);
}

impl Epilogue for Gelu {
    const KNOWN: Option<Activation> = Some(Activation::Gelu);
}

impl Epilogue for Any {
    const KNOWN: Option<Activation> = None;
}

/// Calls a function with the epilogue of `$args`' activation, for a panel of which `$n` columns are there.
macro_rules! by_epilogue {
    ($args:expr, $n:expr, $f:ident $(::<$($t:tt),+>)? ($($arg:expr),*)) => {{
        use crate::generic::epilogue::{Any, Gelu, IS_CHOSEN, Plain};
        match $args.activation {
            crate::Activation::Identity if IS_CHOSEN && $n >= crate::PANEL => $f::<Plain $($(, $t)+)?>($($arg),*),
            crate::Activation::Gelu if IS_CHOSEN && $n >= crate::PANEL => $f::<Gelu $($(, $t)+)?>($($arg),*),
            _ => $f::<Any $($(, $t)+)?>($($arg),*),
        }
    }};
}
pub(crate) use by_epilogue;

/// Stores a register at `column` of a row of `n` values; lanes at `n` and beyond are dropped.
///
/// # Safety
/// As for every function of [`Simd`]; `row` has `n` values.
#[inline(always)]
pub(crate) unsafe fn store_below<S: Simd>(row: *mut f32, column: usize, n: usize, v: S::F32) {
    // SAFETY: a whole register below n goes straight to the row, of another only the lanes below n.
    unsafe {
        if column + S::LANES <= n {
            S::store(row.add(column), v);
        } else if column < n {
            let mut lanes = [0.0; PANEL];
            S::store(lanes.as_mut_ptr(), v);
            row.add(column).copy_from_nonoverlapping(lanes.as_ptr(), n - column);
        }
    }
}
