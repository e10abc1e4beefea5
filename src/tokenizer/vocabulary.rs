//! The tokens and their ids: a text that stays where it is, and a table of places in it.

use std::{borrow::Cow, fmt, marker::PhantomData, path::Path, str, sync::OnceLock};

use nimbert_kernels::aligned_copy;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::table::{Hash, MAX_TOKENS, Table};
use crate::{
    checkpoint::weights::Bytes,
    error::{Error, Result},
};

/// Tokens with their ids. No token is empty: such a one can't occur in a text.
pub(super) struct Vocabulary {
    /// Tokens, one after the other, a line feed after each but perhaps the last.
    text: Bytes,
    table: Table,
    /// The highest id.
    highest: u32,
    /// Characters of the longest token.
    longest: usize,
    /// Where each id's token is, in `text`, for who asks the first time; `u32::MAX` for none.
    places: OnceLock<Box<[u32]>>,
}

impl Vocabulary {
    /// From `vocab.txt`: one token a line, its id the line's number. A token that occurs twice has its last id.
    pub(super) fn from_text(bytes: &[u8], path: &Path) -> Result<Self> {
        let text = utf8(bytes, "line", 1, path)?;
        if text.contains('\r') {
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            return Self::index(owned(text.as_bytes()), &text, 0.., path);
        }
        Self::index(owned(bytes), text, 0.., path)
    }

    /// From the packed form: each token ended by a line feed, then zero bytes up to the end.
    pub(super) fn from_lines(bytes: &Bytes, path: &Path) -> Result<Self> {
        let length = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let text = utf8(&bytes[..length], "token", 0, path)?;
        Self::index(bytes.slice(0..length), text, 0.., path)
    }

    /// Sorts and checks tokens from any source.
    pub(super) fn new(mut tokens: Vec<(u32, Cow<'_, str>)>, path: &Path) -> Result<Self> {
        tokens.retain(|(_, token)| !token.is_empty());
        tokens.sort_by_key(|(id, _)| *id);
        for pair in tokens.windows(2) {
            let [(id, one), (other_id, other)] = pair else { continue };
            if id == other_id && one != other {
                return Err(Error::tokenizer(
                    path,
                    format!("tokens {one:?} and {other:?} both have the id {id}"),
                ));
            }
        }
        let mut text = String::new();
        for (id, token) in &tokens {
            if token.contains('\n') {
                return Err(Error::tokenizer(path, format!("token {id} contains a line break")));
            }
            text += token;
            text.push('\n');
        }
        Self::index(owned(text.as_bytes()), &text, tokens.iter().map(|(id, _)| *id), path)
    }

    /// Finds every token of `bytes`, which are `text`. The lines have the ids, which ascend.
    fn index(bytes: Bytes, text: &str, mut ids: impl Iterator<Item = u32>, path: &Path) -> Result<Self> {
        if u32::try_from(text.len()).is_err() {
            let reason =
                format!("the vocabulary has {} bytes, expected less than {}", text.len(), 1_u64 << 32);
            return Err(Error::tokenizer(path, reason));
        }
        // Of more tokens than there are ids, one is out of range.
        let mut table = Table::new(count_tokens(text.as_bytes()).min(MAX_TOKENS));
        let (mut highest, mut longest) = (0, 0);
        let mut start = 0;
        while start < text.len()
            && let Some(id) = ids.next()
        {
            let line = table.hash.line(&text[start..]);
            let token = &text[start..start + line.bytes];
            if !token.is_empty() {
                if id as usize >= MAX_TOKENS {
                    let reason =
                        format!("token {token:?}: id {id} is out of range, expected less than {MAX_TOKENS}");
                    return Err(Error::tokenizer(path, reason));
                }
                let is_it = |place| is_line(text.as_bytes(), place, "", token);
                table.insert(line.state, id, start as u32, is_it);
                longest = longest.max(line.chars);
                highest = id;
            }
            start += line.bytes + 1;
        }
        Ok(Self { text: bytes, table, highest, longest, places: OnceLock::new() })
    }

    /// The packed form: every token at the line of its id.
    pub(super) fn to_lines(&self) -> Vec<u8> {
        let mut tokens: Vec<_> = self.table.entries().map(|(id, place)| (id as usize, place)).collect();
        tokens.sort_unstable();
        let mut lines = Vec::with_capacity(self.text.len() + 1);
        let mut next = 0;
        for (id, place) in tokens {
            lines.resize(lines.len() + (id - next), b'\n');
            lines.extend(self.text[place..].iter().take_while(|&&byte| byte != b'\n'));
            lines.push(b'\n');
            next = id + 1;
        }
        lines
    }

    /// The token of this id.
    pub(super) fn token(&self, id: u32) -> Option<&str> {
        let places = self.places.get_or_init(|| {
            let mut places = vec![u32::MAX; self.highest as usize + 1];
            for (id, place) in self.table.entries() {
                places[id as usize] = place as u32;
            }
            places.into()
        });
        let place = places.get(id as usize).copied().filter(|&place| place != u32::MAX)?;
        let line = self.text[place as usize..].split(|&byte| byte == b'\n').next()?;
        str::from_utf8(line).ok()
    }

    /// How many different tokens there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// The highest id, 0 if there is none.
    pub(super) fn highest(&self) -> u32 {
        self.highest
    }

    /// How many characters the longest token has.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    pub(super) fn get(&self, token: &str) -> Option<u32> {
        let line = self.hash().line(token);
        if line.bytes < token.len() { None } else { self.find(line.state, "", token) }
    }

    pub(super) fn hash(&self) -> &Hash {
        &self.table.hash
    }

    /// The id of `prefix` and `rest` together, which hash to `state` and contain no line feed.
    pub(super) fn find(&self, state: u64, prefix: &str, rest: &str) -> Option<u32> {
        self.table.get(state, |place| is_line(&self.text, place, prefix, rest))
    }
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vocabulary({} tokens)", self.len())
    }
}

/// Whether the line that starts at `start` is `prefix` and `rest`, which contain no line feed.
fn is_line(text: &[u8], start: usize, prefix: &str, rest: &str) -> bool {
    // Byte by byte: of a few bytes, a call that compares many at once is most of a look-up's time.
    let mut line = text.get(start..).unwrap_or_default().iter();
    let is_same = prefix.bytes().all(|byte| line.next() == Some(&byte));
    is_same
        && rest.bytes().all(|byte| line.next() == Some(&byte))
        && line.next().is_none_or(|&byte| byte == b'\n')
}

/// How many lines are not empty.
fn count_tokens(text: &[u8]) -> usize {
    let first = text.first().is_some_and(|&byte| byte != b'\n');
    let pairs = text.chunks(255).zip(text.get(1..).unwrap_or_default().chunks(255));
    // Counted in bytes, so many at once: a tenth of the time.
    let starts = |(left, right): (&[u8], &[u8])| {
        let starts = left.iter().zip(right).map(|(&left, &right)| (left == b'\n') & (right != b'\n'));
        usize::from(starts.map(u8::from).sum::<u8>())
    };
    usize::from(first) + pairs.map(starts).sum::<usize>()
}

fn owned(text: &[u8]) -> Bytes {
    Bytes::from_lines(aligned_copy(text)).slice(0..text.len())
}

fn utf8<'a>(bytes: &'a [u8], unit: &str, first: usize, path: &Path) -> Result<&'a str> {
    str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
        Error::tokenizer(path, format!("{unit} {} is not UTF-8", line + first))
    })
}

/// A JSON object, read into a list: quicker than a map, in the file's order, and nothing is lost. Keys without escapes are
/// not copied.
pub(super) struct Entries<'a, V>(pub(super) Vec<(V, Cow<'a, str>)>);

/// `{token: id}`.
pub(super) type TokenIds<'a> = Entries<'a, u32>;

/// A text that is not copied unless it has escapes.
#[derive(Deserialize)]
pub(super) struct Key<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl<'de: 'a, 'a, V: Deserialize<'de>> Deserialize<'de> for Entries<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object<V>(PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for Object<V> {
            type Value = Entries<'de, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de, V>, A::Error> {
                let mut entries = Vec::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    entries.push((value, key));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Object(PhantomData))
    }
}
