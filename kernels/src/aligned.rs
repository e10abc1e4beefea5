//! Memory that starts on a cache line, so that panels can be read with aligned loads and mapped as they are.

use std::{
    collections::TryReserveError,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use bytemuck::{Pod, Zeroable, cast_slice, cast_slice_mut};

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
    cast_slice_mut(&mut lines)[..bytes.len()].copy_from_slice(bytes);
    lines
}

/// Numbers to work in, which start on a cache line: a register of 64 bytes that is written to memory of any other start lies in two
/// lines, and takes twice the time.
#[derive(Debug, Clone, Default)]
pub struct Buffer<T> {
    lines: Vec<CacheLine>,
    len: usize,
    of: PhantomData<T>,
}

impl<T: Pod> Buffer<T> {
    /// Makes it at least `len` numbers long. New ones are zero, the others stay. Costs nothing when it is.
    ///
    /// # Errors
    /// When the system does not give so much; what there is stays as it was.
    pub fn try_grow(&mut self, len: usize) -> Result<(), TryReserveError> {
        if self.len < len {
            let needed = lines::<T>(len);
            self.lines.try_reserve(needed.saturating_sub(self.lines.len()))?;
            self.lines.resize(needed, CacheLine::zeroed());
            self.len = len;
        }
        Ok(())
    }

    /// [`Buffer::try_grow`], where there is memory.
    ///
    /// # Panics
    /// When there is none.
    pub fn grow(&mut self, len: usize) {
        self.try_grow(len).expect("memory to work in");
    }
}

impl<T: Pod> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &cast_slice(&self.lines)[..self.len]
    }
}

impl<T: Pod> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut cast_slice_mut(&mut self.lines)[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_grows_from_a_cache_line_on_and_keeps_what_it_has() {
        let mut buffer = Buffer::<f32>::default();
        buffer.grow(3);
        buffer.fill(1.0);
        for len in [2, 3, 17, 1000] {
            buffer.grow(len);
            assert_eq!((buffer.len(), buffer.as_ptr() as usize % 64), (len.max(3), 0));
            assert!(buffer[..3] == [1.0; 3] && buffer[3..].iter().all(|&x| x == 0.0));
        }
        assert!(buffer.try_grow(usize::MAX / 8).is_err() && buffer.len() == 1000);
    }
}
