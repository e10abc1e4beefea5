//! How texts are split into words, by any of the ways that a `tokenizer.json` can name, and several of them in a row.

use std::collections::VecDeque;

use super::{
    added::{Unit, is_of_word},
    place::Place,
    spec::{Metaspace, PreTokenization, PrependScheme},
    words::{Next, Word, Words, is_punctuation},
};

/// Splits words that the one before has left.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Splitter {
    /// White space goes.
    WhiteSpace,
    /// White space goes, and what makes words is apart from what does not.
    WordCharacters,
    /// Runs of digits are apart.
    Numbers,
    /// Each digit is apart.
    Digits,
    /// Each punctuation mark is apart.
    Punctuation,
    Metaspace(Metaspace),
}

impl Splitter {
    /// What a part of a `tokenizer.json` does, in the order in which it does it.
    pub(super) fn all(part: Option<&PreTokenization>) -> Result<Vec<Self>, String> {
        Ok(match part {
            None => vec![],
            Some(PreTokenization::BertPreTokenizer) => vec![Self::WhiteSpace, Self::Punctuation],
            Some(PreTokenization::WhitespaceSplit) => vec![Self::WhiteSpace],
            Some(PreTokenization::Whitespace) => vec![Self::WordCharacters],
            Some(PreTokenization::Digits { individual_digits: false }) => vec![Self::Numbers],
            Some(PreTokenization::Digits { individual_digits: true }) => vec![Self::Digits],
            Some(PreTokenization::Punctuation) => vec![Self::Punctuation],
            Some(PreTokenization::Metaspace(metaspace)) => vec![Self::Metaspace(metaspace.clone())],
            Some(PreTokenization::Sequence { pretokenizers }) => pretokenizers
                .iter()
                .map(|part| Self::all(Some(part)))
                .collect::<Result<Vec<_>, _>>()?
                .concat(),
            Some(PreTokenization::ByteLevel(_)) => {
                return Err("\"ByteLevel\" beside others is not supported".to_owned());
            }
        })
    }

    /// Whether it depends on where in the text a character is.
    pub(super) fn needs_places(&self) -> bool {
        matches!(self, Self::Metaspace(Metaspace { prepend_scheme: PrependScheme::First, .. }))
    }

    fn drops(&self, c: char) -> bool {
        matches!(self, Self::WhiteSpace | Self::WordCharacters) && c.is_whitespace()
    }

    /// Whether it splits between two characters of a word.
    fn is_between(&self, left: char, right: char) -> bool {
        match self {
            Self::WhiteSpace => false,
            Self::WordCharacters => is_of_word(left) != is_of_word(right),
            Self::Numbers => left.is_numeric() != right.is_numeric(),
            Self::Digits => left.is_numeric() || right.is_numeric(),
            Self::Punctuation => is_punctuation(left) || is_punctuation(right),
            Self::Metaspace(metaspace) => metaspace.split && right == metaspace.replacement,
        }
    }
}

impl Metaspace {
    /// Whether a word that starts at `place` gets a `replacement` before it.
    fn prepends<P: Place>(&self, place: P) -> bool {
        match self.prepend_scheme {
            PrependScheme::Always => true,
            PrependScheme::First => place.start() == 0,
            PrependScheme::Never => false,
        }
    }
}

/// Words as several splitters leave them.
pub(super) struct SplitWords<'a, I, P> {
    units: I,
    splitters: &'a [Splitter],
    /// For each splitter the character before in the same word, as it got it.
    last: Vec<Option<char>>,
    /// Characters that all splitters are done with, and whether a word starts with it.
    ready: VecDeque<(char, P, bool)>,
    /// What comes after them.
    after: Option<Unit<P>>,
}

impl<'a, I: Iterator<Item = Unit<P>>, P: Place> SplitWords<'a, I, P> {
    pub(super) fn new(units: I, splitters: &'a [Splitter]) -> Self {
        let (last, ready) = (vec![None; splitters.len()], VecDeque::new());
        Self { units, splitters, last, ready, after: None }
    }

    /// Gives a character to the splitter of this number, and what that makes of it to the next one.
    fn give(&mut self, number: usize, c: char, place: P, starts: bool) {
        let Some(splitter) = self.splitters.get(number) else {
            return self.ready.push_back((c, place, starts));
        };
        if splitter.drops(c) {
            self.last[number] = None;
            return;
        }
        let before = if starts { None } else { self.last[number] };
        match splitter {
            Splitter::Metaspace(metaspace) => {
                let c = if c == ' ' { metaspace.replacement } else { c };
                self.last[number] = Some(c);
                let is_added = before.is_none() && c != metaspace.replacement && metaspace.prepends(place);
                if is_added {
                    self.give(number + 1, metaspace.replacement, place, true);
                }
                let starts = before.is_none_or(|before| splitter.is_between(before, c));
                self.give(number + 1, c, place, starts && !is_added);
            }
            _ => {
                self.last[number] = Some(c);
                let starts = before.is_none_or(|before| splitter.is_between(before, c));
                self.give(number + 1, c, place, starts);
            }
        }
    }
}

impl<I: Iterator<Item = Unit<P>>, P: Place> Words<P> for SplitWords<'_, I, P> {
    fn read(&mut self, word: &mut Word<P>, most: usize) -> Option<Next<P>> {
        let mut room = most.saturating_add(1);
        loop {
            while let Some(&(c, place, starts)) = self.ready.front() {
                if starts && !word.text.is_empty() {
                    return Some(Next::Word);
                }
                self.ready.pop_front();
                word.push_in(c, place, &mut room);
            }
            if !word.text.is_empty() && self.after.is_some() {
                return Some(Next::Word);
            }
            if let Some(Unit::Token(id, place)) = self.after.take() {
                return Some(Next::Token(id, place));
            }
            match self.units.next() {
                Some(Unit::Char(c, place)) => self.give(0, c, place, false),
                Some(token) => {
                    self.last.fill(None);
                    self.after = Some(token);
                }
                None if word.text.is_empty() => return None,
                None => return Some(Next::Word),
            }
        }
    }
}
