//! The tokens and their ids, before they become a model.

use std::{collections::HashMap, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use crate::error::{Error, Result};

/// Ids stay below this: as many rows as a word embedding table may have.
const MAX_TOKENS: usize = 1 << 24;

/// Tokens with their ids, ascending. No token is empty: such a one can't occur in a text.
#[derive(Debug)]
pub(super) struct Vocabulary(pub(super) Vec<(u32, String)>);

impl Vocabulary {
    /// From `vocab.txt`: one token a line, its id the line's number. A token that occurs twice has its last id.
    pub(super) fn from_text(bytes: &[u8], path: &Path) -> Result<Self> {
        let mut text = utf8(bytes, "line", 1, path)?.to_owned();
        if text.contains('\r') {
            text = text.replace("\r\n", "\n").replace('\r', "\n");
        }
        Self::new(numbered(text.split('\n')), path)
    }

    /// From the packed form: each token ended by a line feed, then zero bytes up to the end.
    pub(super) fn from_lines(bytes: &[u8], path: &Path) -> Result<Self> {
        let length = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let text = utf8(&bytes[..length], "token", 0, path)?;
        Self::new(numbered(text.split_terminator('\n')), path)
    }

    /// The packed form of a model's vocabulary.
    pub(super) fn to_lines(vocabulary: HashMap<String, u32>) -> Vec<u8> {
        let mut tokens: Vec<_> = vocabulary.into_iter().map(|(token, id)| (id as usize, token)).collect();
        tokens.sort_unstable();
        let mut lines = Vec::new();
        let mut next = 0;
        for (id, token) in tokens {
            lines.resize(lines.len() + (id - next), b'\n');
            lines.extend(token.bytes());
            lines.push(b'\n');
            next = id + 1;
        }
        lines
    }

    /// Sorts and checks tokens from any source.
    pub(super) fn new(mut tokens: Vec<(u32, String)>, path: &Path) -> Result<Self> {
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
        for (id, token) in &tokens {
            if *id as usize >= MAX_TOKENS {
                let reason =
                    format!("token {token:?}: id {id} is out of range, expected less than {MAX_TOKENS}");
                return Err(Error::tokenizer(path, reason));
            }
            if token.contains('\n') {
                return Err(Error::tokenizer(path, format!("token {id} contains a line break")));
            }
        }
        Ok(Self(tokens))
    }

    pub(super) fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|(_, other)| other == token)
    }
}

fn numbered<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(u32, String)> {
    (0..).zip(lines).map(|(id, token)| (id, token.to_owned())).collect()
}

fn utf8<'a>(bytes: &'a [u8], unit: &str, first: usize, path: &Path) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
        Error::tokenizer(path, format!("{unit} {} is not UTF-8", line + first))
    })
}

/// A JSON object `{token: id}`, read into a list: quicker than a map, and nothing is lost.
pub(super) struct TokenIds(pub(super) Vec<(u32, String)>);

impl<'de> Deserialize<'de> for TokenIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tokens;
        impl<'de> Visitor<'de> for Tokens {
            type Value = TokenIds;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of tokens and their ids")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TokenIds, A::Error> {
                let mut tokens = Vec::new();
                while let Some((token, id)) = map.next_entry()? {
                    tokens.push((id, token));
                }
                Ok(TokenIds(tokens))
            }
        }
        deserializer.deserialize_map(Tokens)
    }
}
