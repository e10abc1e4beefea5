//! The instruction sets: thin, private modules, and one table of functions for each tier.

use crate::{
    Isa,
    generic::{attention, matmul_f32, matmul_int8},
};

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86_64 {
    pub(super) mod avx2;
    pub(super) mod avx512;
}

type AddLayerNorm = unsafe fn(usize, *const f32, *const f32, *const f32, *const f32, f32, *mut f32);

/// The entry points of one tier. Safe to call where the tier is available, under each function's own contract.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) matmul_f32: unsafe fn(&matmul_f32::Args),
    pub(crate) matmul_int8: unsafe fn(&matmul_int8::Args),
    pub(crate) attention: unsafe fn(&attention::Args),
    pub(crate) add_layer_norm: AddLayerNorm,
    pub(crate) quantize: unsafe fn(usize, *const f32, *mut i8) -> (f32, i32),
}

/// A tier's table: the generic functions, compiled with the tier's features.
macro_rules! table {
    ($name:ident, $simd:ty, $dot:ty $(, $features:literal)?) => {
        pub(super) static $name: super::Table = {
            use crate::generic;
            // SAFETY (all five): callers of the table vouch for the processor and for the arguments.
            $(#[target_feature(enable = $features)])?
            unsafe fn matmul_f32(args: &generic::matmul_f32::Args) {
                // SAFETY: as above.
                unsafe { generic::matmul_f32::run::<$simd>(args) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn matmul_int8(args: &generic::matmul_int8::Args) {
                // SAFETY: as above.
                unsafe { generic::matmul_int8::run::<$dot>(args) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn attention(args: &generic::attention::Args) {
                // SAFETY: as above.
                unsafe { generic::attention::run::<$simd, 2>(args) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn add_layer_norm(
                len: usize, x: *const f32, residual: *const f32, gamma: *const f32, beta: *const f32, epsilon: f32,
                out: *mut f32,
            ) {
                // SAFETY: as above.
                unsafe { generic::rows::add_layer_norm::<$simd>(len, x, residual, gamma, beta, epsilon, out) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn quantize(len: usize, x: *const f32, out: *mut i8) -> (f32, i32) {
                // SAFETY: as above.
                unsafe { generic::rows::quantize::<$simd>(len, x, out) }
            }
            super::Table { matmul_f32, matmul_int8, attention, add_layer_norm, quantize }
        };
    };
}

mod tables {
    use super::portable::Portable;
    table!(PORTABLE, Portable, Portable);

    #[cfg(target_arch = "x86_64")]
    use super::x86_64::{
        avx2::{self, Avx2},
        avx512::{self, Avx512},
    };
    #[cfg(target_arch = "x86_64")]
    table!(AVX2, Avx2, Avx2, "avx2,fma,f16c");
    #[cfg(target_arch = "x86_64")]
    table!(AVX_VNNI, Avx2, avx2::Vnni, "avx2,fma,f16c,avxvnni");
    #[cfg(target_arch = "x86_64")]
    table!(AVX512, Avx512, Avx512, "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq");
    #[cfg(target_arch = "x86_64")]
    table!(AVX512_VNNI, Avx512, avx512::Vnni, "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni");
}

/// The table of a tier. Only to be used where the tier is available.
pub(crate) fn table(isa: Isa) -> &'static Table {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &tables::AVX2,
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni => &tables::AVX_VNNI,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &tables::AVX512,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni | Isa::Avx512Fp16 => &tables::AVX512_VNNI,
        _ => &tables::PORTABLE,
    }
}
