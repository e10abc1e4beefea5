//! Parts of texts that are found in them, in memory of the caller, who does not know before how many they are.

use std::{ffi::c_char, ptr};

use super::{
    arguments::{buffer, check, check_apart, out},
    rows::too_small,
    status::Failure,
};
use crate::tasks::Characters;

/// A part of a text: an entity of nimbert_tag, or an answer of nimbert_answer.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Zeroable)]
pub struct Span {
    /// Which of the call's texts or contexts it is a part of, counted from 0.
    pub text: usize,
    /// From this byte of the text, counted from 0,
    pub start: usize,
    /// to before this one: `end - start` bytes of whole characters.
    pub end: usize,
    /// What an entity is, in UTF-8: its kind, such as "PER", or of a single token the label, such as "B-PER". Valid as long as
    /// the engine. NULL for an answer.
    pub label: *const c_char,
    /// How likely it is.
    pub score: f32,
    /// Of an entity with NIMBERT_AGGREGATION_NONE its token's place among those of nimbert_tokenize; else 0.
    pub token: u32,
}

impl Span {
    /// From character `start` to before `end`, with nothing but a score.
    pub(super) fn new(text: usize, of: &Characters<'_>, [start, end]: [usize; 2], score: f32) -> Self {
        Self { text, start: of.byte(start), end: of.byte(end), label: ptr::null(), score, token: 0 }
    }
}

/// Where spans go, and their number.
#[derive(Clone, Copy)]
pub(super) struct Room {
    spans: *mut Span,
    capacity: usize,
    found: *mut usize,
}

impl Room {
    /// Checks what can be told before it is known how many there are. Until then there are none.
    ///
    /// # Safety
    /// `found` is NULL or valid.
    pub(super) unsafe fn new(spans: *mut Span, capacity: usize, found: *mut usize) -> Result<Self, Failure> {
        // SAFETY: as the caller promises.
        unsafe { out("found", found, 0)? };
        if !spans.is_null() {
            check("spans", spans, 1)?;
        }
        Ok(Self { spans, capacity, found })
    }

    /// Writes how many there are, and all of them if there is room.
    ///
    /// # Safety
    /// `spans` is NULL or points to as many as `capacity` says, which nobody else uses meanwhile, and `found` is valid.
    pub(super) unsafe fn fill(self, all: &[Span]) -> Result<(), Failure> {
        let Self { spans, capacity, found } = self;
        check_apart(&[
            ("spans", spans.addr(), size_of_val(all)),
            ("found", found.addr(), size_of::<usize>()),
        ])?;
        // SAFETY: as the caller promises.
        unsafe { out("found", found, all.len())? };
        if !spans.is_null() && capacity < all.len() {
            return Err(too_small(all.len(), capacity));
        }
        // SAFETY: as the caller promises, and there is room for that many.
        if let Some(room) = unsafe { buffer("spans", spans, all.len())? } {
            room.copy_from_slice(all);
        }
        Ok(())
    }
}
