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

mod finder;

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

/// Normalized characters, and the tokens that are found in them.
pub(super) struct InNormalized<'a, I, P> {
    finder: &'a Finder,
    units: I,
    /// Characters that were read ahead. There may be one before them that was given: a token can depend on it.
    ahead: String,
    /// Of each, where that is known.
    places: Vec<P>,
    /// Bytes that were given, and characters.
    given: usize,
    counted: usize,
    /// Up to here no token begins, from `given` on.
    clear: usize,
    /// The token that begins there: its id, and its end.
    token: Option<(u32, usize)>,
    /// Where the search goes on: see [`AsIs`].
    from: usize,
    /// What comes after the last character, when that has been read.
    after: Option<Option<Unit<P>>>,
}

impl<'a, I: Iterator<Item = Unit<P>>, P: Place> InNormalized<'a, I, P> {
    fn new(finder: &'a Finder, units: I) -> Self {
        let (ahead, places) = (String::new(), Vec::new());
        Self {
            finder,
            units,
            ahead,
            places,
            given: 0,
            counted: 0,
            clear: 0,
            token: None,
            from: 0,
            after: None,
        }
    }

    /// Reads one more unit.
    fn read(&mut self) {
        match self.units.next() {
            Some(Unit::Char(c, place)) => {
                self.ahead.push(c);
                if P::IS_KNOWN {
                    self.places.push(place);
                }
            }
            after => self.after = Some(after),
        }
    }

    /// Forgets what is before the last character that still counts.
    fn forget(&mut self) {
        let needed = &self.ahead[..self.from.min(self.given)];
        let start = needed.len() - needed.chars().next_back().map_or(0, char::len_utf8);
        if P::IS_KNOWN {
            let chars = self.ahead[..start].chars().count();
            self.places.drain(..chars);
            self.counted -= chars;
        }
        self.ahead.drain(..start);
        (self.from, self.given) = (self.from - start, self.given - start);
    }

    /// Searches on, when all that is clear has been given.
    fn look_ahead(&mut self) {
        self.forget();
        while self.after.is_none() && self.ahead.len() - self.from < self.finder.window() {
            self.read();
        }
        match self.finder.search(&self.ahead, self.from, self.after.is_some()) {
            Search::Clear(to) => {
                self.from = to;
                // White space may be of the token after it.
                let is_whole = self.after.is_some() && to == self.ahead.len();
                self.clear = if is_whole { to } else { self.solid(to) };
            }
            Search::Match(Match { start, end, token }) => {
                self.clear = if token.lstrip { self.solid(start) } else { start.max(self.given) };
                self.from = end;
                let stop = if token.rstrip { self.after_white_space(end) } else { end };
                self.token = Some((token.id, stop));
            }
        }
    }

    /// Where what is left to give before `to` ends without the white space at its end.
    fn solid(&self, to: usize) -> usize {
        self.given + self.ahead.get(self.given..to).map_or(0, |left| left.trim_end().len())
    }

    fn after_white_space(&mut self, from: usize) -> usize {
        loop {
            let stop = self.ahead.len() - self.ahead[from..].trim_start().len();
            if stop < self.ahead.len() || self.after.is_some() {
                return stop;
            }
            self.read();
        }
    }
}

impl<I: Iterator<Item = Unit<P>>, P: Place> Iterator for InNormalized<'_, I, P> {
    type Item = Unit<P>;

    #[inline]
    fn next(&mut self) -> Option<Unit<P>> {
        if self.finder.is_empty() {
            return self.units.next();
        }
        loop {
            if let Some(c) = self.ahead.get(self.given..self.clear).and_then(|clear| clear.chars().next()) {
                let place = if P::IS_KNOWN { self.places[self.counted] } else { P::default() };
                self.given += c.len_utf8();
                self.counted += 1;
                return Some(Unit::Char(c, place));
            }
            if let Some((id, end)) = self.token.take() {
                let start = self.counted;
                let chars = self.ahead[self.given..end].chars().count();
                (self.given, self.clear, self.counted) = (end, end, start + chars);
                let of = |places: &[P]| places[start].to(places[start + chars - 1]);
                return Some(Unit::Token(id, if P::IS_KNOWN { of(&self.places) } else { P::default() }));
            }
            if self.from == self.ahead.len()
                && let Some(after) = self.after.take()
            {
                self.ahead.clear();
                self.places.clear();
                (self.given, self.counted, self.clear, self.from) = (0, 0, 0, 0);
                return after;
            }
            self.look_ahead();
        }
    }
}
