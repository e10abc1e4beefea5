//! What is done to a text in steps, each of which takes all that the one before has made of a chunk.

use unicode_normalization_alignments::{UnicodeNormalization as _, char::is_combining_mark};

use super::{bert::Bert, charsmap::Charsmap, chunk::Chunk, is_plain, replace::Finder};
use crate::tokenizer::{place::Place, spec::Normalization};

/// Steps in their order.
#[derive(Debug)]
pub(in crate::tokenizer) struct Steps {
    steps: Vec<Step>,
    /// Whether no step needs to see what is on the other side of a cut: see [`Steps::is_cut`].
    can_cut: bool,
}

#[derive(Debug)]
pub(super) enum Step {
    Bert(Bert),
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
    Lowercase,
    StripAccents,
    Strip { left: bool, right: bool },
    Prepend(String),
    Replace(Finder, String),
    Precompiled(Box<Charsmap>),
}

/// Which part of a text a chunk is, and what a text's chunks have to know of each other.
#[derive(Debug)]
pub(super) struct Passage<P> {
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    /// For each step, places of characters that have not been taken: see [`Chunk::transform`].
    before: Vec<Vec<P>>,
}

impl<P> Passage<P> {
    /// At the start of a text, which may be all of it.
    pub(super) fn new(steps: &Steps, is_last: bool) -> Self {
        let before = steps.steps.iter().map(|_| Vec::new()).collect();
        Self { is_first: true, is_last, before }
    }
}

impl Steps {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        let letter = |c: char| c.is_alphanumeric();
        let can_cut = steps.iter().all(|step| match step {
            Step::Bert(_) => false,
            Step::Replace(finder, _) => {
                !finder.can_match_across(letter, |c| c == ' ') && !finder.can_match_across(is_plain, is_plain)
            }
            Step::Precompiled(map) => map.transform(" ").is_none_or(|space| space == " "),
            _ => true,
        });
        Self { steps, can_cut }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether a text can be cut between two characters, so that what is done to one part does not depend on the other:
    /// before a space that ends a word of a script whose letters nothing turns into spaces or joins with them, and between
    /// Chinese characters.
    pub(super) fn is_cut(&self, left: char, right: char) -> bool {
        let is_word_end =
            right == ' ' && left.is_alphanumeric() && matches!(left, ..'\u{d4e}' | '\u{e00}'..='\u{d7a3}');
        let stays = |c: char| {
            self.steps.iter().all(|step| match step {
                Step::Precompiled(map) => map.transform(c.encode_utf8(&mut [0; 4])).is_none_or(|made| {
                    made.ends_with(char::is_alphanumeric) && made.starts_with(char::is_alphanumeric)
                }),
                _ => true,
            })
        };
        self.can_cut
            && (is_word_end && stays(left)
                || is_plain(left) && is_plain(right) && stays(left) && stays(right))
    }

    pub(super) fn apply<P: Place>(&self, chunk: &mut Chunk<P>, passage: &mut Passage<P>) {
        for (step, before) in self.steps.iter().zip(&mut passage.before) {
            step.apply(chunk, [passage.is_first, passage.is_last], before);
        }
        passage.is_first = false;
    }
}

impl Step {
    fn apply<P: Place>(&self, chunk: &mut Chunk<P>, [is_first, is_last]: [bool; 2], before: &mut Vec<P>) {
        let text = |chunk: &Chunk<P>| chunk.text.clone();
        match self {
            Self::Bert(bert) => bert.apply(chunk),
            Self::Nfc if !chunk.text.is_ascii() => chunk.transform(text(chunk).nfc(), 0, before),
            Self::Nfd if !chunk.text.is_ascii() => chunk.transform(text(chunk).nfd(), 0, before),
            Self::Nfkc if !chunk.text.is_ascii() => chunk.transform(text(chunk).nfkc(), 0, before),
            Self::Nfkd if !chunk.text.is_ascii() => chunk.transform(text(chunk).nfkd(), 0, before),
            Self::Nfc | Self::Nfd | Self::Nfkc | Self::Nfkd => {}
            Self::Lowercase if chunk.text.is_ascii() => chunk.text.make_ascii_lowercase(),
            Self::Lowercase => {
                let text = text(chunk);
                let lower = text.chars().flat_map(|c| c.to_lowercase().zip([0, 1, 1]));
                chunk.transform(lower, 0, before);
            }
            Self::StripAccents if chunk.text.is_ascii() => {}
            Self::StripAccents => chunk.retain(|c| !is_combining_mark(c)),
            Self::Strip { left, right } => strip(chunk, *left && is_first, *right && is_last),
            Self::Prepend(prefix) => {
                if is_first && let Some(next) = chunk.text.chars().next() {
                    let place = chunk.places.first().copied().unwrap_or_default();
                    let rest = chunk.take();
                    prefix.chars().chain([next]).for_each(|c| chunk.push(c, place));
                    chunk.text.push_str(&rest.text[next.len_utf8()..]);
                    chunk.places.extend(rest.places.iter().skip(1));
                }
            }
            Self::Replace(finder, content) => replace(chunk, finder, content),
            Self::Precompiled(map) => map.apply(chunk, before),
        }
    }
}

fn strip<P: Place>(chunk: &mut Chunk<P>, left: bool, right: bool) {
    if right {
        chunk.text.truncate(chunk.text.trim_end().len());
        chunk.places.truncate(if P::IS_KNOWN { chunk.text.chars().count() } else { 0 });
    }
    if left {
        let length = chunk.text.len() - chunk.text.trim_start().len();
        let gone = chunk.text.drain(..length).count();
        chunk.places.drain(..if P::IS_KNOWN { gone } else { 0 });
    }
}

/// The new characters come from where the last one of a match does.
fn replace<P: Place>(chunk: &mut Chunk<P>, finder: &Finder, content: &str) {
    if finder.find(&chunk.text, 0).is_none() {
        return;
    }
    let Chunk { text, places } = chunk.take();
    let mut places = places.into_iter();
    let mut done = 0;
    let keep = |part: &str, places: &mut std::vec::IntoIter<P>, chunk: &mut Chunk<P>| {
        part.chars().for_each(|c| chunk.push(c, places.next().unwrap_or_default()));
    };
    while let Some((start, end)) = finder.find(&text, done) {
        keep(&text[done..start], &mut places, chunk);
        let matched = text[start..end].chars().count();
        let place = places.by_ref().take(matched).last().unwrap_or_default();
        content.chars().for_each(|c| chunk.push(c, place));
        done = end;
    }
    keep(&text[done..], &mut places, chunk);
}

/// The steps of a part of a `tokenizer.json`.
pub(super) fn steps(normalization: &Normalization) -> Result<Vec<Step>, String> {
    let step = match normalization {
        Normalization::Sequence { normalizers } => {
            let all: Result<Vec<_>, _> = normalizers.iter().map(steps).collect();
            return Ok(all?.into_iter().flatten().collect());
        }
        Normalization::BertNormalizer(bert) => Step::Bert(Bert::new(bert)),
        Normalization::Nfc => Step::Nfc,
        Normalization::Nfd => Step::Nfd,
        Normalization::Nfkc => Step::Nfkc,
        Normalization::Nfkd => Step::Nfkd,
        Normalization::Lowercase => Step::Lowercase,
        Normalization::StripAccents => Step::StripAccents,
        &Normalization::Strip { strip_left, strip_right } => {
            Step::Strip { left: strip_left, right: strip_right }
        }
        // Nothing before a text would leave its first character without a place, as the crate has it.
        Normalization::Prepend { prepend } if prepend.is_empty() => {
            return Err("Prepend: prepend: \"\" is nothing".to_owned());
        }
        Normalization::Prepend { prepend } => Step::Prepend(prepend.clone()),
        Normalization::Replace { pattern, content } => Step::Replace(Finder::new(pattern)?, content.clone()),
        Normalization::Precompiled { precompiled_charsmap } => {
            Step::Precompiled(Box::new(Charsmap::from_base64(precompiled_charsmap)?))
        }
    };
    Ok(vec![step])
}
