//! Memory that starts on a cache line, so that panels can be read with aligned loads and mapped as they are.

use std::collections::TryReserveError;

use bytemuck::{Pod, Zeroable};

/// 64 bytes on a 64-byte boundary: the unit in which panels are allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct CacheLine(pub [u8; 64]);

/// Zeroed memory for `len` values of `T`, rounded up to whole cache lines. View it with [`bytemuck::cast_slice`].
pub fn zeroed<T: Pod>(len: usize) -> Vec<CacheLine> {
    vec![CacheLine::zeroed(); lines::<T>(len)]
}

/// [`zeroed`], where there may be too little memory.
///
/// # Errors
/// When the system does not give so much.
pub fn try_zeroed<T: Pod>(len: usize) -> Result<Vec<CacheLine>, TryReserveError> {
    let (mut zeroed, len) = (Vec::new(), lines::<T>(len));
    zeroed.try_reserve_exact(len)?;
    zeroed.resize(len, CacheLine::zeroed());
    Ok(zeroed)
}

/// Cache lines that hold `len` values. Saturating: a product that wraps would pass a few bytes off as memory for any number of values.
pub(crate) const fn lines<T>(len: usize) -> usize {
    len.saturating_mul(size_of::<T>()).div_ceil(64)
}

/// A copy of `bytes` that starts on a cache line; the last line is filled up with zeros.
pub fn aligned_copy(bytes: &[u8]) -> Vec<CacheLine> {
    let mut lines = zeroed::<u8>(bytes.len());
    bytemuck::cast_slice_mut(&mut lines)[..bytes.len()].copy_from_slice(bytes);
    lines
}
