//! Unigram as the `tokenizers` crate does it: of all ways to split a word into tokens the one with the highest sum of scores.

use std::path::Path;

use bytemuck::{Pod, Zeroable};
use nimbert_kernels::aligned_copy;

use super::model::Piece;
use crate::{
    checkpoint::weights::Bytes,
    error::{Error, Result},
};
use trie::{Entry, MAX_TOKENS, Trie};

#[cfg(test)]
mod tests;
mod trie;

/// How much less than the lowest score a character has that is no token.
const PENALTY: f64 = 10.0;

/// Tokens with their scores, and where to find them: ready to be used where it lies.
#[derive(Debug, Clone)]
pub(super) struct Lexicon {
    /// Tokens by their ids, a line feed after each.
    text: Bytes,
    /// [`Header`], entries, and one more for the lowest score, and the units of a trie.
    index: Bytes,
    header: Header,
}

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Header {
    tokens: u32,
    units: u32,
    /// As all sums of lengths in bytes are a multiple of 16.
    zeros: u64,
}

impl Lexicon {
    /// From a list of tokens and scores.
    pub(super) fn new<T: AsRef<str>>(tokens: &[(T, f64)], path: &Path) -> Result<Self> {
        let tell = |reason: String| Error::tokenizer(path, format!("model: vocab: {reason}"));
        if tokens.len() > MAX_TOKENS {
            return Err(tell(format!("{} tokens, at most {MAX_TOKENS} are supported", tokens.len())));
        }
        let mut text = Vec::with_capacity(16 * tokens.len());
        let mut entries = Vec::with_capacity(tokens.len() + 1);
        let mut lowest = f64::INFINITY;
        for (id, (token, score)) in tokens.iter().enumerate() {
            let (token, score) = (token.as_ref(), *score);
            if token.contains('\n') {
                return Err(tell(format!("token {id} contains a line break")));
            }
            if !score.is_finite() {
                return Err(tell(format!("the score of {token:?} is {score}")));
            }
            lowest = lowest.min(score);
            let start = text.len() as u32;
            text.extend(token.as_bytes());
            entries.push(Entry { score, start, end: text.len() as u32 });
            text.push(b'\n');
        }
        if u32::try_from(text.len()).is_err() {
            return Err(tell(format!("{} bytes, expected less than {}", text.len(), 1_u64 << 32)));
        }
        let units = trie::build(&text, &entries);
        entries.push(Entry { score: lowest, start: 0, end: 0 });
        let header = Header { tokens: tokens.len() as u32, units: units.len() as u32, zeros: 0 };
        let index =
            [bytemuck::bytes_of(&header), bytemuck::cast_slice(&entries), bytemuck::cast_slice(&units)]
                .concat();
        let [text, index] =
            [text, index].map(|bytes| Bytes::from_lines(aligned_copy(&bytes)).slice(0..bytes.len()));
        Ok(Self { text, index, header })
    }

    /// What [`Lexicon::to_parts`] gave, where it lies, with any bytes after it.
    pub(super) fn from_parts(text: &Bytes, index: &Bytes, path: &Path) -> Result<Self> {
        let broken = || Error::tokenizer(path, "the index of the vocabulary is broken");
        let header = index.get(..size_of::<Header>()).ok_or_else(broken)?;
        let header: Header = bytemuck::pod_read_unaligned(header);
        let lexicon = Self { text: text.clone(), index: index.clone(), header };
        let fits = lexicon.length() <= index.len() && lexicon.trie_if_aligned().is_some();
        if fits { Ok(lexicon) } else { Err(broken()) }
    }

    /// The two parts of a packed file.
    pub(super) fn to_parts(&self) -> [Vec<u8>; 2] {
        let length = self.text.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        [self.text[..length].to_vec(), self.index[..self.length()].to_vec()]
    }

    fn length(&self) -> usize {
        let entries = size_of::<Entry>() * (self.header.tokens as usize + 1);
        size_of::<Header>() + entries + size_of::<u64>() * self.header.units as usize
    }

    /// Fails where a packed file is in memory that is not aligned, or cut short.
    fn trie_if_aligned(&self) -> Option<(Trie<'_>, f64)> {
        let index = self.index.get(size_of::<Header>()..self.length())?;
        let (entries, units) =
            index.split_at_checked(size_of::<Entry>() * (self.header.tokens as usize + 1))?;
        let entries: &[Entry] = bytemuck::try_cast_slice(entries).ok()?;
        let (last, entries) = entries.split_last()?;
        Some((Trie { units: bytemuck::try_cast_slice(units).ok()?, entries, text: &self.text }, last.score))
    }

    fn trie(&self) -> Trie<'_> {
        self.trie_if_aligned().expect("it was checked when it was made").0
    }

    pub(super) fn len(&self) -> usize {
        self.header.tokens as usize
    }

    pub(super) fn get(&self, token: &str) -> Option<u32> {
        self.trie().get(token.as_bytes())
    }

    pub(super) fn token(&self, id: u32) -> Option<&str> {
        str::from_utf8(self.trie().token(id)?).ok()
    }
}

/// A model.
#[derive(Debug)]
pub(super) struct Unigram {
    lexicon: Lexicon,
    unk: u32,
    /// The tokens that stand for bytes, if what has no token is to become those.
    bytes: Option<Box<[u32; 256]>>,
}

impl Unigram {
    pub(super) fn new(lexicon: Lexicon, unk_id: usize, byte_fallback: bool) -> Result<Self, String> {
        if unk_id >= lexicon.len() {
            return Err(format!(
                "model: unk_id is {unk_id}, but the vocabulary has {} tokens",
                lexicon.len()
            ));
        }
        let mut bytes = Box::new([u32::MAX; 256]);
        if byte_fallback {
            for (byte, id) in bytes.iter_mut().enumerate() {
                *id = lexicon.get(&format!("<0x{byte:02X}>")).unwrap_or(u32::MAX);
            }
        }
        Ok(Self { lexicon, unk: unk_id as u32, bytes: byte_fallback.then_some(bytes) })
    }

    pub(super) fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    pub(super) fn unknown(&self) -> u32 {
        self.unk
    }

    /// Splits words, with memory that they share.
    pub(super) fn pieces(&self) -> Pieces<'_> {
        let (trie, lowest) = self.lexicon.trie_if_aligned().expect("it was checked when it was made");
        Pieces { model: self, trie, penalty: lowest - PENALTY, ends: Vec::new() }
    }
}

/// See [`Unigram::pieces`].
pub(super) struct Pieces<'a> {
    model: &'a Unigram,
    trie: Trie<'a>,
    /// The score of a character that is no token.
    penalty: f64,
    /// For each byte of the word where a token may end, the best way to get there.
    ends: Vec<End>,
}

/// The last token of a way, and the score of all of it.
#[derive(Clone, Copy)]
struct End {
    score: f64,
    start: u32,
    id: u32,
}

const NOWHERE: End = End { score: 0.0, start: u32::MAX, id: 0 };

impl Pieces<'_> {
    /// Appends the word's tokens.
    pub(super) fn push(&mut self, word: &str, found: &mut Vec<Piece>) {
        self.find_ways(word.as_bytes(), word.char_indices().map(|(start, c)| (start, c.len_utf8())));
        let (before, unk) = (found.len(), self.model.unk);
        let mut is_unknown = false;
        // The last token first. Unknown ones in a row are one.
        let mut end = word.len();
        while end > 0 {
            let End { start, id, .. } = self.ends[end];
            match found[before..].last_mut() {
                Some(next) if id == unk && next.id == unk => next.start = start,
                _ => found.push(Piece { id, start, end: end as u32 }),
            }
            is_unknown |= id == unk;
            end = start as usize;
        }
        found[before..].reverse();
        if is_unknown {
            for piece in found.split_off(before) {
                self.push_named(word, piece, found);
            }
        }
    }

    /// Sets `ends`; the word's characters are given by their starts and lengths.
    fn find_ways(&mut self, word: &[u8], chars: impl Iterator<Item = (usize, usize)>) {
        let Self { trie, penalty, ends, model } = self;
        ends.clear();
        ends.resize(word.len() + 1, NOWHERE);
        for (start, char_length) in chars {
            let before = ends[start].score;
            let mut offer = |length: usize, id, score| {
                let (score, end) = (score + before, &mut ends[start + length]);
                if end.start == NOWHERE.start || score > end.score {
                    *end = End { score, start: start as u32, id };
                }
            };
            let mut has_char = false;
            trie.prefixes(&word[start..], |length, id, score| {
                offer(length, id, score);
                has_char |= length == char_length;
            });
            if !has_char {
                offer(char_length, model.unk, *penalty);
            }
        }
    }

    /// Appends a piece, and if it is unknown what it is taken for: a token after all, as its parts scored higher, or bytes.
    fn push_named(&self, word: &str, piece: Piece, found: &mut Vec<Piece>) {
        let part = &word.as_bytes()[piece.start as usize..piece.end as usize];
        if piece.id != self.model.unk {
            return found.push(piece);
        }
        if let Some(id) = self.trie.get(part) {
            return found.push(Piece { id, ..piece });
        }
        let ids = self.model.bytes.as_ref().map(|ids| part.iter().map(|&byte| ids[usize::from(byte)]));
        match ids {
            Some(mut ids) if ids.clone().all(|id| id != u32::MAX) => {
                found.extend(ids.by_ref().map(|id| Piece { id, ..piece }));
            }
            _ => found.push(piece),
        }
    }
}
