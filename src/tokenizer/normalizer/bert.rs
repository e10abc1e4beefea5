//! Normalization of a text, character by character: what the `tokenizers` crate's `BertNormalizer` does, in memory that does
//! not depend on the text.
//!
//! Every step looks at one character alone but the ordering of combining marks, for which [`Normalized`] goes back.

#[cfg(test)]
mod tests;

use std::char::ToLowercase;

use unicode_categories::UnicodeCategories as _;
use unicode_normalization_alignments::char::{canonical_combining_class, decompose_canonical};

use super::{chunk::Chunk, is_plain};
use crate::tokenizer::{added::Unit, place::Place, spec::BertNormalizer};

/// What is done to a text before it is split into words.
#[derive(Debug, Clone, Copy)]
pub(in crate::tokenizer) struct Bert {
    /// Control characters go, and white space becomes the space.
    pub(super) clean_text: bool,
    /// Chinese characters stand alone.
    pub(super) handle_chinese_chars: bool,
    pub(super) strip_accents: bool,
    pub(super) lowercase: bool,
}

impl Bert {
    pub(in crate::tokenizer) fn new(normalizer: &BertNormalizer) -> Self {
        let BertNormalizer { clean_text, handle_chinese_chars, strip_accents, lowercase } = *normalizer;
        let strip_accents = strip_accents.unwrap_or(lowercase);
        Self { clean_text, handle_chinese_chars, strip_accents, lowercase }
    }

    /// A text without tokens.
    #[cfg(test)]
    pub(super) fn text(&self, text: &str) -> String {
        let mut chunk = Chunk { text: text.to_owned(), places: Vec::<()>::new() };
        self.apply(&mut chunk);
        chunk.text
    }

    /// Normalizes a text that is whole.
    pub(super) fn apply<P: Place>(&self, chunk: &mut Chunk<P>) {
        let Chunk { text, places } = chunk.take();
        let units =
            text.chars().enumerate().map(|(i, c)| Unit::Char(c, places.get(i).copied().unwrap_or_default()));
        for unit in self.units(units) {
            if let Unit::Char(c, place) = unit {
                chunk.push(c, place);
            }
        }
    }

    /// Characters become normalized ones, and tokens stay between them.
    pub(in crate::tokenizer) fn units<I: Iterator<Item = Unit<P>> + Clone, P: Place>(
        &self,
        units: I,
    ) -> Normalized<I, P> {
        let decomposed = Decomposed { normalizer: *self, units, rest: Rest::default(), place: P::default() };
        Normalized { decomposed, run: None, lowercase: None }
    }
}

/// See [`Bert::units`].
pub(in crate::tokenizer) struct Normalized<I, P> {
    decomposed: Decomposed<I, P>,
    run: Option<Run<I, P>>,
    /// What is left of a character in lower case.
    lowercase: Option<(ToLowercase, P)>,
}

/// Combining marks in a row, which are given in the order of their classes: all of one class in each walk over them, so
/// that they need not be held. Nearly all marks are stripped before; no known text has two of the rest in a row.
struct Run<I, P> {
    start: Decomposed<I, P>,
    /// What this walk gives.
    class: u8,
    /// The lowest class after it that was met.
    next: Option<u8>,
}

impl<I: Iterator<Item = Unit<P>> + Clone, P: Place> Normalized<I, P> {
    /// The next unit without accents, in the order of Unicode's decomposed form.
    #[inline]
    fn stripped(&mut self) -> Option<Unit<P>> {
        loop {
            let unit = self.decomposed.next();
            let Some(Unit::Char(c, _)) = unit.filter(|unit| !is_plain_unit(unit)) else {
                if self.walk_again() {
                    continue;
                }
                return unit;
            };
            let (class, stripped) = (canonical_combining_class(c), c.is_mark_nonspacing());
            if class == 0 && self.walk_again() || stripped {
                continue;
            }
            match &mut self.run {
                _ if class == 0 => return unit,
                Some(run) if run.class == class => return unit,
                Some(run) => {
                    if class > run.class && run.next.is_none_or(|next| class < next) {
                        run.next = Some(class);
                    }
                }
                None => {
                    // The first walk finds the lowest class.
                    self.decomposed.rest.put_back();
                    self.run = Some(Run { start: self.decomposed.clone(), class: 0, next: None });
                }
            }
        }
    }

    /// At what follows a run of marks: goes back to its start if there is a class to be given.
    #[inline]
    fn walk_again(&mut self) -> bool {
        let Some(run) = &mut self.run else { return false };
        let Some(class) = run.next.take() else {
            self.run = None;
            return false;
        };
        run.class = class;
        self.decomposed = run.start.clone();
        true
    }
}

impl<I: Iterator<Item = Unit<P>> + Clone, P: Place> Iterator for Normalized<I, P> {
    type Item = Unit<P>;

    #[inline]
    fn next(&mut self) -> Option<Unit<P>> {
        let Bert { strip_accents, lowercase, .. } = self.decomposed.normalizer;
        loop {
            if let Some((chars, place)) = &mut self.lowercase
                && let Some(c) = chars.next()
            {
                return Some(Unit::Char(c, *place));
            }
            let unit = if strip_accents { self.stripped()? } else { self.decomposed.next()? };
            match unit {
                Unit::Char(c, place) if lowercase && c.is_ascii() => {
                    return Some(Unit::Char(c.to_ascii_lowercase(), place));
                }
                Unit::Char(c, place) if lowercase && !is_plain(c) => {
                    self.lowercase = Some((c.to_lowercase(), place));
                }
                unit => return Some(unit),
            }
        }
    }
}

/// Characters cleaned, Chinese ones between spaces, and all of them decomposed if accents are to be stripped.
#[derive(Clone)]
struct Decomposed<I, P> {
    normalizer: Bert,
    units: I,
    rest: Rest,
    /// Of the character that `rest` is of.
    place: P,
}

/// What one character has become and is still to be given.
#[derive(Clone, Default)]
struct Rest {
    chars: [char; Self::MOST],
    next: u8,
    len: u8,
}

impl Rest {
    /// The four of the longest decomposition, and a space before and after.
    const MOST: usize = 6;

    #[inline]
    fn next(&mut self) -> Option<char> {
        if self.next == self.len {
            return None;
        }
        self.next += 1;
        Some(self.chars[usize::from(self.next) - 1])
    }

    /// Undoes `next`.
    fn put_back(&mut self) {
        self.next -= 1;
    }

    fn push(&mut self, c: char) {
        self.chars[usize::from(self.len)] = c;
        self.len += 1;
    }
}

impl<I: Iterator<Item = Unit<P>>, P: Place> Decomposed<I, P> {
    /// Sets `rest` to what a character becomes that is not ASCII.
    fn expand(&mut self, c: char) {
        let Bert { clean_text, handle_chinese_chars, strip_accents, .. } = self.normalizer;
        (self.rest.next, self.rest.len) = (0, 0);
        if clean_text && !is_plain(c) {
            if c == '\u{fffd}' || c.is_other() {
                return;
            }
            if c.is_whitespace() {
                return self.rest.push(' ');
            }
        }
        let alone = handle_chinese_chars && is_chinese(c);
        if alone {
            self.rest.push(' ');
        }
        if strip_accents && !is_plain(c) {
            decompose_canonical(c, |part| self.rest.push(part));
        } else {
            self.rest.push(c);
        }
        if alone {
            self.rest.push(' ');
        }
    }
}

impl<I: Iterator<Item = Unit<P>>, P: Place> Iterator for Decomposed<I, P> {
    type Item = Unit<P>;

    #[inline]
    fn next(&mut self) -> Option<Unit<P>> {
        loop {
            if let Some(c) = self.rest.next() {
                return Some(Unit::Char(c, self.place));
            }
            match self.units.next()? {
                Unit::Char(c, place) if c.is_ascii() => match c {
                    '\t' | '\n' | '\r' if self.normalizer.clean_text => return Some(Unit::Char(' ', place)),
                    _ if self.normalizer.clean_text && c.is_ascii_control() => {}
                    _ => return Some(Unit::Char(c, place)),
                },
                Unit::Char(c, place) => {
                    self.place = place;
                    self.expand(c);
                }
                token => return Some(token),
            }
        }
    }
}

/// Nothing that combines with what is before it.
fn is_plain_unit<P>(unit: &Unit<P>) -> bool {
    !matches!(*unit, Unit::Char(c, _) if c >= '\u{300}' && !is_plain(c))
}

/// What BERT takes for Chinese.
fn is_chinese(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' | '\u{20000}'..='\u{2a6df}' | '\u{2a700}'..='\u{2b73f}'
        | '\u{2b740}'..='\u{2b81f}' | '\u{2b920}'..='\u{2ceaf}' | '\u{f900}'..='\u{faff}' | '\u{2f800}'..='\u{2fa1f}')
}
