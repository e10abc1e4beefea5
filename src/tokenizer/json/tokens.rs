//! The vocabularies of a `tokenizer.json`.

use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

use crate::tokenizer::vocabulary::Key;

/// The tokens of a model, in the order of the file.
pub(super) enum Tokens<'a> {
    Ids(Vec<(u32, Cow<'a, str>)>),
    Scores(Vec<(Cow<'a, str>, f64)>),
}

impl<'de: 'a, 'a> Deserialize<'de> for Tokens<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Tokens<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of tokens and ids, or a list of tokens and scores")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tokens<'de>, A::Error> {
                let mut tokens = Vec::new();
                while let Some((Key(token), id)) = map.next_entry()? {
                    tokens.push((id, token));
                }
                Ok(Tokens::Ids(tokens))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tokens<'de>, A::Error> {
                let mut tokens = Vec::new();
                while let Some((Key(token), score)) = list.next_element()? {
                    tokens.push((token, score));
                }
                Ok(Tokens::Scores(tokens))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
