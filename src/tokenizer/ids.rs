//! A text's ids, one after the other, of which a caller takes as many as it keeps.

use unicode_categories::UnicodeCategories as _;

use super::{
    added::{Unit, Units},
    normalizer::is_plain,
    place::Place,
    wordpiece::{Piece, Pieces},
};

/// A token of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<P> {
    pub(super) id: u32,
    /// Which word of the text it is of, from 0, where that is counted.
    pub(super) word: usize,
    pub(super) place: P,
}

/// The tokens of a text without special ones.
///
/// However long the text and its words are, it takes memory for one word that is not too long to have tokens, and for a
/// window in which added tokens are looked for. No more of the text is read than the tokens taken need, and a window.
pub(super) struct Ids<'a, P> {
    units: Units<'a, P>,
    pieces: Pieces<'a>,
    word: String,
    /// Of each character of the word, where that is known, and of its last one, which the word may be too long to have.
    places: Vec<P>,
    last: P,
    /// Words that were read, where they are counted.
    words: usize,
    /// What ended the word and is more than white space.
    end: Option<Unit<P>>,
    /// The word's pieces, how many of them were given, and the bytes and characters before the next one.
    found: Vec<Piece>,
    given: usize,
    before: (usize, usize),
}

impl<'a, P: Place> Ids<'a, P> {
    pub(super) fn new(units: Units<'a, P>, pieces: Pieces<'a>) -> Self {
        Self {
            units,
            pieces,
            word: String::new(),
            places: Vec::new(),
            last: P::default(),
            words: 0,
            end: None,
            found: Vec::new(),
            given: 0,
            before: (0, 0),
        }
    }

    /// Reads the next word, as the `tokenizers` crate's `BertPreTokenizer` splits them. `None` where the text ends.
    fn read_word(&mut self) -> Option<()> {
        // With one more than it may have a word is too long. What follows of it makes no difference.
        let mut room = self.pieces.max_chars().saturating_add(1);
        loop {
            match self.units.next() {
                Some(Unit::Char(c, _)) if c.is_whitespace() => {
                    if !self.word.is_empty() {
                        return Some(());
                    }
                }
                Some(Unit::Char(c, place)) if !is_punctuation(c) => {
                    if room > 0 {
                        self.push(c, place);
                        room -= 1;
                    } else if P::IS_KNOWN {
                        self.last = place;
                    }
                }
                None if self.word.is_empty() => return None,
                end => {
                    self.end = end;
                    return Some(());
                }
            }
        }
    }

    #[inline]
    fn push(&mut self, c: char, place: P) {
        self.word.push(c);
        if P::IS_KNOWN {
            self.places.push(place);
            self.last = place;
        }
    }

    /// The next piece of the word.
    #[inline]
    fn piece(&mut self) -> Option<Token<P>> {
        let &Piece { id, bytes } = self.found.get(self.given)?;
        self.given += 1;
        if !P::IS_KNOWN {
            return Some(Token { id, word: 0, place: P::default() });
        }
        let (from, first) = self.before;
        let to = from + bytes as usize;
        let next = first + self.word[from..to].chars().count();
        self.before = (to, next);
        let end = if to == self.word.len() { self.last } else { self.places[next - 1] };
        Some(Token { id, word: self.words - 1, place: self.places[first].to(end) })
    }

    fn next_word(&mut self) {
        self.word.clear();
        self.places.clear();
        self.found.clear();
        self.given = 0;
        if P::IS_KNOWN {
            self.before = (0, 0);
            self.words += 1;
        }
    }
}

impl<P: Place> Iterator for Ids<'_, P> {
    type Item = Token<P>;

    #[inline]
    fn next(&mut self) -> Option<Token<P>> {
        loop {
            if let Some(token) = self.piece() {
                return Some(token);
            }
            self.next_word();
            match self.end.take() {
                Some(Unit::Token(id, place)) => {
                    return Some(Token { id, word: self.words.saturating_sub(1), place });
                }
                Some(Unit::Char(c, place)) => self.push(c, place),
                None => {
                    self.read_word()?;
                    if self.word.is_empty() {
                        // It ended before it began: what ended it comes next.
                        self.words -= usize::from(P::IS_KNOWN);
                        continue;
                    }
                }
            }
            self.pieces.push(&self.word, &mut self.found);
        }
    }
}

/// What is a word of its own.
fn is_punctuation(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_punctuation() } else { !is_plain(c) && c.is_punctuation() }
}
