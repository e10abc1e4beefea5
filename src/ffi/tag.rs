//! Texts to the entities in them, in memory of the caller.

use std::ffi::c_char;

use super::{
    Handle,
    arguments::reference,
    rows::Texts,
    spans::{Room, Span},
    status::{Failure, Status, guard},
};
use crate::tasks::{Characters, Entity};

/// Finds the entities in each of `count` texts, by a token classifier, as the options that the model was loaded with say:
/// aggregation, labels to ignore, stride.
///
/// `texts` and `lengths` are as in nimbert_classify. `spans` has room for `capacity` entities: those of the first text in its
/// order, then those of the next. `*found` is how many there are, also where the room is too small (NIMBERT_STATUS_CAPACITY);
/// with `spans` NULL the call only counts. To find takes as long each time, so it is better to have room at once:
/// `count` times nimbert_max_tokens is enough wherever options.stride is 0. What is written must not overlap anything else
/// that the call gets. After a failure `spans` means nothing.
///
/// A text's entities are the same, to the bits of their scores, whatever the others are, and however many threads work.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_tag(
    engine: *const Handle,
    texts: *const *const c_char,
    lengths: *const usize,
    count: usize,
    spans: *mut Span,
    capacity: usize,
    found: *mut usize,
) -> Status {
    guard(|| {
        // SAFETY: the caller keeps this function's contract, here and below.
        let (room, handle) = unsafe { (Room::new(spans, capacity, found)?, reference("engine", engine)?) };
        let tagger = handle.tagger.as_ref().map_err(|error| Failure::from(error.clone()))?;
        // SAFETY: as above.
        let texts = unsafe { Texts::new(["texts", "lengths"], texts, lengths, count)?.all()? };
        let mut all = Vec::new();
        for (index, tagged) in tagger.tag(&texts, &handle.tag).into_iter().enumerate() {
            let text = Characters::of(texts[index]);
            all.extend(tagged?.entities.iter().map(|entity| handle.span(index, &text, entity)));
        }
        // SAFETY: as above; what was handed in has been read.
        unsafe { room.fill(&all) }
    })
}

impl Handle {
    fn span(&self, index: usize, text: &Characters<'_>, entity: &Entity) -> Span {
        let mut names = self.labels.iter().chain(&self.kinds);
        let name = names.find(|name| name.to_bytes() == entity.label.as_bytes());
        Span {
            label: name.expect("an entity has a label of the model's, or its kind").as_ptr(),
            token: entity.index.unwrap_or(0) as u32,
            ..Span::new(index, text, [entity.start, entity.end], entity.score)
        }
    }
}
