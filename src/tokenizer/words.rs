//! A text's words, one after the other.

use unicode_categories::UnicodeCategories as _;

use super::{added::Unit, normalizer::is_plain, place::Place};

/// What comes next in a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Next<P> {
    Word,
    /// An added token.
    Token(u32, P),
}

/// Splits a text into words, and reads no more of it than they need.
pub(super) trait Words<P> {
    /// Reads what is next, into `word` if it is one; `None` where the text ends. Of a word of more than `most` characters
    /// one more is all that counts.
    fn read(&mut self, word: &mut Word<P>, most: usize) -> Option<Next<P>>;
}

/// A word, and where its characters come from. No word is empty.
#[derive(Debug)]
pub(super) struct Word<P> {
    pub(super) text: String,
    /// Of each character, where that is known, and of the last one, which the text may lack.
    places: Vec<P>,
    last: P,
}

impl<P: Place> Word<P> {
    pub(super) fn new() -> Self {
        Self { text: String::new(), places: Vec::new(), last: P::default() }
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.places.clear();
    }

    #[inline]
    pub(super) fn push(&mut self, c: char, place: P) {
        self.text.push(c);
        if P::IS_KNOWN {
            self.places.push(place);
            self.last = place;
        }
    }

    /// As `push` while there is room; what has none is only where the word ends.
    #[inline]
    pub(super) fn push_in(&mut self, c: char, place: P, room: &mut usize) {
        if *room > 0 {
            self.push(c, place);
            *room -= 1;
        } else if P::IS_KNOWN {
            self.last = place;
        }
    }

    /// How many characters it has whose places are known.
    pub(super) fn chars(&self) -> usize {
        self.places.len()
    }

    /// All of it.
    pub(super) fn whole(&self) -> P {
        self.places[0].to(self.last)
    }

    /// From character `first` to `last`, where the word ends if that `is_end`.
    pub(super) fn place(&self, first: usize, last: usize, is_end: bool) -> P {
        self.places[first].to(if is_end { self.last } else { self.places[last] })
    }
}

/// As `BertPreTokenizer` of the `tokenizers` crate splits them.
///
/// However long the text and its words are, it takes memory for one word that is not too long to have tokens.
pub(super) struct BertWords<I, P> {
    units: I,
    /// What ended the word before and is more than white space.
    end: Option<Unit<P>>,
}

impl<I, P> BertWords<I, P> {
    pub(super) fn new(units: I) -> Self {
        Self { units, end: None }
    }
}

impl<I: Iterator<Item = Unit<P>>, P: Place> Words<P> for BertWords<I, P> {
    #[inline]
    fn read(&mut self, word: &mut Word<P>, most: usize) -> Option<Next<P>> {
        let alone = |unit, word: &mut Word<P>| match unit {
            Unit::Token(id, place) => Next::Token(id, place),
            Unit::Char(c, place) => {
                word.push(c, place);
                Next::Word
            }
        };
        if let Some(unit) = self.end.take() {
            return Some(alone(unit, word));
        }
        let mut room = most.saturating_add(1);
        loop {
            match self.units.next() {
                Some(Unit::Char(c, _)) if c.is_whitespace() => {
                    if !word.text.is_empty() {
                        return Some(Next::Word);
                    }
                }
                Some(Unit::Char(c, place)) if !is_punctuation(c) => word.push_in(c, place, &mut room),
                end if word.text.is_empty() => return end.map(|unit| alone(unit, word)),
                end => {
                    self.end = end;
                    return Some(Next::Word);
                }
            }
        }
    }
}

/// What is a word of its own.
pub(super) fn is_punctuation(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_punctuation() } else { !is_plain(c) && c.is_punctuation() }
}
