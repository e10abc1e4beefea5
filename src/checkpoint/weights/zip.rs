//! Where the entries of a zip archive lie, for archives that are mapped: nothing is ever decompressed.
//!
//! Only what `torch.save` writes is accepted: stored entries, each under a name of its own, none over another, all inside
//! the file; sizes beyond 4 GiB as zip64 has them. (The `zip` crate keeps the last of two entries with one name without a
//! word, and brings seven crates along.) The layout: PKWARE's APPNOTE.TXT, 4.3.

use std::{collections::HashSet, ops::Range};

const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const CENTRAL: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
/// The end record without its comment, which has at most this many bytes.
const END_LENGTH: usize = 22;
/// A 32-bit number that zip64 has.
const ELSEWHERE: u64 = u32::MAX as u64;
const LONGEST_COMMENT: usize = u16::MAX as usize;

/// One stored file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ZipEntry {
    pub(super) name: String,
    /// Of the archive's bytes.
    pub(super) range: Range<usize>,
    pub(super) crc32: u32,
}

/// Little-endian numbers at places that may lie outside.
#[derive(Clone, Copy)]
struct Record<'a>(&'a [u8]);

impl<'a> Record<'a> {
    /// `length` bytes of the file from `at` on, which begin with `signature`.
    fn find(file: &'a [u8], at: u64, signature: &[u8], length: usize) -> Result<Self, String> {
        let cut = || format!("the zip archive is damaged: nothing that it should have is at byte {at}");
        let at = usize::try_from(at).map_err(|_| cut())?;
        let bytes = at.checked_add(length).and_then(|end| file.get(at..end)).ok_or_else(cut)?;
        bytes.starts_with(signature).then_some(Self(bytes)).ok_or_else(cut)
    }

    fn number<const N: usize>(self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes[..N].copy_from_slice(&self.0[at..at + N]);
        u64::from_le_bytes(bytes)
    }
}

/// The archive's entries in the order of its directory.
pub(super) fn entries(file: &[u8]) -> Result<Vec<ZipEntry>, String> {
    let (mut at, size, count) = directory(file)?;
    let end = at.checked_add(size).filter(|end| *end <= file.len() as u64);
    let end = end.ok_or("the zip archive is cut short: its directory reaches beyond its end")?;
    let (mut entries, mut names) = (Vec::new(), HashSet::new());
    while at < end {
        let (entry, length) = entry(file, at)?;
        if !names.insert(entry.name.clone()) {
            return Err(format!("two entries of the zip archive are called {:?}", entry.name));
        }
        entries.push(entry);
        at += length;
    }
    if entries.len() as u64 != count {
        return Err(format!("the zip archive should have {count} entries, but lists {}", entries.len()));
    }
    let mut ranges: Vec<_> = entries.iter().map(|entry| (entry.range.clone(), &entry.name)).collect();
    ranges.sort_by_key(|(range, _)| (range.start, range.end));
    match ranges.windows(2).find(|pair| pair[0].0.end > pair[1].0.start) {
        None => Ok(entries),
        Some(pair) => Err(format!("entries {:?} and {:?} of the zip archive overlap", pair[0].1, pair[1].1)),
    }
}

/// Offset, size and number of entries of the central directory.
fn directory(file: &[u8]) -> Result<(u64, u64, u64), String> {
    let last = file.len().checked_sub(END_LENGTH).ok_or("no zip archive: too short")?;
    let first = last.saturating_sub(LONGEST_COMMENT);
    let ends_here = |&at: &usize| {
        file[at..].starts_with(END)
            && at + END_LENGTH + Record(&file[at..]).number::<2>(20) as usize == file.len()
    };
    let at = (first..=last)
        .rev()
        .find(ends_here)
        .ok_or("no zip archive, or one that is cut short: it has no end")?;
    let end = Record(&file[at..]);
    if end.number::<2>(4) != 0 || end.number::<2>(6) != 0 {
        return Err("the zip archive is in several parts".to_owned());
    }
    let found = (end.number::<4>(16), end.number::<4>(12), end.number::<2>(10));
    if found.0 != ELSEWHERE && found.1 != ELSEWHERE && found.2 != u64::from(u16::MAX) {
        return Ok(found);
    }
    let locator = at.checked_sub(20).ok_or("the zip archive is damaged: zip64 without its record")?;
    let locator = Record::find(file, locator as u64, LOCATOR_64, 20)?;
    let end = Record::find(file, locator.number::<8>(8), END_64, 56)?;
    Ok((end.number::<8>(48), end.number::<8>(40), end.number::<8>(32)))
}

/// The entry whose directory record is at `at`, and the record's length.
fn entry(file: &[u8], at: u64) -> Result<(ZipEntry, u64), String> {
    const FIXED: usize = 46;
    let head = Record::find(file, at, CENTRAL, FIXED)?;
    let [name_length, extra_length, comment_length] = [28, 30, 32].map(|at| head.number::<2>(at) as usize);
    let whole = Record::find(file, at, CENTRAL, FIXED + name_length + extra_length + comment_length)?;
    let name = String::from_utf8(whole.0[FIXED..FIXED + name_length].to_vec())
        .map_err(|_| format!("an entry's name in the zip archive is not UTF-8 (byte {at})"))?;
    let (flags, method, crc32) = (head.number::<2>(8), head.number::<2>(10), head.number::<4>(16));
    if flags & 1 != 0 {
        return Err(format!("entry {name:?} of the zip archive is encrypted"));
    }
    if method != 0 {
        return Err(format!("entry {name:?} of the zip archive is compressed (method {method}), not stored"));
    }
    let extra = &whole.0[FIXED + name_length..FIXED + name_length + extra_length];
    let [size, packed, local] =
        wide([head.number::<4>(24), head.number::<4>(20), head.number::<4>(42)], extra)
            .ok_or_else(|| format!("entry {name:?} of the zip archive lacks its zip64 sizes"))?;
    if size != packed {
        return Err(format!("entry {name:?} of the zip archive is stored, but of sizes {packed} and {size}"));
    }
    let start = data_start(file, local, &name)?;
    let inside = start.checked_add(size).filter(|end| *end <= file.len() as u64);
    let end = inside.ok_or_else(|| {
        format!("entry {name:?} ends beyond the zip archive's {} bytes: it is cut short", file.len())
    })?;
    let entry = ZipEntry { name, range: start as usize..end as usize, crc32: crc32 as u32 };
    Ok((entry, whole.0.len() as u64))
}

/// Numbers of which those that 32 bits do not hold are in the zip64 part of `extra`, in this order.
fn wide(mut numbers: [u64; 3], mut extra: &[u8]) -> Option<[u64; 3]> {
    let mut long = None;
    while extra.len() >= 4 {
        let (id, length) = (Record(extra).number::<2>(0), Record(extra).number::<2>(2) as usize);
        let body = extra.get(4..4 + length)?;
        if id == 1 {
            long = Some(body);
        }
        extra = &extra[4 + length..];
    }
    for number in numbers.iter_mut().filter(|number| **number == ELSEWHERE) {
        let (eight, rest) = long?.split_first_chunk::<8>()?;
        (*number, long) = (u64::from_le_bytes(*eight), Some(rest));
    }
    Some(numbers)
}

/// Where the entry's bytes begin, after its local header, which must have the same name.
fn data_start(file: &[u8], local: u64, name: &str) -> Result<u64, String> {
    const FIXED: usize = 30;
    let head = Record::find(file, local, LOCAL, FIXED)?;
    let [name_length, extra_length] = [26, 28].map(|at| head.number::<2>(at) as usize);
    let whole = Record::find(file, local, LOCAL, FIXED + name_length + extra_length)?;
    if &whole.0[FIXED..FIXED + name_length] != name.as_bytes() {
        return Err(format!("entry {name:?} of the zip archive has another name at byte {local}"));
    }
    Ok(local + whole.0.len() as u64)
}
