//! The tokens that are found in a text after its normalization.

use super::{
    Unit,
    finder::{Finder, Match, Search},
};
use crate::tokenizer::place::Place;

/// Normalized characters, and the tokens that are found in them.
pub(in crate::tokenizer) struct InNormalized<'a, I, P> {
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
    /// Where the search goes on: see [`super::AsIs`].
    from: usize,
    /// What comes after the last character, when that has been read.
    after: Option<Option<Unit<P>>>,
}

impl<'a, I: Iterator<Item = Unit<P>>, P: Place> InNormalized<'a, I, P> {
    pub(super) fn new(finder: &'a Finder, units: I) -> Self {
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
