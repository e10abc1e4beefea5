//! A query and documents to scores and an order, in memory of the caller.

use std::ffi::c_char;

use super::{
    Handle,
    arguments::{buffer, check_apart, reference, text},
    rows::{Texts, room},
    status::{Failure, Status, guard},
};

/// How well each of `count` documents answers a query, by a cross-encoder: a sequence classifier of one label.
///
/// `query` is `query_length` bytes of UTF-8; `documents` and `lengths` are as texts in nimbert_classify. `scores` has a float
/// for each document, in their order: the larger, the better it answers. `order` has the documents' numbers from 0, the best
/// first; of equals, the first. Either may be NULL; `capacity` is how many documents each of them has room for. What is
/// written must not overlap anything else that the call gets, and after a failure it means nothing.
///
/// A document's score has the same bits whatever the others are, and however many threads work.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_rerank(
    engine: *const Handle,
    query: *const c_char,
    query_length: usize,
    documents: *const *const c_char,
    lengths: *const usize,
    count: usize,
    scores: *mut f32,
    order: *mut usize,
    capacity: usize,
) -> Status {
    guard(|| {
        // SAFETY: the caller keeps this function's contract, here and below.
        let handle = unsafe { reference("engine", engine)? };
        let reranker = handle.reranker.as_ref().map_err(|error| Failure::from(error.clone()))?;
        room(count, 1, capacity)?;
        if count > 0 && scores.is_null() && order.is_null() {
            return Err(Failure::argument("scores and order: both are NULL"));
        }
        check_apart(&[
            ("scores", scores.addr(), count * size_of::<f32>()),
            ("order", order.addr(), count * size_of::<usize>()),
        ])?;
        // SAFETY: as above.
        let (query, documents) = unsafe {
            let documents = Texts::new(["documents", "lengths"], documents, lengths, count)?;
            let documents = documents.all()?;
            (text("query", query, Some(query_length))?, documents)
        };
        if query.trim().is_empty() {
            return Err(Failure::argument("query: empty, so nothing is asked"));
        }
        let ranked = reranker.rank(query, &documents)?;
        if count == 0 {
            return Ok(());
        }
        // SAFETY: as above; what was handed in has been read.
        let (scores, order) = unsafe { (buffer("scores", scores, count)?, buffer("order", order, count)?) };
        if let Some(scores) = scores {
            ranked.iter().for_each(|found| scores[found.index] = found.score);
        }
        if let Some(order) = order {
            order.iter_mut().zip(&ranked).for_each(|(order, found)| *order = found.index);
        }
        Ok(())
    })
}
