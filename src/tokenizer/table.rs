//! A hash table from tokens to their ids that holds no token: it says where in the vocabulary's text to compare.

use std::hash::{BuildHasher as _, RandomState};

/// Ids stay below this: as many rows as a word embedding table may have.
pub(super) const MAX_TOKENS: usize = 1 << ID_BITS;
const ID_BITS: u32 = 24;

/// Hashes text character by character, so that one pass over a word hashes all its beginnings.
///
/// The keys are drawn anew in every process: whoever writes a vocabulary can't know which of its tokens will meet, and
/// the table needs no guard against a file full of tokens that all do. No result depends on the keys.
pub(super) struct Hash {
    start: u64,
    step: u64,
    finish: u64,
}

/// What there is to know of a text up to its end or the first line feed.
pub(super) struct Line {
    pub(super) state: u64,
    pub(super) bytes: usize,
    pub(super) chars: usize,
}

impl Hash {
    fn new() -> Self {
        let random = RandomState::new();
        let [start, step, finish] = [0, 1, 2].map(|key| random.hash_one(key));
        // Odd, so that a product loses nothing.
        Self { start, step: step | 1, finish: finish | 1 }
    }

    /// The state after one more character. Two states that differ meet with a chance of about 1 in 2^64.
    pub(super) fn step(&self, state: u64, c: char) -> u64 {
        fold(state ^ u64::from(c), self.step)
    }

    pub(super) fn line(&self, text: &str) -> Line {
        let (mut state, mut chars) = (self.start, 0);
        for (bytes, c) in text.char_indices() {
            if c == '\n' {
                return Line { state, bytes, chars };
            }
            state = self.step(state, c);
            chars += 1;
        }
        Line { state, bytes: text.len(), chars }
    }
}

/// Hashes two ids as one, with keys as those of [`struct@Hash`].
pub(super) struct PairHash(Hash);

impl PairHash {
    pub(super) fn new() -> Self {
        Self(Hash::new())
    }

    /// A place below `len`.
    #[inline]
    pub(super) fn of(&self, left: u32, right: u32, len: usize) -> usize {
        let Hash { start, step, finish } = self.0;
        // As in a table of tokens, a step alone would leave pairs in rows that differ by little.
        let hash = fold(fold(start ^ (u64::from(left) << 32 | u64::from(right)), step), finish);
        ((u128::from(hash) * len as u128) >> 64) as usize
    }
}

/// Both halves of the product, one over the other: every bit of it depends on every bit of `a`.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Open addressing with linear probing, at most half full.
pub(super) struct Table {
    pub(super) hash: Hash,
    /// From the highest bit: 32 of the token's place, 8 of its hash (never 0), 24 of its id. 0 where there is none.
    slots: Box<[u64]>,
    len: usize,
}

impl Table {
    /// With room for this many tokens.
    pub(super) fn new(tokens: usize) -> Self {
        // Zeros come from the system as such: a page that nothing hashes to takes no memory.
        Self { hash: Hash::new(), slots: vec![0; 2 * tokens + 1].into(), len: 0 }
    }

    /// How many different tokens there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds the token of which `hash` gave `state`, or changes its id. `is_it` tells whether the token at a place is the
    /// same. There must be room for it, and the id be less than [`MAX_TOKENS`].
    pub(super) fn insert(&mut self, state: u64, id: u32, place: u32, is_it: impl Fn(usize) -> bool) {
        debug_assert!((id as usize) < MAX_TOKENS);
        let (at, tag) = self.find(state, is_it);
        self.len += usize::from(self.slots[at] == 0);
        debug_assert!(2 * self.len < self.slots.len());
        self.slots[at] = u64::from(place) << 32 | u64::from(tag) << ID_BITS | u64::from(id);
    }

    /// The token's id.
    pub(super) fn get(&self, state: u64, is_it: impl Fn(usize) -> bool) -> Option<u32> {
        let slot = self.slots[self.find(state, is_it).0];
        (slot != 0).then_some(id(slot))
    }

    /// Every token's id and place, in no order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, usize)> {
        self.slots.iter().filter(|&&slot| slot != 0).map(|&slot| (id(slot), place(slot)))
    }

    /// The most steps that a look-up can take.
    #[cfg(test)]
    pub(super) fn longest_run(&self) -> usize {
        self.slots.split(|&slot| slot == 0).map(<[u64]>::len).max().unwrap_or(0)
    }

    /// The token's slot, or the free one where it belongs, and the bits of its hash that go there.
    fn find(&self, state: u64, is_it: impl Fn(usize) -> bool) -> (usize, u8) {
        // A step alone would leave tokens of one character in rows, as near to each other as their numbers are.
        let hash = fold(state, self.hash.finish);
        let tag = (hash as u8).max(1);
        let mut at = ((u128::from(hash) * self.slots.len() as u128) >> 64) as usize;
        loop {
            let slot = self.slots[at];
            if slot == 0 || ((slot >> ID_BITS) as u8 == tag && is_it(place(slot))) {
                return (at, tag);
            }
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
    }
}

fn id(slot: u64) -> u32 {
    slot as u32 & (MAX_TOKENS as u32 - 1)
}

fn place(slot: u64) -> usize {
    (slot >> 32) as usize
}
