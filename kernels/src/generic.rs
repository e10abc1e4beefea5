//! Each algorithm once, over the traits of [`simd`].

#![cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "other processors have no instruction for some of them")
)]

pub(crate) mod attention;
pub(crate) mod attention_int8;
pub(crate) mod epilogue;
pub(crate) mod limits;
pub(crate) mod math;
pub(crate) mod matmul_float;
pub(crate) mod matmul_half;
pub(crate) mod matmul_int8;
pub(crate) mod output;
pub(crate) mod prefetch;
pub(crate) mod rows;
pub(crate) mod simd;
pub(crate) mod tile;
