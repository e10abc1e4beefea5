//! Texts and token ids to scores, in memory of the caller.

use std::ffi::c_char;

use super::{
    Handle,
    arguments::{buffer, out, reference, slice, text},
    status::{Failure, Status, guard},
};
use crate::{batch::Row, error::Error, tokenizer::Encoding};

/// Scores `count` texts.
///
/// Text `i` is the UTF-8 at `texts[i]`: `lengths[i]` bytes, or up to its NUL where `lengths` is NULL. An empty text has an
/// answer, too; with a length of 0 its pointer may be NULL.
///
/// `scores` and `logits` are `count` rows of nimbert_label_count floats, one after the other, in label order; `capacity` is
/// how many floats each of them has room for. Either may be NULL: scores are probabilities (of a regression the value
/// itself), logits the model's raw outputs. They must not overlap. After a failure their contents mean nothing.
///
/// The answer to a text has the same bits whatever the others are, and however many threads work.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nimbert_classify(
    engine: *const Handle,
    texts: *const *const c_char,
    lengths: *const usize,
    count: usize,
    scores: *mut f32,
    logits: *mut f32,
    capacity: usize,
) -> Status {
    guard(|| {
        // SAFETY: the caller keeps this function's contract.
        let (handle, answers, texts) = unsafe {
            let handle = reference("engine", engine)?;
            let answers = Answers::new(handle, count, scores, logits, capacity)?;
            (handle, answers, Texts::new(["texts", "lengths"], texts, lengths, count)?)
        };
        // SAFETY: as above.
        let rows = (0..count)
            .map(|index| handle.encode(index, unsafe { texts.get(index)? }, None, handle.max_tokens()));
        answers.fill(handle, rows.collect::<Result<Vec<_>, _>>()?.iter().map(Row::from))
    })
}

/// Scores `count` pairs of texts, for a model that was trained on pairs: as nimbert_classify, each text being
/// `firsts[i]` and `seconds[i]`.
#[unsafe(no_mangle)]
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
    guard(|| {
        // SAFETY: the caller keeps this function's contract.
        let (handle, answers, firsts, seconds) = unsafe {
            let handle = reference("engine", engine)?;
            let answers = Answers::new(handle, count, scores, logits, capacity)?;
            let firsts = Texts::new(["firsts", "first_lengths"], firsts, first_lengths, count)?;
            (
                handle,
                answers,
                firsts,
                Texts::new(["seconds", "second_lengths"], seconds, second_lengths, count)?,
            )
        };
        let rows = (0..count).map(|index| {
            // SAFETY: as above.
            let (first, second) = unsafe { (firsts.get(index)?, seconds.get(index)?) };
            handle.encode(index, first, Some(second), handle.max_tokens())
        });
        answers.fill(handle, rows.collect::<Result<Vec<_>, _>>()?.iter().map(Row::from))
    })
}

/// Scores `count` rows of token ids, special ones included: for programs with a tokenizer of their own.
///
/// All rows lie one after the other in `token_ids`; row `i` is `cu_seqlens[i]` to `cu_seqlens[i + 1]`, so `cu_seqlens` has
/// `count + 1` numbers, the first of them 0. `token_type_ids` has as many numbers as `token_ids`, or is NULL: all 0.
/// `scores`, `logits` and `capacity` are as in nimbert_classify.
///
/// With one thread nothing is allocated once a call has had as many tokens and rows.
#[unsafe(no_mangle)]
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
        // SAFETY: the caller keeps this function's contract.
        let (handle, answers, starts) = unsafe {
            let handle = reference("engine", engine)?;
            let answers = Answers::new(handle, count, scores, logits, capacity)?;
            (
                handle,
                answers,
                if count == 0 { &[] } else { slice("cu_seqlens", cu_seqlens, count.saturating_add(1))? },
            )
        };
        check_starts(starts)?;
        let tokens = starts.last().copied().unwrap_or(0);
        // SAFETY: as above.
        let (ids, types) = unsafe {
            let types = (!token_type_ids.is_null()).then(|| slice("token_type_ids", token_type_ids, tokens));
            (slice("token_ids", token_ids, tokens)?, types.transpose()?)
        };
        let rows = starts.windows(2).map(|row| Row {
            token_ids: &ids[row[0]..row[1]],
            token_type_ids: types.map(|types| &types[row[0]..row[1]]),
        });
        answers.fill(handle, rows)
    })
}

/// The token ids of a text, special ones included: what nimbert_classify reads of it, but whole.
///
/// `text` and `pair` have `length` and `pair_length` bytes of UTF-8; `pair` is NULL for a single text. `token_ids` and
/// `token_type_ids` have room for `capacity` numbers; either may be NULL. `*count` is how many there are, also where the
/// room is too small (NIMBERT_STATUS_CAPACITY): with both NULL and a capacity of 0 the call only counts. A text is not cut here:
/// more than nimbert_max_tokens are more than nimbert_classify reads.
#[unsafe(no_mangle)]
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
        // SAFETY: the caller keeps this function's contract.
        let (handle, count, first, second) = unsafe {
            let handle = reference("engine", engine)?;
            let count = out("count", count, 0)?;
            let first = self::text(|| "text".to_owned(), text, Some(length))?;
            let pair = (!pair.is_null()).then(|| self::text(|| "pair".to_owned(), pair, Some(pair_length)));
            (handle, count, first, pair.transpose()?)
        };
        let Encoding { token_ids: ids, token_type_ids: types, .. } =
            handle.encode(0, first, second, usize::MAX)?;
        *count = ids.len();
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

impl Handle {
    fn max_tokens(&self) -> usize {
        self.engine.max_tokens()
    }

    fn encode(
        &self,
        index: usize,
        text: &str,
        pair: Option<&str>,
        max_tokens: usize,
    ) -> Result<Encoding, Failure> {
        let encoding = self.engine.tokenizer().encode(text, pair, max_tokens, self.engine.on_long());
        Ok(encoding.map_err(|reason| Error::Text { index, reason })?)
    }
}

/// Texts as a program hands them in.
#[derive(Clone, Copy)]
struct Texts<'a> {
    name: &'a str,
    pointers: &'a [*const c_char],
    lengths: Option<&'a [usize]>,
}

impl<'a> Texts<'a> {
    /// # Safety
    /// `texts` and `lengths` are NULL or point to `count` values.
    unsafe fn new(
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
    unsafe fn get(&self, index: usize) -> Result<&'a str, Failure> {
        let length = self.lengths.map(|lengths| lengths[index]);
        // SAFETY: as the caller promises.
        unsafe { text(|| format!("{}[{index}]", self.name), self.pointers[index], length) }
    }
}

/// Where the answers go.
struct Answers<'a> {
    scores: Option<&'a mut [f32]>,
    logits: Option<&'a mut [f32]>,
}

impl Answers<'_> {
    /// # Safety
    /// `scores` and `logits` are NULL or point to `capacity` floats.
    unsafe fn new(
        handle: &Handle,
        count: usize,
        scores: *mut f32,
        logits: *mut f32,
        capacity: usize,
    ) -> Result<Self, Failure> {
        let labels = handle.labels.len();
        let floats =
            count.checked_mul(labels).filter(|&floats| floats <= isize::MAX as usize / size_of::<f32>());
        let floats = floats.ok_or_else(|| Failure::argument(format!("count: {count} texts are too many")))?;
        if capacity < floats {
            return Err(too_small(floats, capacity));
        }
        if count > 0 && scores.is_null() && logits.is_null() {
            return Err(Failure::argument("scores and logits: both are NULL"));
        }
        let bytes = floats * size_of::<f32>();
        if !scores.is_null() && !logits.is_null() && scores.addr().abs_diff(logits.addr()) < bytes {
            return Err(Failure::argument("scores and logits: they overlap"));
        }
        // SAFETY: as the caller promises, and they do not overlap.
        unsafe {
            Ok(Self { scores: buffer("scores", scores, floats)?, logits: buffer("logits", logits, floats)? })
        }
    }

    /// The logits of `rows`, and what they mean.
    fn fill<'a>(self, handle: &Handle, rows: impl Iterator<Item = Row<'a>>) -> Result<(), Failure> {
        let Self { scores, logits } = self;
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
        let scoring = self.engine.config().scoring;
        logits.chunks_exact_mut(self.labels.len()).for_each(|row| scoring.apply(row));
    }
}

fn too_small(needed: usize, capacity: usize) -> Failure {
    Failure::new(Status::Capacity, format!("capacity: {capacity}, but {needed} are needed"))
}

/// That rows begin at 0 and do not go backwards.
fn check_starts(starts: &[usize]) -> Result<(), Failure> {
    if let Some(&first) = starts.first().filter(|&&first| first != 0) {
        return Err(Failure::argument(format!("cu_seqlens[0]: {first}, but rows begin at 0")));
    }
    match starts.windows(2).position(|row| row[0] > row[1]) {
        Some(at) => {
            let (start, end) = (starts[at], starts[at + 1]);
            Err(Failure::argument(format!("cu_seqlens[{}]: {end}, less than the {start} before it", at + 1)))
        }
        None => Ok(()),
    }
}
