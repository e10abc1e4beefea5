//! A piece of a text while it is being normalized.

use crate::tokenizer::place::Place;

/// Characters, and where each of them comes from, where that is known.
#[derive(Debug, Default)]
pub(super) struct Chunk<P> {
    pub(super) text: String,
    pub(super) places: Vec<P>,
}

impl<P: Place> Chunk<P> {
    #[inline]
    pub(super) fn push(&mut self, c: char, place: P) {
        self.text.push(c);
        if P::IS_KNOWN {
            self.places.push(place);
        }
    }

    /// All of it, which leaves nothing.
    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Puts other characters in the place of all, as `NormalizedString::transform` of the `tokenizers` crate does: each with
    /// what has changed there. 0: it takes the place of the next character, -n: and n more were there; 1: it is new, and
    /// shares the place of the one before. `skipped` characters were before the first one.
    ///
    /// What the changes leave of the characters is left of `before`, where they come first the next time: the crate's tables
    /// of characters lose count where a text begins with one that goes.
    pub(super) fn transform(
        &mut self,
        changed: impl IntoIterator<Item = (char, isize)>,
        skipped: usize,
        before: &mut Vec<P>,
    ) {
        if !P::IS_KNOWN {
            self.text = changed.into_iter().map(|(c, _)| c).collect();
            return;
        }
        before.append(&mut self.places);
        let mut text = String::with_capacity(self.text.len());
        let mut at = skipped;
        for (c, change) in changed {
            let place = before.get(if change > 0 { at.saturating_sub(1) } else { at });
            self.places.push(place.or(before.last()).copied().unwrap_or_default());
            text.push(c);
            at += 1_usize.saturating_sub_signed(change.min(1));
        }
        self.text = text;
        before.drain(..at.min(before.len()));
    }

    /// Keeps the characters that are wanted.
    pub(super) fn retain(&mut self, mut is_kept: impl FnMut(char) -> bool) {
        let mut kept = Vec::new();
        self.text.retain(|c| {
            kept.push(is_kept(c));
            kept[kept.len() - 1]
        });
        if P::IS_KNOWN {
            let mut kept = kept.into_iter();
            self.places.retain(|_| kept.next().unwrap_or(false));
        }
    }
}
