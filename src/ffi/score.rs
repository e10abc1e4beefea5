//! Texts and token ids to scores, in memory of the caller.

use std::ffi::c_char;

use super::{
    Handle,
    arguments::{buffer, check_apart, out, reference, text},
    rows::{Ids, Texts, room, too_small},
    status::{Failure, Status, guard},
};
use crate::{encoder::Row, tokenizer::Encoding};

/// Scores `count` texts.
///
/// Text `i` is the UTF-8 at `texts[i]`: `lengths[i]` bytes, or up to its NUL where `lengths` is NULL. An empty text has an
/// answer, too; with a length of 0 its pointer may be NULL. A long text takes some 20 times its size in memory for a moment.
///
/// `scores` and `logits` are `count` rows of nimbert_label_count floats, one after the other, in label order; `capacity` is
/// how many floats each of them has room for. Either may be NULL: scores are probabilities (of a regression the value
/// itself), logits the model's raw outputs. What is written must not overlap anything else that a call gets. After a failure
/// it means nothing.
///
/// The answer to a text has the same bits whatever the others are, and however many threads work.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_classify(
    engine: *const Handle,
    texts: *const *const c_char,
    lengths: *const usize,
    count: usize,
    scores: *mut f32,
    logits: *mut f32,
    capacity: usize,
) -> Status {
    // SAFETY: the caller keeps this function's contract.
    let texts = || unsafe { Ok((Texts::new(["texts", "lengths"], texts, lengths, count)?, None)) };
    // SAFETY: as above.
    unsafe { classify(engine, texts, count, scores, logits, capacity) }
}

/// Scores `count` pairs of texts, for a model that was trained on pairs: as nimbert_classify, each text being
/// `firsts[i]` and `seconds[i]`.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_classify_pairs(
    engine: *const Handle,
    firsts: *const *const c_char,
    first_lengths: *const usize,
    seconds: *const *const c_char,
    second_lengths: *const usize,
    count: usize,
    scores: *mut f32,
    logits: *mut f32,
    capacity: usize,
) -> Status {
    // SAFETY: the caller keeps this function's contract.
    let pairs = || unsafe {
        let firsts = Texts::new(["firsts", "first_lengths"], firsts, first_lengths, count)?;
        Ok((firsts, Some(Texts::new(["seconds", "second_lengths"], seconds, second_lengths, count)?)))
    };
    // SAFETY: as above.
    unsafe { classify(engine, pairs, count, scores, logits, capacity) }
}

/// What both have in common: texts, with those that they make pairs with.
///
/// # Safety
/// Pointers are NULL or valid for what they point to, those in the texts too.
unsafe fn classify<'a>(
    engine: *const Handle,
    texts: impl FnOnce() -> Result<(Texts<'a>, Option<Texts<'a>>), Failure>,
    count: usize,
    scores: *mut f32,
    logits: *mut f32,
    capacity: usize,
) -> Status {
    guard(|| {
        // SAFETY: as the caller promises, here and below.
        let handle = unsafe { reference("engine", engine)? };
        let answers = Answers::new(handle, count, scores, logits, capacity)?;
        let (firsts, seconds) = texts()?;
        let row = |index| {
            // SAFETY: as above.
            let (first, second) =
                unsafe { (firsts.get(index)?, seconds.map(|seconds| seconds.get(index)).transpose()?) };
            Ok(handle.engine.encode_text(index, first, second, handle.engine.max_tokens())?)
        };
        let rows = (0..count).map(row).collect::<Result<Vec<_>, Failure>>()?;
        // SAFETY: as above; what was handed in has been read.
        unsafe { answers.fill(rows.iter().map(Row::from)) }
    })
}

/// Scores `count` rows of token ids, special ones included: for programs with a tokenizer of their own.
///
/// All rows lie one after the other in `token_ids`; row `i` is `cu_seqlens[i]` to `cu_seqlens[i + 1]`, so `cu_seqlens` has
/// `count + 1` numbers, the first of them 0. `token_type_ids` has as many numbers as `token_ids`, or is NULL: all 0.
/// `scores`, `logits` and `capacity` are as in nimbert_classify.
///
/// With one thread nothing is allocated once there was a call with as many tokens in all, as many rows and as long a row, and
/// as many calls at once.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_classify_ids(
    engine: *const Handle,
    token_ids: *const u32,
    token_type_ids: *const u32,
    cu_seqlens: *const usize,
    count: usize,
    scores: *mut f32,
    logits: *mut f32,
    capacity: usize,
) -> Status {
    guard(|| {
        // SAFETY: the caller keeps this function's contract, here and below.
        let handle = unsafe { reference("engine", engine)? };
        let answers = Answers::new(handle, count, scores, logits, capacity)?;
        let most = handle.engine.max_tokens();
        // SAFETY: as above.
        let ids = unsafe { Ids::new(token_ids, token_type_ids, cu_seqlens, count, most)? };
        // They are read while answers are written.
        answers.check_apart_from(&ids.places())?;
        // SAFETY: as above; what is read meanwhile lies elsewhere.
        unsafe { answers.fill(ids.rows()) }
    })
}

/// The token ids of a text, special ones included: what nimbert_classify reads of it, but whole.
///
/// `text` and `pair` have `length` and `pair_length` bytes of UTF-8; `pair` is NULL for a single text. `token_ids` and
/// `token_type_ids` have room for `capacity` numbers; either may be NULL. `*count` is how many there are, also where the
/// room is too small (NIMBERT_STATUS_CAPACITY): with both NULL and a capacity of 0 the call only counts. A text is not cut here:
/// more than nimbert_max_tokens are more than nimbert_classify reads.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_tokenize(
    engine: *const Handle,
    text: *const c_char,
    length: usize,
    pair: *const c_char,
    pair_length: usize,
    token_ids: *mut u32,
    token_type_ids: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> Status {
    guard(|| {
        // SAFETY: the caller keeps this function's contract, here and below.
        unsafe { out("count", count, 0)? };
        // SAFETY: as above.
        let (handle, first, second) = unsafe {
            let pair = (!pair.is_null()).then(|| self::text("pair", pair, Some(pair_length)));
            (reference("engine", engine)?, self::text("text", text, Some(length))?, pair.transpose()?)
        };
        let Encoding { token_ids: ids, token_type_ids: types, .. } =
            handle.engine.encode_text(0, first, second, usize::MAX)?;
        check_apart(&[
            ("token_ids", token_ids.addr(), size_of_val(&ids[..])),
            ("token_type_ids", token_type_ids.addr(), size_of_val(&types[..])),
            ("count", count.addr(), size_of::<usize>()),
        ])?;
        // SAFETY: as above; the texts have been read.
        unsafe { out("count", count, ids.len())? };
        for (name, pointer, values) in
            [("token_ids", token_ids, ids), ("token_type_ids", token_type_ids, types)]
        {
            if !pointer.is_null() && capacity < values.len() {
                return Err(too_small(values.len(), capacity));
            }
            // SAFETY: as above, and there is room for that many.
            if let Some(buffer) = unsafe { buffer(name, pointer, values.len())? } {
                buffer.copy_from_slice(&values);
            }
        }
        Ok(())
    })
}

/// Where the answers go, and from which model they come.
#[derive(Clone, Copy)]
struct Answers<'a> {
    handle: &'a Handle,
    scores: *mut f32,
    logits: *mut f32,
    /// In each of them.
    floats: usize,
}

impl<'a> Answers<'a> {
    /// Checks what can be told without looking at the memory.
    fn new(
        handle: &'a Handle,
        count: usize,
        scores: *mut f32,
        logits: *mut f32,
        capacity: usize,
    ) -> Result<Self, Failure> {
        let floats = room(count, handle.labels.len(), capacity)?;
        if count > 0 && scores.is_null() && logits.is_null() {
            return Err(Failure::argument("scores and logits: both are NULL"));
        }
        let answers = Self { handle, scores, logits, floats };
        check_apart(&answers.places())?;
        Ok(answers)
    }

    /// That they overlap nothing that is read while they are written.
    fn check_apart_from(&self, read: &[(&str, usize, usize)]) -> Result<(), Failure> {
        let mut pairs = read.iter().flat_map(|&part| self.places().map(|place| [part, place]));
        pairs.try_for_each(|pair| check_apart(&pair))
    }

    fn places(&self) -> [(&'static str, usize, usize); 2] {
        let bytes = self.floats * size_of::<f32>();
        [("scores", self.scores.addr(), bytes), ("logits", self.logits.addr(), bytes)]
    }

    /// Writes the logits of `rows`, and what they mean.
    ///
    /// # Safety
    /// `scores` and `logits` are NULL or point to as many floats as were said, which nobody else uses meanwhile, not even
    /// `rows`.
    unsafe fn fill<'r>(self, rows: impl Iterator<Item = Row<'r>>) -> Result<(), Failure> {
        let Self { handle, scores, logits, floats } = self;
        // SAFETY: as the caller promises, and they do not overlap.
        let (scores, logits) =
            unsafe { (buffer("scores", scores, floats)?, buffer("logits", logits, floats)?) };
        match (scores, logits) {
            (scores, Some(logits)) => {
                handle.engine.logits_into(rows, logits)?;
                if let Some(scores) = scores {
                    scores.copy_from_slice(logits);
                    handle.apply_scoring(scores);
                }
            }
            (Some(scores), None) => {
                handle.engine.logits_into(rows, scores)?;
                handle.apply_scoring(scores);
            }
            // No texts.
            (None, None) => {}
        }
        Ok(())
    }
}

impl Handle {
    fn apply_scoring(&self, logits: &mut [f32]) {
        let scoring = self.engine.scoring();
        logits.chunks_exact_mut(self.labels.len()).for_each(|row| scoring.apply(row));
    }
}
