//! SentencePiece's tables of what characters become, as they are in its models: `nmt_nfkc` and the like.
//!
//! | bytes | meaning |
//! | --- | --- |
//! | 4 | n, the length of what follows |
//! | n | a trie over bytes, a double array of u32 |
//! | the rest | texts, each ended by a zero byte; a value of the trie is where one begins |

use unicode_segmentation::{Graphemes, UnicodeSegmentation as _};

use super::{chunk::Chunk, is_plain};
use crate::tokenizer::place::Place;

/// Longer clusters of characters are looked up character by character.
const LONGEST_CLUSTER: usize = 5;

pub(super) struct Charsmap {
    trie: Vec<u32>,
    texts: String,
}

impl Charsmap {
    pub(super) fn from_base64(text: &str) -> Result<Self, String> {
        let broken = |what: &str| format!("Precompiled: precompiled_charsmap {what}");
        let bytes = base64(text).ok_or_else(|| broken("is not base64"))?;
        let (length, rest) = bytes.split_first_chunk().ok_or_else(|| broken("is cut short"))?;
        let length = u32::from_le_bytes(*length) as usize;
        let (trie, texts) = rest.split_at_checked(length).ok_or_else(|| broken("is cut short"))?;
        let (units, rest) = trie.as_chunks();
        let trie: Vec<_> = units.iter().map(|&unit| u32::from_le_bytes(unit)).collect();
        if trie.is_empty() || !rest.is_empty() {
            return Err(broken(&format!("has a trie of {length} bytes")));
        }
        let texts = String::from_utf8(texts.to_vec()).map_err(|_| broken("has texts that are not UTF-8"))?;
        let map = Self { trie, texts };
        map.check().map_err(broken)?;
        Ok(map)
    }

    /// Goes through all nodes: their children are in the trie, and their values in the texts.
    fn check(&self) -> Result<(), &'static str> {
        let mut seen = vec![false; self.trie.len()];
        let mut open = vec![offset(self.trie[0])];
        while let Some(node) = open.pop() {
            let start = node & !0xff;
            let block = self.trie.get(start..start + 0x100).ok_or("has a trie that leads out of itself")?;
            if std::mem::replace(&mut seen[node], true) {
                continue;
            }
            for (place, &unit) in block.iter().enumerate() {
                let byte = place ^ (node & 0xff);
                if byte == 0 || label(unit) != byte as u32 {
                    continue;
                }
                let child = (start + place) ^ offset(unit);
                if has_value(unit) {
                    let text = self.trie.get(child).and_then(|&leaf| self.texts.get(value(leaf)..));
                    if !text.is_some_and(|text| text.contains('\0')) {
                        return Err("has a trie with a value outside of the texts");
                    }
                }
                open.push(child);
            }
        }
        Ok(())
    }

    /// What the shortest beginning of a text that has an entry becomes: the crate takes it for all of the text.
    pub(super) fn transform(&self, text: &str) -> Option<&str> {
        let mut node = offset(*self.trie.first()?);
        for byte in text.bytes().take_while(|&byte| byte != 0) {
            let at = node ^ usize::from(byte);
            let unit = *self.trie.get(at)?;
            if label(unit) != u32::from(byte) {
                return None;
            }
            node = at ^ offset(unit);
            if has_value(unit) {
                let text = self.texts.get(value(*self.trie.get(node)?)..)?;
                return Some(text.split_once('\0').map_or(text, |(text, _)| text));
            }
        }
        None
    }

    pub(super) fn apply<P: Place>(&self, chunk: &mut Chunk<P>, before: &mut Vec<P>) {
        let text = std::mem::take(&mut chunk.text);
        let mut changed = Vec::with_capacity(text.len());
        for cluster in (Clusters { rest: &text, inside: "".graphemes(true) }) {
            let whole = if cluster.len() > LONGEST_CLUSTER { None } else { self.transform(cluster) };
            if let Some(made) = whole {
                replace(&mut changed, cluster.chars().count(), made);
                continue;
            }
            for c in cluster.chars() {
                match self.transform(c.encode_utf8(&mut [0; 4])) {
                    Some(made) => replace(&mut changed, 1, made),
                    None => changed.push((c, 0)),
                }
            }
        }
        chunk.transform(changed, 0, before);
    }
}

/// So many characters become `made`: see [`Chunk::transform`]. That characters are gone is told of the one before, if any.
fn replace(changed: &mut Vec<(char, isize)>, count: usize, made: &str) {
    let start = changed.len();
    changed.extend(made.chars().map(|c| (c, 0)));
    let more = (changed.len() - start) as isize - count as isize;
    if more > 0 {
        changed[start + count..].iter_mut().for_each(|(_, change)| *change = 1);
    } else if let Some((_, change)) = changed.last_mut() {
        *change += more;
    }
}

/// A text's grapheme clusters. Nearly all of ASCII, and of Chinese, is told without tables.
struct Clusters<'a> {
    rest: &'a str,
    inside: Graphemes<'a>,
}

impl<'a> Iterator for Clusters<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if let Some(cluster) = self.inside.next() {
            return Some(cluster);
        }
        let is_apart = |left: char, right: char| {
            let is_simple = |c: char| c.is_ascii() || is_plain(c);
            is_simple(left) && is_simple(right) && (left, right) != ('\r', '\n')
        };
        let mut chars = self.rest.char_indices();
        let (_, first) = chars.next()?;
        let mut last = first;
        let end = chars.find_map(|(at, c)| is_apart(std::mem::replace(&mut last, c), c).then_some(at));
        let (stretch, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        if stretch.len() == first.len_utf8() {
            return Some(stretch);
        }
        self.inside = stretch.graphemes(true);
        self.inside.next()
    }
}

/// Darts' units: the byte that leads to a node, whether a value is there, and where its children are, by exclusive or.
fn label(unit: u32) -> u32 {
    unit & (1 << 31 | 0xff)
}

fn has_value(unit: u32) -> bool {
    unit >> 8 & 1 == 1
}

fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize
}

fn value(leaf: u32) -> usize {
    (leaf & !(1 << 31)) as usize
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_suffix("==").or(text.strip_suffix('=')).unwrap_or(text).as_bytes();
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.chunks(4) {
        let mut bits = 0;
        for &byte in group {
            bits = bits << 6 | u32::from(digit(byte)?);
        }
        let whole = (bits << (6 * (4 - group.len()))).to_be_bytes();
        bytes.extend(&whole[1..group.len()]);
    }
    (text.len() % 4 != 1).then_some(bytes)
}

impl std::fmt::Debug for Charsmap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Charsmap({} units)", self.trie.len())
    }
}
