//! Tokens that are found in a text as a whole, before it is split into words.
//!
//! What the `tokenizers` crate's `AddedVocabulary` does, with the same automaton but without its regular expressions,
//! which are a tenth of a program that links this library, without the offsets that nobody reads, and a window at a time:
//! of a text that is cut no more is looked at than a window beyond what is kept.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    str::Chars,
};

use super::{
    normalizer::{self, Bert, Normalized, Normalizer},
    place::Place,
    spec::AddedToken,
};
pub(super) use finder::is_of_word;
use finder::{Finder, Found, Match, Search};
use in_normalized::InNormalized;

mod finder;
mod in_normalized;

/// The ids of added tokens: what `get` finds in a vocabulary of `len` tokens, or the next free one.
pub(super) fn assign_ids(
    tokens: &[AddedToken],
    len: usize,
    get: impl Fn(&str) -> Option<u32>,
) -> HashMap<&str, u32> {
    let (mut ids, mut next) = (HashMap::new(), len as u32);
    for AddedToken { content, .. } in tokens {
        ids.entry(content.as_str()).or_insert_with(|| {
            get(content).unwrap_or_else(|| {
                next += 1;
                next - 1
            })
        });
    }
    ids
}

/// What a text consists of on its way to ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit<P> {
    Char(char, P),
    /// An added token, by its id. Nothing reaches across it.
    Token(u32, P),
}

/// Added tokens of a tokenizer.
#[derive(Debug)]
pub(super) struct AddedTokens {
    /// Those that are found in a text as it is.
    as_is: Finder,
    /// Those that are found in a text after its normalization.
    normalized: Finder,
}

impl AddedTokens {
    /// `patterns` is what is looked for, one for each of `tokens`. Of tokens with the same id the last one counts; of those
    /// with the same pattern always the same one.
    pub(super) fn new(
        tokens: &[AddedToken],
        patterns: &[String],
        ids: &HashMap<&str, u32>,
        split_special_tokens: bool,
    ) -> Result<Self, String> {
        let mut by_id = BTreeMap::new();
        for (token, pattern) in tokens.iter().zip(patterns) {
            let content = token.content.as_str();
            // Special is what any of them says is special.
            let special = tokens.iter().any(|other| other.content == content && other.special);
            let AddedToken { single_word, lstrip, rstrip, .. } = *token;
            let found = Found {
                id: ids[content],
                single_word,
                lstrip,
                rstrip,
                split: special && split_special_tokens,
            };
            by_id.insert(found.id, (token.is_normalized(), pattern.as_str(), found));
        }
        let finder = |normalized| {
            let tokens = by_id.values().filter(|(when, ..)| *when == normalized);
            Finder::new(&tokens.map(|&(_, pattern, found)| (pattern, found)).collect::<Vec<_>>())
        };
        Ok(Self { as_is: finder(false)?, normalized: finder(true)? })
    }

    /// The tokens and the normalized characters of a text, in their order.
    pub(super) fn units<'a, P: Place>(&'a self, text: &'a str, normalizer: &'a Normalizer) -> Units<'a, P> {
        InNormalized::new(&self.normalized, normalizer.units(AsIs::new(&self.as_is, text)))
    }

    /// [`AddedTokens::units`] by BERT's normalizer, which is quicker to tell alone.
    pub(super) fn bert_units<'a, P: Place>(&'a self, text: &'a str, bert: &Bert) -> BertUnits<'a, P> {
        InNormalized::new(&self.normalized, bert.units(AsIs::new(&self.as_is, text)))
    }
}

/// See [`AddedTokens::units`].
pub(super) type Units<'a, P> = InNormalized<'a, normalizer::Units<'a, AsIs<'a, P>, P>, P>;

/// See [`AddedTokens::bert_units`].
pub(super) type BertUnits<'a, P> = InNormalized<'a, Normalized<AsIs<'a, P>, P>, P>;

/// The characters of a text, and the tokens that are found in it as it is.
#[derive(Clone)]
pub(super) struct AsIs<'a, P> {
    finder: &'a Finder,
    text: &'a str,
    /// What is to be given next: characters of no token,
    chars: Chars<'a>,
    /// and then this token.
    token: Option<(u32, P)>,
    /// How many characters are before `chars`, where that is counted.
    counted: usize,
    /// What is before has been given, or is in `chars` and `token`.
    given: usize,
    /// Where the search goes on. Between here and `given` there is white space alone, whichever comes first: a token has
    /// taken it, or the next one may.
    from: usize,
}

impl<'a, P: Place> AsIs<'a, P> {
    fn new(finder: &'a Finder, text: &'a str) -> Self {
        Self { finder, text, chars: "".chars(), token: None, counted: 0, given: 0, from: 0 }
    }

    /// Searches on until there is something to give.
    fn look_ahead(&mut self) {
        let (text, finder) = (self.text, self.finder);
        loop {
            let end = text.floor_char_boundary(self.from.saturating_add(finder.window()));
            let whole = end == text.len();
            match finder.search(&text[..end], self.from, whole) {
                Search::Clear(_) if whole => {
                    self.chars = text[self.given..].chars();
                    (self.given, self.from) = (end, end);
                    return;
                }
                Search::Clear(to) => {
                    let solid = self.without_white_space(to);
                    self.from = to;
                    if let Some(solid) = solid {
                        self.chars = text[self.given..solid].chars();
                        self.given = solid;
                        return;
                    }
                }
                Search::Match(found) => return self.take(&found),
            }
        }
    }

    /// Where the text that ends at `to` ends without the white space at its end, if anything is left since `from`.
    fn without_white_space(&self, to: usize) -> Option<usize> {
        let length = self.text[self.from..to].trim_end().len();
        (length > 0).then_some(self.from + length)
    }

    /// From `start` to what has been given now; characters from `before` to `start` are to be given first.
    fn place_of(&self, before: usize, start: usize) -> P {
        if !P::IS_KNOWN {
            return P::default();
        }
        let [before, inside] = [before..start, start..self.given].map(|part| self.text[part].chars().count());
        P::new(self.counted + before, self.counted + before + inside)
    }

    fn take(&mut self, &Match { start, end, token }: &Match) {
        let start = if token.lstrip { self.without_white_space(start).unwrap_or(self.given) } else { start };
        let start = start.max(self.given);
        self.chars = self.text[self.given..start].chars();
        let before = self.given;
        let after = &self.text[end..];
        self.given = if token.rstrip { self.text.len() - after.trim_start().len() } else { end };
        self.from = end;
        self.token = Some((token.id, self.place_of(before, start)));
    }
}

impl<P: Place> Iterator for AsIs<'_, P> {
    type Item = Unit<P>;

    #[inline]
    fn next(&mut self) -> Option<Unit<P>> {
        loop {
            if let Some(c) = self.chars.next() {
                let at = self.counted;
                self.counted += usize::from(P::IS_KNOWN);
                return Some(Unit::Char(c, P::new(at, at + 1)));
            }
            if let Some((id, place)) = self.token.take() {
                if P::IS_KNOWN {
                    self.counted = place.end();
                }
                return Some(Unit::Token(id, place));
            }
            if self.from == self.text.len() {
                return None;
            }
            self.look_ahead();
        }
    }
}
