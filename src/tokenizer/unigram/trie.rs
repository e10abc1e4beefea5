//! Which tokens a text begins with: a double array over bytes that is stored as it is searched.
//!
//! A node's children are in one block of 256 units, the child for a byte at the node's base, exclusive or the byte. No two
//! nodes have the same base, so a unit with the right byte is the right unit. What no other token shares with one is not in the
//! trie, but compared. Whatever the units are, a search looks at one for each byte of the text at most, and at none outside.

use std::collections::VecDeque;

use bytemuck::{Pod, Zeroable};

/// A token.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Entry {
    pub(super) score: f64,
    /// Where it is in the text of the vocabulary.
    pub(super) start: u32,
    pub(super) end: u32,
}

/// Ids stay below this.
pub(super) const MAX_TOKENS: usize = (1 << VALUE_BITS) - 1;
const VALUE_BITS: u32 = 24;

/// A node, from the lowest bit: the byte that leads to it, 8 bits; the id of the token that ends there plus 1, 24 bits;
/// the base of its children, 31 bits, or what is left of the token of a leaf: its first byte, and a bit for whether there is
/// more; a bit for whether it is a leaf. All zeros: none.
#[derive(Debug, Clone, Copy)]
struct Unit(u64);

const LEAF: u32 = 1 << 31;
const MORE: u32 = 1 << 8;

impl Unit {
    fn new(byte: u8, id: Option<u32>, rest: u32) -> Self {
        let value = id.map_or(0, |id| u64::from(id) + 1);
        Self(u64::from(byte) | value << 8 | u64::from(rest) << 32)
    }

    fn is(self, byte: u8) -> bool {
        self.0 != 0 && self.0 as u8 == byte
    }

    fn id(self) -> Option<u32> {
        ((self.0 as u32) >> 8).checked_sub(1)
    }

    fn rest(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// A trie where it lies.
#[derive(Clone, Copy)]
pub(super) struct Trie<'a> {
    /// The first one is the root.
    pub(super) units: &'a [u64],
    pub(super) entries: &'a [Entry],
    pub(super) text: &'a [u8],
}

impl<'a> Trie<'a> {
    /// Tells the tokens that `text` begins with, the shortest first: length, id and score.
    #[inline]
    pub(super) fn prefixes(self, text: &[u8], mut tell: impl FnMut(usize, u32, f64)) {
        let Some(mut base) = self.units.first().map(|&root| Unit(root).rest()) else { return };
        for (depth, &byte) in text.iter().enumerate() {
            let Some(unit) = self.units.get((base ^ u32::from(byte)) as usize).map(|&unit| Unit(unit)) else {
                return;
            };
            if !unit.is(byte) {
                return;
            }
            base = unit.rest();
            let Some(id) = unit.id() else { continue };
            let Some(entry) = self.entries.get(id as usize) else { return };
            if base & LEAF == 0 {
                tell(depth + 1, id, entry.score);
                continue;
            }
            let left = &text[depth + 1..];
            if base & MORE == 0 {
                tell(depth + 1, id, entry.score);
            } else if left.first() == Some(&(base as u8)) {
                let more = self.token(id).and_then(|token| token.get(depth + 1..)).unwrap_or_default();
                if left.starts_with(more) {
                    tell(depth + 1 + more.len(), id, entry.score);
                }
            }
            return;
        }
    }

    /// The id of a token.
    pub(super) fn get(self, token: &[u8]) -> Option<u32> {
        let mut found = None;
        self.prefixes(token, |length, id, _| {
            if length == token.len() {
                found = Some(id);
            }
        });
        found
    }

    pub(super) fn token(self, id: u32) -> Option<&'a [u8]> {
        let &Entry { start, end, .. } = self.entries.get(id as usize)?;
        self.text.get(start as usize..end as usize)
    }
}

/// The units of a trie of all tokens. Of equal ones the last counts, and empty ones are in no text.
pub(super) fn build(text: &[u8], entries: &[Entry]) -> Vec<u64> {
    let token = |id: u32| &text[entries[id as usize].start as usize..entries[id as usize].end as usize];
    let mut keys: Vec<_> = (0..entries.len() as u32).map(|id| (beginning(token(id)), id)).collect();
    keys.sort_unstable_by(|(one, a), (other, b)| {
        one.cmp(other).then_with(|| token(*a).cmp(token(*b))).then(a.cmp(b))
    });
    let mut ids: Vec<u32> = keys.iter().map(|&(_, id)| id).collect();
    ids.dedup_by(|next, kept| {
        let is_same = token(*next) == token(*kept);
        if is_same {
            *kept = *next;
        }
        is_same
    });
    ids.retain(|&id| !token(id).is_empty());

    let mut blocks = Blocks::new();
    let mut open = vec![(0_usize, 0_usize, ids.len(), 0_usize)];
    let mut children = Vec::new();
    while let Some((at, first, end, depth)) = open.pop() {
        // Only the first of those that are the same so far can end here.
        let ends = first < end && token(ids[first]).len() == depth;
        children.clear();
        let mut next = first + usize::from(ends);
        while next < end {
            let byte = token(ids[next])[depth];
            let length = ids[next..end].partition_point(|&id| token(id)[depth] == byte);
            children.push((byte, next, next + length));
            next += length;
        }
        let base = blocks.place(&children);
        blocks.units[at] |= Unit::new(0, ends.then(|| ids[first]), base).0;
        for &(byte, first, end) in &children {
            let at = base as usize ^ usize::from(byte);
            let token = token(ids[first]);
            if end - first > 1 {
                blocks.units[at] = u64::from(byte);
                open.push((at, first, end, depth + 1));
            } else {
                let more = token.get(depth + 1).map_or(0, |&byte| MORE | u32::from(byte));
                blocks.units[at] = Unit::new(byte, Some(ids[first]), LEAF | more).0;
            }
        }
    }
    blocks.units
}

/// The first bytes, in an order that is the tokens' own but for those that have them in common.
fn beginning(token: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let length = token.len().min(16);
    bytes[..length].copy_from_slice(&token[..length]);
    u128::from_be_bytes(bytes)
}

/// Where units are put.
struct Blocks {
    units: Vec<u64>,
    /// Those that may still have room.
    open: VecDeque<Block>,
}

/// 256 units in a row, each of which is a bit here.
struct Block {
    start: usize,
    /// Which are free.
    free: Bits,
    /// Which are no node's base.
    bases: Bits,
    /// How often it had no room.
    refusals: u32,
}

type Bits = [u64; 4];

impl Blocks {
    /// A block that has refused so many nodes is nearly full.
    const PATIENCE: u32 = 32;
    const OPEN: usize = 16;

    fn new() -> Self {
        let mut blocks = Self { units: Vec::new(), open: VecDeque::new() };
        blocks.add();
        // The root, and the base that stands for none.
        (blocks.open[0].free[0], blocks.open[0].bases[0]) = (!1, !1);
        blocks
    }

    fn add(&mut self) {
        let start = self.units.len();
        self.open.push_back(Block { start, free: [!0; 4], bases: [!0; 4], refusals: 0 });
        self.units.resize(start + 256, 0);
        if self.open.len() > Self::OPEN {
            self.open.pop_front();
        }
    }

    /// Takes units for the children of a node, and gives its base.
    fn place(&mut self, children: &[(u8, usize, usize)]) -> u32 {
        loop {
            if let Some(base) = self.open.iter_mut().find_map(|block| block.place(children)) {
                return base;
            }
            self.open.retain(|block| block.refusals < Self::PATIENCE);
            self.add();
        }
    }
}

impl Block {
    fn place(&mut self, children: &[(u8, usize, usize)]) -> Option<u32> {
        let mut bases = self.bases;
        for &(byte, ..) in children {
            let free = exchanged(self.free, byte);
            bases.iter_mut().zip(free).for_each(|(bases, free)| *bases &= free);
        }
        let Some(word) = bases.iter().position(|&bits| bits != 0) else {
            self.refusals += 1;
            return None;
        };
        let base = 64 * word + bases[word].trailing_zeros() as usize;
        clear(&mut self.bases, base);
        for &(byte, ..) in children {
            clear(&mut self.free, base ^ usize::from(byte));
        }
        Some((self.start + base) as u32)
    }
}

fn clear(bits: &mut Bits, at: usize) {
    bits[at / 64] &= !(1 << (at % 64));
}

/// Bit i is what bit i, exclusive or `by`, was.
fn exchanged(bits: Bits, by: u8) -> Bits {
    const LOWER: [u64; 6] = [
        0x5555_5555_5555_5555,
        0x3333_3333_3333_3333,
        0x0f0f_0f0f_0f0f_0f0f,
        0x00ff_00ff_00ff_00ff,
        0x0000_ffff_0000_ffff,
        0x0000_0000_ffff_ffff,
    ];
    let mut words = [0, 1, 2, 3].map(|word| bits[word ^ usize::from(by >> 6)]);
    for (power, lower) in LOWER.into_iter().enumerate().filter(|(power, _)| by >> power & 1 == 1) {
        for word in &mut words {
            *word = (*word & lower) << (1 << power) | *word >> (1 << power) & lower;
        }
    }
    words
}
