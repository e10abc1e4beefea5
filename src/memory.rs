//! Memory whose size a model or an input sets: had, or an error, where Rust's own containers would end the process.
//!
//! What is small whatever the files say (names, vectors of a layer, a line of text) is allocated as usual.

use std::collections::TryReserveError;

use nimbert_kernels::{Buffer, CacheLine, try_zeroed};

use crate::error::{Error, Result};

/// Room for `len` values.
pub(crate) fn room<T>(len: usize) -> Result<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|_| lacking::<T>(len))?;
    Ok(values)
}

/// `len` zeros.
pub(crate) fn zeros<T: Copy + Default>(len: usize) -> Result<Vec<T>> {
    let mut values = room(len)?;
    values.resize(len, T::default());
    Ok(values)
}

/// The `len` values of an iterator.
pub(crate) fn collect<T>(len: usize, from: impl Iterator<Item = T>) -> Result<Vec<T>> {
    let mut values = room(len)?;
    values.extend(from.take(len));
    Ok(values)
}

/// A copy that starts on a cache line; the last line is filled up with zeros.
pub(crate) fn aligned_copy(bytes: &[u8]) -> Result<Vec<CacheLine>> {
    let mut lines = try_zeroed::<u8>(bytes.len()).map_err(refused::<u8>(bytes.len()))?;
    bytemuck::cast_slice_mut(&mut lines)[..bytes.len()].copy_from_slice(bytes);
    Ok(lines)
}

/// Makes a buffer at least `len` values long. Costs nothing when it is.
pub(crate) fn grow(buffer: &mut Buffer<f32>, len: usize) -> Result<()> {
    buffer.try_grow(len).map_err(refused::<f32>(len))
}

/// For what allocates itself: `len` values of `T` are not to be had.
pub(crate) fn refused<T>(len: usize) -> impl FnOnce(TryReserveError) -> Error {
    move |_| lacking::<T>(len)
}

fn lacking<T>(len: usize) -> Error {
    Error::Memory { bytes: len.saturating_mul(size_of::<T>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_system_gives_is_an_error_that_says_how_much() {
        let most = usize::MAX / 8;
        for error in [
            room::<f32>(most).unwrap_err(),
            zeros::<f32>(most).unwrap_err(),
            collect(most, std::iter::repeat(0.0_f32)).unwrap_err(),
            grow(&mut Buffer::default(), most).unwrap_err(),
        ] {
            let mib = most.div_ceil(1 << 18);
            let expected = format!("{mib} MiB of memory are needed, more than the system gives");
            assert_eq!(error.to_string(), expected);
        }
        assert!(room::<u64>(usize::MAX).is_err());
    }

    #[test]
    fn there_are_as_many_values_as_asked_for() {
        assert_eq!(collect(2, [1, 2, 3].into_iter()).unwrap(), [1, 2]);
        assert_eq!(zeros::<u8>(2).unwrap(), [0, 0]);
    }
}
