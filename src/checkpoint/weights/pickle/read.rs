//! What follows an instruction: numbers, bytes and lines.

const CUT: &str = "the pickle is cut short";

pub(super) fn slice<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], String> {
    let (taken, left) = rest.split_at_checked(length).ok_or(CUT)?;
    *rest = left;
    Ok(taken)
}

pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (taken, left) = rest.split_first_chunk().ok_or(CUT)?;
    *rest = left;
    Ok(*taken)
}

pub(super) fn line<'a>(rest: &mut &'a [u8]) -> Result<&'a str, String> {
    let end = rest.iter().position(|&byte| byte == b'\n').ok_or(CUT)?;
    let line = slice(rest, end)?;
    *rest = &rest[1..];
    std::str::from_utf8(line).map_err(|_| "a name that is not UTF-8".to_owned())
}

/// As many bytes as a number of N bytes before them says.
pub(super) fn counted<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let mut length = [0; 8];
    length[..N].copy_from_slice(&take::<N>(rest)?);
    slice(rest, usize::try_from(u64::from_le_bytes(length)).map_err(|_| CUT)?)
}

/// A little-endian number in two's complement, if 64 bits hold it.
pub(super) fn long(bytes: &[u8]) -> Option<i64> {
    let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let mut wide = [sign; 8];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(wide))
}
