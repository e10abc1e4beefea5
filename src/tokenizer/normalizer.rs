//! Normalization of a text, so much at a time as is needed: what the normalizers of the `tokenizers` crate do.

use super::{added::Unit, place::Place, spec::Normalization};
pub(super) use bert::{Bert, Normalized};
use chunk::Chunk;
pub(super) use replace::Finder;
pub(super) use steps::Steps;
use steps::{Passage, Step, steps};

mod bert;
mod charsmap;
mod chunk;
mod replace;
mod steps;

/// Characters that are normalized at once, if the text can be cut after so many.
const CHUNK: usize = 2048;

/// What is done to a text before it is split into words.
#[derive(Debug)]
pub(super) enum Normalizer {
    /// Character by character.
    Bert(Bert),
    /// Chunk by chunk; there may be nothing to do.
    Steps(Steps),
}

impl Normalizer {
    pub(super) fn new(normalization: Option<&Normalization>) -> Result<Self, String> {
        let mut steps = normalization.map(steps).transpose()?.unwrap_or_default();
        match steps.pop_if(|step| matches!(step, Step::Bert(_))) {
            Some(Step::Bert(bert)) if steps.is_empty() => return Ok(Self::Bert(bert)),
            bert => steps.extend(bert),
        }
        Ok(Self::Steps(Steps::new(steps)))
    }

    /// A text without tokens.
    pub(super) fn text(&self, text: &str) -> String {
        let mut chunk = Chunk { text: text.to_owned(), places: Vec::<()>::new() };
        match self {
            Self::Bert(bert) => bert.apply(&mut chunk),
            Self::Steps(steps) => steps.apply(&mut chunk, &mut Passage::new(steps, true)),
        }
        chunk.text
    }

    /// Characters become normalized ones, and tokens stay between them.
    pub(super) fn units<I: Iterator<Item = Unit<P>> + Clone, P: Place>(&self, units: I) -> Units<'_, I, P> {
        match self {
            Self::Bert(bert) => Units::Bert(bert.units(units)),
            Self::Steps(steps) if steps.is_empty() => Units::AsIs(units),
            Self::Steps(steps) => Units::Chunks(Chunks {
                steps,
                units,
                passage: Passage::new(steps, false),
                chunk: Chunk { text: String::new(), places: Vec::new() },
                given: 0,
                counted: 0,
                next: None,
                after: None,
            }),
        }
    }
}

/// See [`Normalizer::units`].
pub(super) enum Units<'a, I, P> {
    AsIs(I),
    Bert(Normalized<I, P>),
    Chunks(Chunks<'a, I, P>),
}

impl<I: Iterator<Item = Unit<P>> + Clone, P: Place> Iterator for Units<'_, I, P> {
    type Item = Unit<P>;

    #[inline]
    fn next(&mut self) -> Option<Unit<P>> {
        match self {
            Self::AsIs(units) => units.next(),
            Self::Bert(units) => units.next(),
            Self::Chunks(units) => units.next(),
        }
    }
}

/// Normalizes what is between two tokens as if it were a text of its own.
pub(super) struct Chunks<'a, I, P> {
    steps: &'a Steps,
    units: I,
    passage: Passage<P>,
    chunk: Chunk<P>,
    /// Bytes and characters of the chunk that were given.
    given: usize,
    counted: usize,
    /// The first character of the next one, when that has been read.
    next: Option<(char, P)>,
    /// What comes after the last one.
    after: Option<Option<Unit<P>>>,
}

impl<I: Iterator<Item = Unit<P>>, P: Place> Chunks<'_, I, P> {
    fn read(&mut self) {
        let chunk = &mut self.chunk;
        chunk.text.clear();
        chunk.places.clear();
        (self.given, self.counted) = (0, 0);
        let (mut count, mut last) = (0, None);
        if let Some((c, place)) = self.next.take() {
            chunk.push(c, place);
            (count, last) = (1, Some(c));
        }
        loop {
            match self.units.next() {
                Some(Unit::Char(c, place)) => {
                    if count >= CHUNK && last.is_some_and(|last| self.steps.is_cut(last, c)) {
                        self.next = Some((c, place));
                        break;
                    }
                    chunk.push(c, place);
                    (count, last) = (count + 1, Some(c));
                }
                after => {
                    self.after = Some(after);
                    self.passage.is_last = true;
                    break;
                }
            }
        }
        self.steps.apply(chunk, &mut self.passage);
    }
}

impl<I: Iterator<Item = Unit<P>>, P: Place> Iterator for Chunks<'_, I, P> {
    type Item = Unit<P>;

    #[inline]
    fn next(&mut self) -> Option<Unit<P>> {
        loop {
            if let Some(c) = self.chunk.text[self.given..].chars().next() {
                let place = if P::IS_KNOWN { self.chunk.places[self.counted] } else { P::default() };
                self.given += c.len_utf8();
                self.counted += 1;
                return Some(Unit::Char(c, place));
            }
            if let Some(after) = self.after.take() {
                self.passage = Passage::new(self.steps, false);
                return after;
            }
            self.read();
        }
    }
}

/// Characters of which no table says anything, neither here nor where words are split: they are letters of no case.
/// Unified ideographs, which are most of a Chinese text, are told from others quickly.
pub(super) fn is_plain(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}
