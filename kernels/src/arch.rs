//! The instruction sets: thin, private modules, and one table of functions for each tier.

use std::ops::Range;

use crate::{
    Isa,
    generic::{attention, matmul_float, matmul_half, matmul_int8, rows},
};

pub(crate) mod portable;
#[cfg(target_arch = "aarch64")]
mod aarch64 {
    pub(super) mod fp16;
    pub(super) mod neon;
}
#[cfg(target_arch = "x86_64")]
mod x86_64 {
    pub(super) mod amx;
    pub(super) mod avx2;
    pub(super) mod avx512;
    pub(super) mod avx512fp16;
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::amx::is_permitted as amx_is_permitted;

/// A product in half precision, and how its left side is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Half {
    /// Rows of the tallest tile.
    pub(crate) rows: usize,
    pub(crate) halve: unsafe fn(usize, *const f32, *mut u16, usize) -> f32,
    pub(crate) matmul: unsafe fn(&matmul_half::Args),
    pub(crate) limit: unsafe fn(usize) -> usize,
}

/// The entry points of one tier. Safe to call where the tier is available, under each function's own contract.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) matmul_f32: unsafe fn(&matmul_float::Args, *const f32),
    /// Weights in halves, everything else in f32; and room for a panel in f32.
    pub(crate) matmul_f16: unsafe fn(&matmul_float::Args, *const u16, *mut f32),
    /// Both operands in halves, where there is arithmetic for it.
    pub(crate) half: Option<Half>,
    pub(crate) matmul_int8: unsafe fn(&matmul_int8::Args),
    /// Of the left side of `matmul_int8`, as `quantize` writes it.
    pub(crate) int8_order: matmul_int8::Order,
    /// Says whether the results are finite, and `attention_half` whether they are near enough.
    pub(crate) attention: unsafe fn(&attention::Args) -> bool,
    /// In half precision, bfloat16 or integers, where there is arithmetic for it.
    pub(crate) attention_half: unsafe fn(&attention::Args) -> bool,
    pub(crate) add_layer_norm: unsafe fn(&rows::LayerNormArgs, Range<usize>),
    pub(crate) quantize: unsafe fn(&rows::QuantizeArgs, Range<usize>),
    /// Arithmetic and nothing else, for so many steps; they return the operations done.
    pub(crate) limit_f32: unsafe fn(usize) -> usize,
    pub(crate) limit_int8: unsafe fn(usize) -> usize,
    /// That of `attention_half`.
    pub(crate) limit_attention: unsafe fn(usize) -> usize,
    /// Reads so many cache lines, asking for them so many bytes ahead.
    pub(crate) read: unsafe fn(*const u8, usize, usize) -> u64,
}

/// One function of a table: a generic one, compiled with a tier's features.
macro_rules! entry {
    ([$($features:literal)?] $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?, $generic:expr) => {
        // SAFETY: callers of a table vouch for the processor and for the arguments.
        $(#[target_feature(enable = $features)])?
        unsafe fn $name($($arg: $type),*) $(-> $result)? {
            // SAFETY: as above.
            unsafe { $generic($($arg),*) }
        }
    };
}

/// A table with all functions for one set of features.
macro_rules! table {
    ($name:ident, $simd:ty, $features:tt) => {
        pub(in crate::arch) const $name: crate::arch::Table = {
            use std::ops::Range;

            use crate::generic::{attention, limits, matmul_float, matmul_int8, rows};
            entry!($features matmul_f32(args: &matmul_float::Args, rhs: *const f32), matmul_float::run::<$simd, $simd>);
            entry!($features matmul_f16(args: &matmul_float::Args, rhs: *const u16, room: *mut f32),
                |args, rhs, room| matmul_float::run_halves::<$simd>(args, rhs, room, matmul_f32));
            entry!($features matmul_int8(args: &matmul_int8::Args), matmul_int8::run::<$simd, 2>);
            entry!($features attention(args: &attention::Args) -> bool, attention::run::<$simd, 2>);
            entry!($features
                add_layer_norm(args: &rows::LayerNormArgs, rows: Range<usize>), rows::add_layer_norm::<$simd>);
            entry!($features quantize(args: &rows::QuantizeArgs, rows: Range<usize>), rows::quantize::<$simd>);
            entry!($features limit_f32(steps: usize) -> usize, |steps| limits::multiply_add::<$simd>(steps, 1.0));
            entry!($features limit_int8(steps: usize) -> usize, limits::dot::<$simd>);
            entry!($features read(from: *const u8, lines: usize, ahead: usize) -> u64, limits::read);
            crate::arch::Table {
                matmul_f32, matmul_f16, half: None, matmul_int8,
                int8_order: matmul_int8::Order::of::<$simd>(), attention, attention_half: attention, add_layer_norm,
                quantize, limit_f32, limit_int8, limit_attention: limit_f32, read,
            }
        };
    };
}

mod tables {
    use super::portable::Portable;
    table!(PORTABLE, Portable, []);

    #[cfg(target_arch = "aarch64")]
    pub(in crate::arch) use aarch64::*;
    #[cfg(target_arch = "aarch64")]
    mod aarch64 {
        use std::ops::Range;

        use super::super::{
            Half, Table,
            aarch64::{
                fp16::Fp16,
                neon::{DotProd, I8mm, Neon},
            },
        };
        use crate::generic::{attention, limits, matmul_half, matmul_int8, rows};

        mod base {
            use super::*;
            table!(NEON, Neon, ["neon"]);
        }

        pub(in crate::arch) use base::NEON;

        pub(in crate::arch) const NEON_DOTPROD: Table = {
            entry!(["neon,dotprod"] int8(args: &matmul_int8::Args), matmul_int8::run::<DotProd, 2>);
            entry!(["neon,dotprod"] limit(steps: usize) -> usize, limits::dot::<DotProd>);
            Table { matmul_int8: int8, limit_int8: limit, ..NEON }
        };
        pub(in crate::arch) const NEON_FP16: Table = {
            entry!(["neon,fp16"] attention(args: &attention::Args) -> bool, attention::run::<Fp16, 2>);
            entry!(["neon,fp16"] matmul(args: &matmul_half::Args), matmul_half::run::<Fp16, 2>);
            entry!(["neon,fp16"]
                halve(len: usize, x: *const f32, out: *mut u16, stride: usize) -> f32, matmul_half::halve::<Fp16>);
            entry!(["neon,fp16"] limit(steps: usize) -> usize, |steps| limits::multiply_add::<Fp16>(steps, ONE));
            /// 1 in half precision.
            const ONE: u16 = 0x3c00;
            Table {
                attention_half: attention,
                limit_attention: limit,
                half: Some(Half { rows: <Fp16 as attention::Attend>::ROWS, halve, matmul, limit }),
                ..NEON_DOTPROD
            }
        };
        pub(in crate::arch) const NEON_I8MM: Table = {
            entry!(["neon,i8mm"] int8(args: &matmul_int8::Args), matmul_int8::run::<I8mm, 1>);
            entry!(["neon,i8mm"]
                quantize(args: &rows::QuantizeArgs, rows: Range<usize>), rows::quantize::<I8mm>);
            entry!(["neon,i8mm"] limit(steps: usize) -> usize, limits::dot::<I8mm>);
            Table {
                matmul_int8: int8,
                int8_order: matmul_int8::Order::of::<I8mm>(),
                quantize,
                limit_int8: limit,
                ..NEON_FP16
            }
        };
    }

    #[cfg(target_arch = "x86_64")]
    pub(in crate::arch) use x86_64::*;
    #[cfg(target_arch = "x86_64")]
    mod x86_64 {
        use super::super::{
            Half, Table,
            x86_64::{
                amx,
                avx2::{self, Avx2},
                avx512::{self, Avx512},
                avx512fp16::Fp16,
            },
        };
        use crate::generic::{attention, attention_int8, limits, matmul_half, matmul_int8};

        mod base {
            use super::*;
            table!(AVX2, Avx2, ["avx2,fma,f16c"]);
            table!(AVX512, Avx512, ["avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq"]);
        }

        pub(in crate::arch) use base::{AVX2, AVX512};

        pub(in crate::arch) const AVX_VNNI: Table = {
            entry!(["avx2,fma,f16c,avxvnni"] int8(args: &matmul_int8::Args), matmul_int8::run::<avx2::Vnni, 2>);
            entry!(["avx2,fma,f16c,avxvnni"] limit(steps: usize) -> usize, limits::dot::<avx2::Vnni>);
            Table { matmul_int8: int8, limit_int8: limit, ..AVX2 }
        };
        pub(in crate::arch) const AVX512_VNNI: Table = {
            entry!(["avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"]
                int8(args: &matmul_int8::Args), matmul_int8::run::<avx512::Vnni, 2>);
            entry!(["avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"]
                limit(steps: usize) -> usize, limits::dot::<avx512::Vnni>);
            entry!(["avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"]
                attention(args: &attention::Args) -> bool, attention_int8::run::<avx512::Vnni>);
            entry!(["avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"]
                limit_attention(steps: usize) -> usize, limits::dot_bytes_and_pairs::<avx512::Vnni>);
            Table {
                matmul_int8: int8,
                attention_half: attention,
                limit_int8: limit,
                limit_attention,
                ..AVX512
            }
        };
        pub(in crate::arch) const AVX512_FP16: Table = {
            entry!(["avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512fp16"]
                attention(args: &attention::Args) -> bool, attention::run::<Fp16, 1>);
            entry!(["avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512fp16"]
                matmul(args: &matmul_half::Args), matmul_half::run::<Fp16, 1>);
            entry!(["avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512fp16"]
                halve(len: usize, x: *const f32, out: *mut u16, stride: usize) -> f32, matmul_half::halve::<Fp16>);
            entry!(["avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512fp16"]
                limit(steps: usize) -> usize, |steps| limits::multiply_add::<Fp16>(steps, ONE));
            /// 1 in half precision.
            const ONE: u16 = 0x3c00;
            Table {
                attention_half: attention,
                limit_attention: limit,
                half: Some(Half { rows: <Fp16 as attention::Attend>::ROWS, halve, matmul, limit }),
                ..AVX512_VNNI
            }
        };
        pub(in crate::arch) const AVX512_AMX: Table = {
            entry!(["avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"]
                int8(args: &matmul_int8::Args), amx::matmul::run);
            entry!(["avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512fp16"]
                attention(args: &attention::Args) -> bool, amx::attention::run);
            Table {
                matmul_int8: int8,
                attention_half: attention,
                limit_int8: amx::limit_int8,
                limit_attention: amx::limit_bf16,
                ..AVX512_FP16
            }
        };
    }
}

/// The table of a tier. Only to be used where the tier is available.
pub(crate) fn table(isa: Isa) -> &'static Table {
    match isa {
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => &tables::NEON,
        #[cfg(target_arch = "aarch64")]
        Isa::NeonDotprod => &tables::NEON_DOTPROD,
        #[cfg(target_arch = "aarch64")]
        Isa::NeonFp16 => &tables::NEON_FP16,
        #[cfg(target_arch = "aarch64")]
        Isa::NeonI8mm => &tables::NEON_I8MM,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &tables::AVX2,
        #[cfg(target_arch = "x86_64")]
        Isa::AvxVnni => &tables::AVX_VNNI,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &tables::AVX512,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => &tables::AVX512_VNNI,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Fp16 => &tables::AVX512_FP16,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Amx => &tables::AVX512_AMX,
        _ => &tables::PORTABLE,
    }
}
