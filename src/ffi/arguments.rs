//! From pointers to references: what can be checked of a pointer is checked here, and its name is in the error.

use std::{
    ffi::{CStr, c_char},
    fmt::Display,
    path::Path,
};

use super::status::{Failure, Status};

/// The most bytes that anything in memory can have.
const MOST: usize = isize::MAX as usize;

/// # Safety
/// `pointer` is NULL or valid while the reference lives.
pub(super) unsafe fn reference<'a, T>(name: impl Display, pointer: *const T) -> Result<&'a T, Failure> {
    check(name, pointer, 1)?;
    // SAFETY: not NULL, aligned, and valid as the caller promises.
    Ok(unsafe { &*pointer })
}

/// `len` values to read. NULL will do for none.
///
/// # Safety
/// `pointer` is NULL or points to `len` values that nobody writes while the slice lives.
pub(super) unsafe fn slice<'a, T>(
    name: impl Display,
    pointer: *const T,
    len: usize,
) -> Result<&'a [T], Failure> {
    if len == 0 {
        return Ok(&[]);
    }
    check(name, pointer, len)?;
    // SAFETY: not NULL, aligned, of a possible size, and valid as the caller promises.
    Ok(unsafe { std::slice::from_raw_parts(pointer, len) })
}

/// `len` values to write, all zero at first: what a program hands in need not be initialized. `None` for NULL.
///
/// # Safety
/// `pointer` is NULL or points to `len` values that nobody else uses while the slice lives; zero bytes are a `T`.
pub(super) unsafe fn buffer<'a, T: bytemuck::Zeroable>(
    name: impl Display,
    pointer: *mut T,
    len: usize,
) -> Result<Option<&'a mut [T]>, Failure> {
    if pointer.is_null() {
        return Ok(None);
    }
    check(name, pointer, len)?;
    // SAFETY: not NULL, aligned, of a possible size, and valid as the caller promises; zeros are a value of the type.
    Ok(Some(unsafe {
        pointer.write_bytes(0, len);
        std::slice::from_raw_parts_mut(pointer, len)
    }))
}

/// Writes a single value.
///
/// # Safety
/// `pointer` is NULL or valid.
pub(super) unsafe fn out<T>(name: impl Display, pointer: *mut T, value: T) -> Result<(), Failure> {
    check(name, pointer, 1)?;
    // SAFETY: not NULL, aligned, and valid as the caller promises.
    unsafe { pointer.write(value) };
    Ok(())
}

/// A string that ends with a NUL.
///
/// # Safety
/// `pointer` is NULL or such a string, that nobody writes while it is used.
pub(super) unsafe fn c_str<'a>(name: impl Display, pointer: *const c_char) -> Result<&'a CStr, Failure> {
    check(name, pointer, 1)?;
    // SAFETY: not NULL, and a string as the caller promises.
    Ok(unsafe { CStr::from_ptr(pointer) })
}

/// A text of `length` bytes, or up to its NUL.
///
/// # Safety
/// `pointer` is NULL or points to that many bytes, or a string, that nobody writes while it is used.
pub(super) unsafe fn text<'a>(
    name: impl Display + Copy,
    pointer: *const c_char,
    length: Option<usize>,
) -> Result<&'a str, Failure> {
    // SAFETY: as the caller promises.
    let bytes = unsafe {
        match length {
            Some(length) => slice(name, pointer.cast::<u8>(), length)?,
            None => c_str(name, pointer)?.to_bytes(),
        }
    };
    std::str::from_utf8(bytes).map_err(|error| {
        let reason = format!("{name}: not UTF-8 at byte {}", error.valid_up_to());
        Failure::new(Status::Utf8, reason)
    })
}

/// Texts that end with a NUL, up to a NULL.
///
/// # Safety
/// `pointer` is NULL or points to such texts with a NULL behind them, that nobody writes while they are used.
pub(super) unsafe fn strings<'a>(name: &str, pointer: *const *const c_char) -> Result<Vec<&'a str>, Failure> {
    check(name, pointer, 1)?;
    let mut texts = Vec::new();
    loop {
        // SAFETY: not NULL, aligned, and what comes before is not the NULL.
        let one = unsafe { pointer.add(texts.len()).read() };
        if one.is_null() {
            return Ok(texts);
        }
        // SAFETY: a text as the caller promises.
        texts.push(unsafe { text(format_args!("{name}[{}]", texts.len()), one, None)? });
    }
}

/// A file's name: any bytes on Unix, UTF-8 elsewhere.
///
/// # Safety
/// As [`c_str`].
pub(super) unsafe fn path<'a>(pointer: *const c_char) -> Result<&'a Path, Failure> {
    // SAFETY: as the caller promises.
    let name = unsafe { c_str("path", pointer)? };
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Ok(Path::new(std::ffi::OsStr::from_bytes(name.to_bytes())))
    }
    #[cfg(not(unix))]
    name.to_str().map(Path::new).map_err(|_| Failure::new(Status::Utf8, "path: not UTF-8"))
}

/// That a pointer is not NULL and aligned, and `len` values can be behind it.
pub(super) fn check<T>(name: impl Display, pointer: *const T, len: usize) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(Failure::argument(format!("{name}: NULL")));
    }
    if !pointer.is_aligned() {
        let reason =
            format!("{name}: {pointer:p} is not a multiple of {}, as its type asks", align_of::<T>());
        return Err(Failure::argument(reason));
    }
    let bytes = len.checked_mul(size_of::<T>()).filter(|&bytes| bytes <= MOST);
    // The last byte has to have an address, too.
    if bytes.and_then(|bytes| pointer.addr().checked_add(bytes)).is_none() {
        return Err(Failure::argument(format!(
            "{name}: {len} values of {} bytes are too many",
            size_of::<T>()
        )));
    }
    Ok(())
}

/// That what is written and what is read meanwhile do not overlap; each by its name, address and number of bytes. An address
/// may be that of NULL.
pub(super) fn check_apart(parts: &[(&str, usize, usize)]) -> Result<(), Failure> {
    for (i, &(name, start, bytes)) in parts.iter().enumerate() {
        for &(other, other_start, other_bytes) in &parts[..i] {
            let apart = start >= other_start.saturating_add(other_bytes)
                || other_start >= start.saturating_add(bytes);
            if start != 0 && other_start != 0 && bytes > 0 && other_bytes > 0 && !apart {
                return Err(Failure::argument(format!("{other} and {name}: they overlap")));
            }
        }
    }
    Ok(())
}
