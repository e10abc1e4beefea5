//! A text's ids, one after the other, of which a caller takes as many as it keeps.

use unicode_categories::UnicodeCategories as _;

use super::{
    added::{Unit, Units},
    normalizer::is_plain,
    wordpiece::Pieces,
};

/// The ids of a text without special tokens.
///
/// However long the text and its words are, it takes memory for one word that is not too long to have tokens, and for a
/// window in which added tokens are looked for. No more of the text is read than the ids taken need, and a window.
pub(super) struct Ids<'a> {
    units: Units<'a>,
    pieces: Pieces<'a>,
    word: String,
    /// What ended the word and is more than white space.
    end: Option<Unit>,
    /// The word's ids, and how many of them were given.
    ids: Vec<u32>,
    given: usize,
}

impl<'a> Ids<'a> {
    pub(super) fn new(units: Units<'a>, pieces: Pieces<'a>) -> Self {
        Self { units, pieces, word: String::new(), end: None, ids: Vec::new(), given: 0 }
    }

    /// Reads the next word, as the `tokenizers` crate's `BertPreTokenizer` splits them. `None` where the text ends.
    fn read_word(&mut self) -> Option<()> {
        self.word.clear();
        // With one more than it may have a word is too long. What follows of it makes no difference.
        let mut room = self.pieces.max_chars().saturating_add(1);
        loop {
            match self.units.next() {
                Some(Unit::Char(c)) if c.is_whitespace() => {
                    if !self.word.is_empty() {
                        return Some(());
                    }
                }
                Some(Unit::Char(c)) if !is_punctuation(c) => {
                    if room > 0 {
                        self.word.push(c);
                        room -= 1;
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
}

impl Iterator for Ids<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        loop {
            if let Some(&id) = self.ids.get(self.given) {
                self.given += 1;
                return Some(id);
            }
            self.ids.clear();
            self.given = 0;
            match self.end.take() {
                Some(Unit::Token(id)) => return Some(id),
                Some(Unit::Char(c)) => {
                    self.word.clear();
                    self.word.push(c);
                }
                None => self.read_word()?,
            }
            self.pieces.push_ids(&self.word, &mut self.ids);
        }
    }
}

/// What is a word of its own.
fn is_punctuation(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_punctuation() } else { !is_plain(c) && c.is_punctuation() }
}
