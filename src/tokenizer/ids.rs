//! A text's ids, one after the other, of which a caller takes as many as it keeps.

use super::{
    model::{Piece, Pieces},
    place::Place,
    words::{Next, Word, Words},
};

/// A token of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<P> {
    pub(super) id: u32,
    /// Which word of the text it is of, from 0.
    pub(super) word: usize,
    pub(super) place: P,
    /// Whether it was found in the text as a whole.
    pub(super) is_added: bool,
}

/// The tokens of a text without special ones, read as they are taken: no more of the text is than they need, and a window in
/// which added tokens are looked for.
pub(super) struct Ids<'a, W, P> {
    words: W,
    pieces: Pieces<'a>,
    word: Word<P>,
    /// Words that were read.
    read: usize,
    /// The word's pieces, and how many of them were given.
    found: Vec<Piece>,
    given: usize,
    /// Bytes and characters of the word before the next piece, and the place of the one before.
    counted: (usize, usize),
    before: P,
}

impl<'a, W: Words<P>, P: Place> Ids<'a, W, P> {
    pub(super) fn new(words: W, pieces: Pieces<'a>) -> Self {
        Self {
            words,
            pieces,
            word: Word::new(),
            read: 0,
            found: Vec::new(),
            given: 0,
            counted: (0, 0),
            before: P::default(),
        }
    }

    /// The next piece of the word.
    #[inline]
    fn piece(&mut self) -> Option<Token<P>> {
        let piece = *self.found.get(self.given)?;
        self.given += 1;
        let place = if P::IS_KNOWN { self.place(piece) } else { P::default() };
        Some(Token { id: piece.id, word: self.read - 1, place, is_added: false })
    }

    /// Where the characters come from that a piece is of, or has a part of: not before those of the piece before it. Several may
    /// be of the same bytes.
    #[inline]
    fn place(&mut self, Piece { start, end, .. }: Piece) -> P {
        let (from, begun) = self.counted;
        let (start, end) = (start as usize, end as usize);
        let text = self.word.text.as_bytes();
        // Most words are one token: nothing is to be counted then.
        if start == 0 && end == text.len() && from == 0 {
            self.before = self.word.whole();
            self.counted = (end, self.word.chars());
        } else if start >= from {
            let begins = |&&byte: &&u8| byte & 0xc0 != 0x80;
            let begun = begun + text[from..start].iter().filter(begins).count();
            let next = begun + text[start..end].iter().filter(begins).count();
            let first = if begins(&&text[start]) { begun } else { begun - 1 };
            self.before = self.word.place(first, next - 1, end == text.len());
            self.counted = (end, next);
        }
        self.before
    }
}

impl<W: Words<P>, P: Place> Iterator for Ids<'_, W, P> {
    type Item = Token<P>;

    #[inline]
    fn next(&mut self) -> Option<Token<P>> {
        loop {
            if let Some(token) = self.piece() {
                return Some(token);
            }
            self.word.clear();
            self.found.clear();
            (self.given, self.counted) = (0, (0, 0));
            let next = self.words.read(&mut self.word, self.pieces.max_chars())?;
            self.read += 1;
            match next {
                Next::Token(id, place) => {
                    return Some(Token { id, word: self.read - 1, place, is_added: true });
                }
                Next::Word => self.pieces.push(&self.word.text, &mut self.found),
            }
        }
    }
}
