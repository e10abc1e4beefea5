//! Which two tokens become one, and which of several pairs does first.

use std::fmt;

use crate::tokenizer::{table::PairHash, vocabulary::Vocabulary};

/// Two tokens, and what they become.
pub(in crate::tokenizer) type Merge = [u32; 3];

/// Merges by their pair: open addressing with linear probing, at most half full.
pub(in crate::tokenizer) struct Merges {
    hash: PairHash,
    /// A merge, and its place in the list, from 1; all 0 where there is none.
    slots: Box<[[u32; 4]]>,
}

impl Merges {
    /// Of a pair that occurs twice the last place counts.
    pub(in crate::tokenizer) fn new(list: impl ExactSizeIterator<Item = Merge>) -> Self {
        // Zeros come from the system as such: a page that nothing hashes to takes no memory.
        let slots = vec![[0; 4]; 2 * list.len() + 1].into();
        let mut merges = Self { hash: PairHash::new(), slots };
        for ([left, right, joined], place) in list.zip(1..) {
            let at = merges.find(left, right);
            merges.slots[at] = [left, right, joined, place];
        }
        merges
    }

    /// The place of a pair in the list, and the token that it becomes.
    #[inline]
    pub(super) fn get(&self, left: u32, right: u32) -> Option<(u32, u32)> {
        let [.., joined, place] = self.slots[self.find(left, right)];
        (place != 0).then_some((place, joined))
    }

    /// The slot of a pair, or the free one where it belongs.
    #[inline]
    fn find(&self, left: u32, right: u32) -> usize {
        let mut at = self.hash.of(left, right, self.slots.len());
        loop {
            let [l, r, _, place] = self.slots[at];
            if place == 0 || (l, r) == (left, right) {
                return at;
            }
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
    }

    /// The most steps that a look-up can take.
    #[cfg(test)]
    pub(super) fn longest_run(&self) -> usize {
        self.slots.split(|slot| slot[3] == 0).map(<[_]>::len).max().unwrap_or(0)
    }

    /// The packed form: merges in the order of their places, each three numbers.
    pub(in crate::tokenizer) fn to_bytes(&self) -> Vec<u8> {
        let mut merges: Vec<_> = self.slots.iter().filter(|slot| slot[3] != 0).collect();
        merges.sort_unstable_by_key(|slot| slot[3]);
        merges.iter().flat_map(|slot| &slot[..3]).flat_map(|id| id.to_le_bytes()).collect()
    }

    /// From the packed form, with zero bytes after it: no merge is all zeros, for it makes another token than its parts.
    pub(in crate::tokenizer) fn from_bytes(bytes: &[u8], vocabulary: &Vocabulary) -> Result<Self, String> {
        let length = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let whole = bytes.get(..length.next_multiple_of(size_of::<Merge>()));
        let numbers = whole.ok_or("the last merge is cut off")?.as_chunks().0;
        let list = numbers.as_chunks::<3>().0.iter().map(|merge| merge.map(u32::from_le_bytes));
        let highest = vocabulary.highest();
        if let Some(id) = list.clone().flatten().find(|&id| id > highest) {
            return Err(format!("a merge has the token {id}, but the highest is {highest}"));
        }
        Ok(Self::new(list))
    }
}

impl fmt::Debug for Merges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Merges({} at most)", self.slots.len() / 2)
    }
}
