//! Merges as files have them.

use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

use super::merges::{Merge, Merges};
use crate::tokenizer::vocabulary::{Key, Vocabulary};

/// A merge in a `tokenizer.json`, or a line of a `merges.txt`.
pub(in crate::tokenizer) enum WrittenMerge<'a> {
    Line(Cow<'a, str>),
    Pair([Cow<'a, str>; 2]),
}

impl<'de: 'a, 'a> Deserialize<'de> for WrittenMerge<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WrittenMerge<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a merge: two tokens")
            }

            fn visit_borrowed_str<E: Error>(self, line: &'de str) -> Result<Self::Value, E> {
                Ok(WrittenMerge::Line(line.into()))
            }

            fn visit_str<E: Error>(self, line: &str) -> Result<Self::Value, E> {
                Ok(WrittenMerge::Line(line.to_owned().into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut next = || list.next_element()?.ok_or_else(|| A::Error::invalid_length(1, &self));
                let [Key(left), Key(right)] = [next()?, next()?];
                Ok(WrittenMerge::Pair([left, right]))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// From `merges.txt`: a merge a line.
pub(in crate::tokenizer) fn from_text(bytes: &[u8], vocabulary: &Vocabulary) -> Result<Merges, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        format!("line {line} is not UTF-8")
    })?;
    let lines: Vec<_> = text.lines().map(|line| WrittenMerge::Line(line.into())).collect();
    read(&lines, vocabulary)
}

/// Finds the tokens of merges, and what they become. An error says which one is wrong.
pub(in crate::tokenizer) fn read(
    list: &[WrittenMerge<'_>],
    vocabulary: &Vocabulary,
) -> Result<Merges, String> {
    let mut joined = String::new();
    let mut merges = Vec::with_capacity(list.len());
    for (merge, number) in list.iter().zip(1..) {
        let tell = |reason: &str| Err(format!("{number}, {merge}: {reason}"));
        let (left, right) = match merge {
            WrittenMerge::Line(line) if line.starts_with("#version") => continue,
            WrittenMerge::Line(line) => match line.split_once(' ') {
                Some((left, right)) if !right.contains(' ') => (left, right),
                _ => return tell("not two tokens with a space between"),
            },
            WrittenMerge::Pair([left, right]) => (&**left, &**right),
        };
        joined.clear();
        joined.extend([left, right]);
        let mut ids: Merge = [0; 3];
        for (id, token) in ids.iter_mut().zip([left, right, &joined]) {
            match vocabulary.get(token) {
                Some(found) => *id = found,
                None => return tell(&format!("the vocabulary lacks {token:?}")),
            }
        }
        merges.push(ids);
    }
    Ok(Merges::new(merges.into_iter()))
}

impl std::fmt::Display for WrittenMerge<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(line) => write!(f, "{line:?}"),
            Self::Pair([left, right]) => write!(f, "[{left:?}, {right:?}]"),
        }
    }
}
