//! The matrix products, attention and row-wise kernels of nimbert.
//!
//! [`Kernels`] is the whole interface: it is made for one instruction set ([`Isa`]), checks every shape and calls the
//! functions of that set. Nothing below it is public. Work is spread over the threads of a [`Team`]; the split never
//! touches an inner dimension, so results have the same bits on any number of threads.
//!
//! ```
//! use nimbert_kernels::{Activation, Isa, Kernels, Output, Panels, Team, pack_f32, pad_to_panels};
//!
//! // Two rows of three values times a matrix of two output rows, as `nn.Linear` has them.
//! let panels = pack_f32(&[1.0, 0.0, 0.0, 0.0, 1.0, 1.0], 2, 3);
//! let bias = pad_to_panels(&[0.5, 0.0]);
//! let mut out = [0.0; 4];
//! let kernels = Kernels::new(Isa::detect());
//! let lhs = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
//! let (rhs, to) = (Panels::f32(&panels, 2, 3), Output::rows(&mut out, 2));
//! kernels.matmul_f32(&Team::solo(), &lhs, rhs, &bias, Activation::Identity, to);
//! assert_eq!(out, [1.5, 5.0, 4.5, 11.0]);
//! ```

#[cfg(target_endian = "big")]
compile_error!(
    "nimbert computes with weights as they lie in their files, which is in little-endian order: no big-endian target"
);

mod aligned;
mod arch;
mod generic;
mod isa;
mod kernels;
mod limits;
mod pack;
mod proof;
mod quantize;
pub mod reference;
mod team;

pub use aligned::{Buffer, CacheLine, aligned_copy, try_zeroed, zeroed};
pub use isa::{Isa, UnknownIsa};
pub use kernels::{
    Activation, Attention, DistanceBias, HalfScratch, Kernels, LayerNorm, Output, QuantizedRows,
};
pub use limits::Arithmetic;
pub use pack::{
    Panels, f32_panels_len, halve_panels, int8_panels_len, pack_f32, pad_to_panels, try_halve_panels,
    try_pack_f32, unpack,
};
pub use proof::Unproven;
pub use quantize::{Int8Panels, Int8Weights, expand_int8, int8_step, int8_steps, pack_int8, try_pack_int8};
pub use team::Team;

/// Output columns in a panel: two registers of AVX-512, four of AVX2, eight of NEON.
pub const PANEL: usize = 32;
