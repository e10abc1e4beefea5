//! Byte pair encoding as the `tokenizers` crate does it, of words whose smallest parts are bytes.

use std::{cmp::Reverse, collections::BinaryHeap, fmt};

use super::{byte_level::char_of, model::Piece, vocabulary::Vocabulary};
pub(super) use files::{WrittenMerge, from_text, read};
pub(super) use merges::Merges;

mod files;
mod merges;
#[cfg(test)]
mod tests;

/// In a word of more symbols the next pair is found by a heap.
const SHORT: usize = 32;
/// Stands for no token, no symbol and no pair.
const NONE: u32 = u32::MAX;

/// Joins the bytes of a word to tokens: of all pairs that can be joined always the one that is first in a list.
pub(super) struct Bpe {
    vocabulary: Vocabulary,
    merges: Merges,
    /// The token of each byte, or `NONE`.
    bytes: Box<[u32; 256]>,
    unk: Unknown,
    /// Whether a word that is a token is that one, whatever its bytes are joined to.
    ignore_merges: bool,
}

/// What bytes without a token become.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Unknown {
    /// `None`: nothing.
    pub(super) id: Option<u32>,
    /// Several in a row become one.
    pub(super) fuse: bool,
}

impl Bpe {
    /// The tokens are written in the alphabet of [`char_of`].
    pub(super) fn new(vocabulary: Vocabulary, merges: Merges, unk: Unknown, ignore_merges: bool) -> Self {
        let id = |c: char| vocabulary.get(c.encode_utf8(&mut [0; 4])).unwrap_or(NONE);
        let bytes = Box::new(std::array::from_fn(|byte| id(char_of(byte as u8))));
        Self { vocabulary, merges, bytes, unk, ignore_merges }
    }

    pub(super) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    pub(super) fn merges(&self) -> &Merges {
        &self.merges
    }

    /// What a byte becomes that has no token, if not nothing.
    pub(super) fn unknown(&self) -> Option<u32> {
        self.unk.id
    }

    /// Splits words, with memory that they share.
    pub(super) fn pieces(&self) -> Pieces<'_> {
        Pieces {
            model: self,
            symbols: Vec::new(),
            ranks: Vec::new(),
            pairs: BinaryHeap::new(),
            written: String::new(),
        }
    }
}

impl fmt::Debug for Bpe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bpe({:?}, {:?})", self.vocabulary, self.merges)
    }
}

/// A token of a word, and the symbols beside it.
struct Symbol {
    piece: Piece,
    before: u32,
    after: u32,
    /// What it becomes with the one after it.
    joined: u32,
}

/// See [`Bpe::pieces`].
pub(super) struct Pieces<'a> {
    model: &'a Bpe,
    /// One for each byte. Those that were joined to the one before are left where they are.
    symbols: Vec<Symbol>,
    /// The place in the list of the pair that each symbol begins, or `NONE`.
    ranks: Vec<u32>,
    /// Of a long word its pairs, by their place in the list and in the word; also such as are no more.
    pairs: BinaryHeap<Reverse<(u32, u32)>>,
    /// A word in the alphabet of bytes.
    written: String,
}

impl Pieces<'_> {
    /// Appends the word's tokens.
    pub(super) fn push(&mut self, word: &str, found: &mut Vec<Piece>) {
        if self.model.ignore_merges {
            self.written.clear();
            self.written.extend(word.bytes().map(char_of));
            if let Some(id) = self.model.vocabulary.get(&self.written) {
                return found.push(Piece { id, start: 0, end: word.len() as u32 });
            }
        }
        self.read(word);
        self.join();
        let mut at = if self.symbols.is_empty() { NONE } else { 0 };
        while let Some(symbol) = self.symbols.get(at as usize) {
            found.push(symbol.piece);
            at = symbol.after;
        }
    }

    /// Makes symbols of the word's bytes.
    fn read(&mut self, word: &str) {
        self.symbols.clear();
        let Unknown { id: unk, fuse } = self.model.unk;
        let mut is_known = true;
        for (byte, start) in word.bytes().zip(0..) {
            let (was_known, id) = (is_known, self.model.bytes[usize::from(byte)]);
            is_known = id != NONE;
            match (self.symbols.last_mut(), unk) {
                (Some(last), Some(_)) if fuse && !is_known && !was_known => last.piece.end = start + 1,
                (_, None) if !is_known => {}
                (_, unk) => {
                    let id = if is_known { id } else { unk.unwrap_or(NONE) };
                    let piece = Piece { id, start, end: start + 1 };
                    let at = self.symbols.len() as u32;
                    let before = at.checked_sub(1).unwrap_or(NONE);
                    self.symbols.push(Symbol { piece, before, after: at + 1, joined: NONE });
                }
            }
        }
    }

    fn join(&mut self) {
        let is_short = self.symbols.len() <= SHORT;
        self.pairs.clear();
        self.ranks.clear();
        self.ranks.resize(self.symbols.len(), NONE);
        for at in 0..self.symbols.len() {
            self.rank(at, is_short);
        }
        while let Some(at) = if is_short { self.first_of_few() } else { self.first_of_many() } {
            let Symbol { piece: Piece { end, .. }, after, .. } =
                self.symbols[self.symbols[at].after as usize];
            self.ranks[self.symbols[at].after as usize] = NONE;
            if let Some(next) = self.symbols.get_mut(after as usize) {
                next.before = at as u32;
            }
            let symbol = &mut self.symbols[at];
            (symbol.piece.id, symbol.piece.end, symbol.after) = (symbol.joined, end, after);
            let before = symbol.before;
            self.rank(at, is_short);
            if before != NONE {
                self.rank(before as usize, is_short);
            }
        }
    }

    /// Looks up the pair that a symbol begins.
    #[inline]
    fn rank(&mut self, at: usize, is_short: bool) {
        let symbol = &self.symbols[at];
        let pair = self.symbols.get(symbol.after as usize);
        let merge = pair.and_then(|next| self.model.merges.get(symbol.piece.id, next.piece.id));
        let (rank, joined) = merge.unwrap_or((NONE, NONE));
        (self.ranks[at], self.symbols[at].joined) = (rank, joined);
        if !is_short && rank != NONE {
            self.pairs.push(Reverse((rank, at as u32)));
        }
    }

    /// Where the pair is that comes next.
    #[inline]
    fn first_of_few(&self) -> Option<usize> {
        let (mut first, mut lowest) = (0, NONE);
        for (at, &rank) in self.ranks.iter().enumerate() {
            if rank < lowest {
                (first, lowest) = (at, rank);
            }
        }
        (lowest != NONE).then_some(first)
    }

    fn first_of_many(&mut self) -> Option<usize> {
        loop {
            let Reverse((rank, at)) = self.pairs.pop()?;
            if self.ranks[at as usize] == rank {
                return Some(at as usize);
            }
        }
    }
}
