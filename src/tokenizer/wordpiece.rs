//! WordPiece as the `tokenizers` crate does it, over a vocabulary that is not copied, and giving ids alone.

use super::{model::Piece, vocabulary::Vocabulary};

/// Splits words into the longest tokens, from left to right.
#[derive(Debug)]
pub(super) struct WordPiece {
    vocabulary: Vocabulary,
    /// What a word becomes that is too long, or has a part for which there is no token.
    unk: u32,
    max_chars: usize,
    /// A word's first piece.
    first: Beginning,
    /// Every further one.
    further: Beginning,
}

/// What a piece's token has before the piece's own characters.
#[derive(Debug)]
struct Beginning {
    prefix: String,
    /// Its hash.
    state: u64,
    /// How many characters a piece can have after it.
    room: usize,
}

impl Beginning {
    fn new(prefix: String, vocabulary: &Vocabulary) -> Self {
        let line = vocabulary.hash().line(&prefix);
        // No token contains a line feed, so none is what has one in its prefix.
        let room =
            if line.bytes < prefix.len() { 0 } else { vocabulary.longest().saturating_sub(line.chars) };
        Self { prefix, state: line.state, room }
    }
}

impl WordPiece {
    /// `prefix` is what tokens start with that continue a word, and a word of more than `max_chars` characters is `unk`.
    pub(super) fn new(vocabulary: Vocabulary, unk: u32, prefix: String, max_chars: usize) -> Self {
        let [first, further] = [String::new(), prefix].map(|prefix| Beginning::new(prefix, &vocabulary));
        Self { vocabulary, unk, max_chars, first, further }
    }

    pub(super) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// What a word becomes for which there are no tokens.
    pub(super) fn unknown(&self) -> u32 {
        self.unk
    }

    /// Splits words, with memory that they share.
    pub(super) fn pieces(&self) -> Pieces<'_> {
        Pieces { model: self, beginnings: Vec::new() }
    }
}

/// See [`WordPiece::pieces`].
pub(super) struct Pieces<'a> {
    model: &'a WordPiece,
    /// Of what is left of a word: hash and length of every beginning that may be a token, the shortest first.
    beginnings: Vec<(u64, usize)>,
}

impl Pieces<'_> {
    /// How many characters a word can have and still be more than unknown.
    pub(super) fn max_chars(&self) -> usize {
        self.model.max_chars
    }

    /// Appends the word's tokens.
    pub(super) fn push(&mut self, word: &str, found: &mut Vec<Piece>) {
        let before = found.len();
        // Characters are not more than bytes.
        let too_long = word.len() > self.model.max_chars && word.chars().count() > self.model.max_chars;
        let mut start = 0;
        while start < word.len() {
            let beginning = if start == 0 { &self.model.first } else { &self.model.further };
            let piece = if too_long { None } else { self.longest(&word[start..], beginning) };
            let Some((id, bytes)) = piece else {
                found.truncate(before);
                return found.push(Piece { id: self.model.unk, start: 0, end: word.len() as u32 });
            };
            let end = start + bytes;
            found.push(Piece { id, start: start as u32, end: end as u32 });
            start = end;
        }
    }

    /// The longest token that `rest` starts with, and its bytes there.
    ///
    /// However long `rest` is, no more of it is looked at than the vocabulary's longest token has characters.
    fn longest(&mut self, rest: &str, beginning: &Beginning) -> Option<(u32, usize)> {
        let vocabulary = &self.model.vocabulary;
        let (mut state, mut length) = (beginning.state, 0);
        self.beginnings.clear();
        for c in rest.chars().take(beginning.room).take_while(|&c| c != '\n') {
            state = vocabulary.hash().step(state, c);
            length += c.len_utf8();
            self.beginnings.push((state, length));
        }
        let find = |&(state, bytes): &(u64, usize)| {
            let id = vocabulary.find(state, &beginning.prefix, &rest[..bytes])?;
            Some((id, bytes))
        };
        self.beginnings.iter().rev().find_map(find)
    }
}
