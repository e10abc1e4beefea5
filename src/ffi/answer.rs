//! Questions and contexts to answers, in memory of the caller.

use std::ffi::c_char;

use super::{
    Handle,
    arguments::reference,
    rows::Texts,
    spans::{Room, Span},
    status::{Failure, Status, guard},
};
use crate::tasks::{Answer, Characters};

/// Finds the `top_k` best answers to each of `count` questions, where they stand in its context, by a model that was trained
/// to: `questions[i]` is asked of `contexts[i]`. A context of any length is read whole, in windows.
///
/// Questions, contexts and their lengths are as texts in nimbert_classify; neither may be empty. `spans` has room for
/// `capacity` answers: those to the first question, the best first, then those to the next. There may be fewer than `top_k`, so
/// `*found` is how many there are, also where the room is too small (NIMBERT_STATUS_CAPACITY); with `spans` NULL the call only
/// counts. `count` times `top_k` is always enough. What is written must not overlap anything else that the call gets. After a
/// failure `spans` means nothing.
///
/// A question's answers are the same, to the bits of their scores, whatever the others are, and however many threads work.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_answer(
    engine: *const Handle,
    questions: *const *const c_char,
    question_lengths: *const usize,
    contexts: *const *const c_char,
    context_lengths: *const usize,
    count: usize,
    top_k: usize,
    spans: *mut Span,
    capacity: usize,
    found: *mut usize,
) -> Status {
    guard(|| {
        // SAFETY: the caller keeps this function's contract, here and below.
        let (room, handle) = unsafe { (Room::new(spans, capacity, found)?, reference("engine", engine)?) };
        let reader = handle.reader.as_ref().map_err(|error| Failure::from(error.clone()))?;
        // SAFETY: as above.
        let (questions, contexts) = unsafe {
            let questions =
                Texts::new(["questions", "question_lengths"], questions, question_lengths, count)?;
            let contexts = Texts::new(["contexts", "context_lengths"], contexts, context_lengths, count)?;
            (questions.all()?, contexts.all()?)
        };
        let asked: Vec<_> = questions.into_iter().zip(contexts).collect();
        let mut all = Vec::new();
        for (index, found) in reader.answer(&asked, &handle.read.clone().top_k(top_k)).into_iter().enumerate()
        {
            let context = Characters::of(asked[index].1);
            let span = |answer: &Answer| Span::new(index, &context, [answer.start, answer.end], answer.score);
            all.extend(found?.answers.iter().map(span));
        }
        // SAFETY: as above; what was handed in has been read.
        unsafe { room.fill(&all) }
    })
}
