//! What a program hands in: texts, and rows of token ids.

use std::ffi::c_char;

use super::{
    arguments::{slice, text},
    status::{Failure, Status},
};
use crate::{encoder::Row, error::Error};

/// Texts as a program hands them in.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    name: &'a str,
    pointers: &'a [*const c_char],
    lengths: Option<&'a [usize]>,
}

impl<'a> Texts<'a> {
    /// # Safety
    /// `texts` and `lengths` are NULL or point to `count` values.
    pub(super) unsafe fn new(
        [name, lengths_name]: [&'a str; 2],
        texts: *const *const c_char,
        lengths: *const usize,
        count: usize,
    ) -> Result<Self, Failure> {
        // SAFETY: as the caller promises.
        unsafe {
            let pointers = slice(name, texts, count)?;
            let lengths = (!lengths.is_null()).then(|| slice(lengths_name, lengths, count)).transpose()?;
            Ok(Self { name, pointers, lengths })
        }
    }

    /// # Safety
    /// The text's pointer is NULL or valid for its length, or a C string.
    pub(super) unsafe fn get(&self, index: usize) -> Result<&'a str, Failure> {
        let length = self.lengths.map(|lengths| lengths[index]);
        // SAFETY: as the caller promises.
        unsafe { text(format_args!("{}[{index}]", self.name), self.pointers[index], length) }
    }

    /// # Safety
    /// As [`Texts::get`], for each of them.
    pub(super) unsafe fn all(&self) -> Result<Vec<&'a str>, Failure> {
        // SAFETY: as the caller promises.
        (0..self.pointers.len()).map(|index| unsafe { self.get(index) }).collect()
    }
}

/// Rows of token ids, one after the other.
#[derive(Clone, Copy)]
pub(super) struct Ids<'a> {
    ids: &'a [u32],
    types: Option<&'a [u32]>,
    /// Row `i` is `starts[i]..starts[i + 1]`; empty for no rows.
    starts: &'a [usize],
}

impl<'a> Ids<'a> {
    /// # Safety
    /// `cu_seqlens` is NULL or points to `count + 1` values, `token_ids` and `token_type_ids` to as many as the last of these says.
    pub(super) unsafe fn new(
        token_ids: *const u32,
        token_type_ids: *const u32,
        cu_seqlens: *const usize,
        count: usize,
        max_tokens: usize,
    ) -> Result<Self, Failure> {
        let len = count
            .checked_add(1)
            .ok_or_else(|| Failure::argument(format!("count: {count} rows are too many")))?;
        // SAFETY: as the caller promises, here and below.
        let starts = if count == 0 { &[] } else { unsafe { slice("cu_seqlens", cu_seqlens, len)? } };
        check_starts(starts, max_tokens)?;
        let tokens = starts.last().copied().unwrap_or(0);
        // SAFETY: as above.
        unsafe {
            let types = (!token_type_ids.is_null()).then(|| slice("token_type_ids", token_type_ids, tokens));
            Ok(Self { ids: slice("token_ids", token_ids, tokens)?, types: types.transpose()?, starts })
        }
    }

    pub(super) fn rows(self) -> impl Iterator<Item = Row<'a>> {
        self.starts.windows(2).map(move |row| Row {
            token_ids: &self.ids[row[0]..row[1]],
            token_type_ids: self.types.map(|types| &types[row[0]..row[1]]),
        })
    }

    /// What is read while answers are written: name, address and bytes.
    pub(super) fn places(self) -> [(&'static str, usize, usize); 3] {
        let place = |of: &[u32]| (of.as_ptr().addr(), size_of_val(of));
        let ((ids, id_bytes), (types, type_bytes)) = (place(self.ids), place(self.types.unwrap_or_default()));
        [
            ("token_ids", ids, id_bytes),
            ("token_type_ids", types, type_bytes),
            ("cu_seqlens", self.starts.as_ptr().addr(), size_of_val(self.starts)),
        ]
    }
}

/// How many answers of `width` numbers there are for `count` texts, if the caller has room for them.
pub(super) fn room(count: usize, width: usize, capacity: usize) -> Result<usize, Failure> {
    let most = isize::MAX as usize / size_of::<f32>();
    let numbers = count.checked_mul(width).filter(|&numbers| numbers <= most);
    let numbers = numbers.ok_or_else(|| Failure::argument(format!("count: {count} texts are too many")))?;
    if capacity < numbers { Err(too_small(numbers, capacity)) } else { Ok(numbers) }
}

pub(super) fn too_small(needed: usize, capacity: usize) -> Failure {
    Failure::new(Status::Capacity, format!("capacity: {capacity}, but {needed} are needed"))
}

/// That rows begin at 0, do not go backwards, and have at most `max_tokens` each.
fn check_starts(starts: &[usize], max_tokens: usize) -> Result<(), Failure> {
    if let Some(&first) = starts.first().filter(|&&first| first != 0) {
        return Err(Failure::argument(format!("cu_seqlens[0]: {first}, but rows begin at 0")));
    }
    if let Some(at) = starts.windows(2).position(|row| row[0] > row[1]) {
        let (start, end) = (starts[at], starts[at + 1]);
        let reason = format!("cu_seqlens[{}]: {end}, less than the {start} before it", at + 1);
        return Err(Failure::argument(reason));
    }
    match starts.windows(2).map(|row| row[1] - row[0]).enumerate().find(|&(_, tokens)| tokens > max_tokens) {
        Some((index, tokens)) => {
            let reason = format!("{tokens} tokens, at most {max_tokens} are allowed");
            Err(Error::Text { index, reason }.into())
        }
        None => Ok(()),
    }
}
