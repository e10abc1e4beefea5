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

/// A little-endian number of as many bytes as the first one says, in two's complement.
pub(super) fn long(rest: &mut &[u8]) -> Result<i64, String> {
    let [length] = take(rest)?;
    let bytes = slice(rest, length.into())?;
    let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let mut wide = [sign; 8];
    let part = wide.get_mut(..bytes.len()).ok_or("a number of more than 64 bits")?;
    part.copy_from_slice(bytes);
    Ok(i64::from_le_bytes(wide))
}
