//! Texts and token ids to vectors, in memory of the caller.

use std::ffi::c_char;

use super::{
    Handle,
    arguments::{buffer, check_apart, reference},
    rows::{Ids, Texts, room},
    status::{Failure, Status, guard},
};
use crate::{encoder::Row, tasks::Embedder};

/// How many numbers a vector has. 0 for NULL, and for a classifier whose directory tells of vectors that are not computed here.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_dimensions(engine: *const Handle) -> usize {
    // SAFETY: as the caller promises.
    unsafe { reference("engine", engine) }
        .map_or(0, |handle| handle.embedder.as_ref().map_or(0, Embedder::dimensions))
}

/// Makes a vector of each of `count` texts, as the options that the model was loaded with say: prompt, pooling, length.
///
/// `texts` and `lengths` are as in nimbert_classify. `vectors` is `count` rows of nimbert_dimensions floats, one after the
/// other; `capacity` is how many floats it has room for. It must not overlap anything else that the call gets, and after a
/// failure it means nothing.
///
/// A text's vector has the same bits whatever the others are, and however many threads work.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_embed(
    engine: *const Handle,
    texts: *const *const c_char,
    lengths: *const usize,
    count: usize,
    vectors: *mut f32,
    capacity: usize,
) -> Status {
    guard(|| {
        // SAFETY: the caller keeps this function's contract, here and below.
        let handle = unsafe { reference("engine", engine)? };
        let embedder = embedder(handle)?;
        let numbers = room(count, embedder.dimensions(), capacity)?;
        // SAFETY: as above.
        let texts = unsafe { Texts::new(["texts", "lengths"], texts, lengths, count)? };
        // SAFETY: as above.
        let row = |index| unsafe { Ok(embedder.encode(texts.get(index)?).map_err(|e| e.at(index))?) };
        let rows = (0..count).map(row).collect::<Result<Vec<_>, Failure>>()?;
        // SAFETY: as above; what was handed in has been read.
        unsafe { fill(embedder, rows.iter().map(Row::from), vectors, numbers) }
    })
}

/// Makes a vector of each of `count` rows of token ids, special ones and the prompt's included: for programs with a tokenizer of
/// their own. `token_ids`, `token_type_ids` and `cu_seqlens` are as in nimbert_classify_ids, `vectors` and `capacity` as in
/// nimbert_embed.
///
/// With one thread nothing is allocated once there was a call with as many tokens in all, as many rows and as long a row, and
/// as many calls at once.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_embed_ids(
    engine: *const Handle,
    token_ids: *const u32,
    token_type_ids: *const u32,
    cu_seqlens: *const usize,
    count: usize,
    vectors: *mut f32,
    capacity: usize,
) -> Status {
    guard(|| {
        // SAFETY: the caller keeps this function's contract, here and below.
        let handle = unsafe { reference("engine", engine)? };
        let embedder = embedder(handle)?;
        let numbers = room(count, embedder.dimensions(), capacity)?;
        let most = handle.engine.max_tokens();
        // SAFETY: as above.
        let ids = unsafe { Ids::new(token_ids, token_type_ids, cu_seqlens, count, most)? };
        for read in ids.places() {
            check_apart(&[read, ("vectors", vectors.addr(), numbers * size_of::<f32>())])?;
        }
        // SAFETY: as above; what is read meanwhile lies elsewhere.
        unsafe { fill(embedder, ids.rows(), vectors, numbers) }
    })
}

fn embedder(handle: &Handle) -> Result<&Embedder, Failure> {
    handle.embedder.as_ref().map_err(|error| error.clone().into())
}

/// # Safety
/// `vectors` is NULL or points to `numbers` floats, which nobody else uses meanwhile, not even `rows`.
unsafe fn fill<'r>(
    embedder: &Embedder,
    rows: impl Iterator<Item = Row<'r>>,
    vectors: *mut f32,
    numbers: usize,
) -> Result<(), Failure> {
    if numbers == 0 {
        return Ok(());
    }
    // SAFETY: as the caller promises.
    let vectors = unsafe { buffer("vectors", vectors, numbers)? };
    let vectors = vectors.ok_or_else(|| Failure::argument("vectors: NULL"))?;
    Ok(embedder.vectors_into(rows, vectors)?)
}
