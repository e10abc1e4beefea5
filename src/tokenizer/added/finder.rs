//! Where added tokens are in a text, of which only a beginning may be there.

use daachorse::{DoubleArrayAhoCorasick, DoubleArrayAhoCorasickBuilder, MatchKind};

/// Bytes that are searched at once, unless the tokens are longer.
const WINDOW: usize = 4096;

/// What a pattern stands for, and which matches count.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) id: u32,
    /// Only between characters that are not of a word.
    pub(super) single_word: bool,
    /// Takes the white space before it.
    pub(super) lstrip: bool,
    /// Takes the white space after it.
    pub(super) rstrip: bool,
    /// Is text like any other.
    pub(super) split: bool,
}

/// A token in a text.
#[derive(Debug)]
pub(super) struct Match {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) token: Found,
}

/// What a search came to.
#[derive(Debug)]
pub(super) enum Search {
    Match(Match),
    /// No token begins before this place, where the search has to go on.
    Clear(usize),
}

/// Finds the leftmost of some patterns, of several at one place the longest.
pub(super) struct Finder {
    /// None for no patterns. Its values are places in `found`.
    automaton: Option<DoubleArrayAhoCorasick<u32>>,
    found: Vec<Found>,
    /// Bytes that tell whether a token begins at their first one: those of the longest, and the character after it.
    reach: usize,
    window: usize,
}

impl Finder {
    pub(super) fn new(patterns: &[(&str, Found)]) -> Result<Self, String> {
        let found = patterns.iter().map(|(_, found)| *found).collect();
        let numbered: Vec<_> = patterns.iter().map(|(pattern, _)| pattern).zip(0_u32..).collect();
        let build = || {
            let builder = DoubleArrayAhoCorasickBuilder::new().match_kind(MatchKind::LeftmostLongest);
            builder.build_with_values(numbered).map_err(|error| format!("added tokens: {error}"))
        };
        let automaton = if patterns.is_empty() { None } else { Some(build()?) };
        let longest = patterns.iter().map(|(pattern, _)| pattern.len()).max().unwrap_or(0);
        let mut finder = Self { automaton, found, reach: longest + 4, window: 0 };
        finder.set_window(WINDOW);
        Ok(finder)
    }

    /// Makes it this many bytes, or as many as let a search get on by `reach` though characters are not cut.
    pub(super) fn set_window(&mut self, bytes: usize) {
        self.window = bytes.max(2 * (self.reach + 4));
    }

    /// How many bytes to search at once.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    pub(super) fn is_empty(&self) -> bool {
        self.automaton.is_none()
    }

    /// The first token that begins at `from` or after. Unless `text` is the `whole` of it, only where the end that is
    /// missing makes no difference.
    pub(super) fn search(&self, text: &str, from: usize, whole: bool) -> Search {
        let last = if whole { text.len() } else { text.len().saturating_sub(self.reach) };
        let mut clear = text.floor_char_boundary(last).max(from);
        let matches = self.automaton.iter().flat_map(|automaton| automaton.leftmost_find_iter(&text[from..]));
        for found in matches {
            let (start, end) = (from + found.start(), from + found.end());
            if start > last {
                break;
            }
            let token = self.found[found.value() as usize];
            let in_word = || ends_with_word(&text[..start]) || starts_with_word(&text[end..]);
            let passed_over = token.split || (token.single_word && in_word());
            if !passed_over {
                return Search::Match(Match { start, end, token });
            }
            // Text like any other, in which no other token is looked for.
            clear = clear.max(end);
        }
        Search::Clear(clear)
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
pub(in crate::tokenizer) fn is_of_word(c: char) -> bool {
    regex_syntax::try_is_word_character(c).is_ok_and(|is| is)
}
