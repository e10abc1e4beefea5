//! Tokens that are found in a text as a whole, before it is split into words.
//!
//! What the `tokenizers` crate's `AddedVocabulary` does, with the same automaton but without its regular expressions,
//! which are a tenth of a program that links this library, and without the offsets that nobody reads.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use daachorse::{DoubleArrayAhoCorasick, DoubleArrayAhoCorasickBuilder, MatchKind};
use tokenizers::{NormalizedString, Normalizer as _, normalizers::BertNormalizer};

use super::{spec::AddedToken, vocabulary::Vocabulary};

/// The ids of added tokens: the vocabulary's own, or the next free one.
pub(super) fn assign_ids<'a>(tokens: &'a [AddedToken], vocabulary: &Vocabulary) -> HashMap<&'a str, u32> {
    let (mut ids, mut next) = (HashMap::new(), vocabulary.len() as u32);
    for AddedToken { content, .. } in tokens {
        ids.entry(content.as_str()).or_insert_with(|| {
            vocabulary.get(content).unwrap_or_else(|| {
                next += 1;
                next - 1
            })
        });
    }
    ids
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// An added token, by its id.
    Token(u32),
    /// What lies between two of them.
    Text(&'a str),
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

    /// Gives `visit` the parts of a text in their order, normalized, until it fails.
    pub(super) fn split(
        &self,
        text: &str,
        normalizer: &BertNormalizer,
        mut visit: impl FnMut(Part<'_>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.as_is.split(text, |part| match part {
            Part::Token(_) => visit(part),
            Part::Text(text) => self.normalized.split(&normalize(normalizer, text)?, &mut visit),
        })
    }
}

/// Why the parts of a text are not gone through to its end.
pub(super) enum Stop {
    /// There are enough.
    Enough,
    /// Something failed.
    Failed(String),
}

impl From<tokenizers::Error> for Stop {
    fn from(error: tokenizers::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

pub(super) fn normalize(normalizer: &BertNormalizer, text: &str) -> tokenizers::Result<String> {
    let mut normalized = NormalizedString::from(text);
    normalizer.normalize(&mut normalized)?;
    Ok(normalized.get().to_owned())
}

/// What a pattern stands for, and which matches count.
#[derive(Debug, Clone, Copy)]
struct Found {
    id: u32,
    /// Only between characters that are not of a word.
    single_word: bool,
    /// Takes the white space before it.
    lstrip: bool,
    /// Takes the white space after it.
    rstrip: bool,
    /// Is text like any other.
    split: bool,
}

/// Finds the leftmost of some patterns, of several at one place the longest.
struct Finder {
    /// None for no patterns. Its values are places in `found`.
    automaton: Option<DoubleArrayAhoCorasick<u32>>,
    found: Vec<Found>,
}

impl Finder {
    fn new(patterns: &[(&str, Found)]) -> Result<Self, String> {
        let found = patterns.iter().map(|(_, found)| *found).collect();
        let numbered: Vec<_> = patterns.iter().map(|(pattern, _)| pattern).zip(0_u32..).collect();
        let build = || {
            let builder = DoubleArrayAhoCorasickBuilder::new().match_kind(MatchKind::LeftmostLongest);
            builder.build_with_values(numbered).map_err(|error| format!("added tokens: {error}"))
        };
        let automaton = if patterns.is_empty() { None } else { Some(build()?) };
        Ok(Self { automaton, found })
    }

    fn split<'a>(
        &self,
        text: &'a str,
        mut visit: impl FnMut(Part<'a>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mut done = 0;
        let matches = self.automaton.iter().flat_map(|automaton| automaton.leftmost_find_iter(text));
        for (start, end, found) in matches.map(|m| (m.start(), m.end(), self.found[m.value() as usize])) {
            let (before, after) = (&text[..start], &text[end..]);
            if found.split || found.single_word && (ends_with_word(before) || starts_with_word(after)) {
                continue;
            }
            let start = if found.lstrip { before.trim_end().len().max(done) } else { start };
            let end = if found.rstrip { text.len() - after.trim_start().len() } else { end };
            if done < start {
                visit(Part::Text(&text[done..start]))?;
            }
            visit(Part::Token(found.id))?;
            done = end;
        }
        if done < text.len() { visit(Part::Text(&text[done..])) } else { Ok(()) }
    }
}

impl std::fmt::Debug for Finder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finder").field("found", &self.found).finish_non_exhaustive()
    }
}

fn ends_with_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(is_of_word)
}

fn starts_with_word(text: &str) -> bool {
    text.chars().next().is_some_and(is_of_word)
}

/// A regular expression's `\w`.
fn is_of_word(c: char) -> bool {
    regex_syntax::try_is_word_character(c).is_ok_and(|is| is)
}
