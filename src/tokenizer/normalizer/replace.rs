//! What the `Replace` parts of a `tokenizer.json` look for: a text, or a regular expression out of the few that tokenizers
//! have, so that no others need be understood.

use crate::tokenizer::spec::Pattern;

/// Regular expressions, and which runs of characters they match.
const EXPRESSIONS: [(&str, Runs); 6] = [
    (" +", Runs { of: |c| c == ' ', least: 1, alone: "" }),
    (" {2,}", Runs { of: |c| c == ' ', least: 2, alone: "" }),
    (r"\s+", Runs { of: char::is_whitespace, least: 1, alone: "" }),
    (r"\s{2,}", Runs { of: char::is_whitespace, least: 2, alone: "" }),
    (r"\s{2,}|[\n\r\t]", Runs { of: char::is_whitespace, least: 2, alone: "\n\r\t" }),
    (r"[\n\r\t]", Runs { of: |_| false, least: 1, alone: "\n\r\t" }),
];

/// Finds what is to be replaced.
#[derive(Debug, Clone)]
pub(in crate::tokenizer) enum Finder {
    Text(String),
    Runs(Runs),
}

/// So many characters of a kind in a row, or one of some others.
#[derive(Debug, Clone, Copy)]
pub(in crate::tokenizer) struct Runs {
    of: fn(char) -> bool,
    least: usize,
    alone: &'static str,
}

impl Finder {
    pub(in crate::tokenizer) fn new(pattern: &Pattern) -> Result<Self, String> {
        match pattern {
            Pattern::String(text) if text.is_empty() => Err("Replace: an empty pattern".to_owned()),
            Pattern::String(text) => Ok(Self::Text(text.clone())),
            Pattern::Regex(regex) => {
                let known = EXPRESSIONS.iter().find(|(known, _)| known == regex);
                known.map(|(_, runs)| Self::Runs(*runs)).ok_or_else(|| {
                    let all = EXPRESSIONS.map(|(known, _)| format!("{known:?}")).join(", ");
                    format!("Replace: the regular expression {regex:?} is not supported, only {all}")
                })
            }
        }
    }

    /// The first match in `text` that begins at `from` or after.
    pub(in crate::tokenizer) fn find(&self, text: &str, from: usize) -> Option<(usize, usize)> {
        match self {
            Self::Text(pattern) => {
                let start = from + text[from..].find(pattern)?;
                Some((start, start + pattern.len()))
            }
            Self::Runs(runs) => runs.find(text, from),
        }
    }

    /// A text without its matches, which `content` stands for.
    pub(in crate::tokenizer) fn replace(&self, text: &str, content: &str) -> String {
        let (mut replaced, mut done) = (String::with_capacity(text.len()), 0);
        while let Some((start, end)) = self.find(text, done) {
            replaced.push_str(&text[done..start]);
            replaced.push_str(content);
            done = end;
        }
        replaced + &text[done..]
    }

    /// Whether a match can have both of two such characters, one after the other.
    pub(super) fn can_match_across(
        &self,
        is_left: impl Fn(char) -> bool,
        is_right: impl Fn(char) -> bool,
    ) -> bool {
        let Self::Text(text) = self else { return false };
        text.chars().zip(text.chars().skip(1)).any(|(left, right)| is_left(left) && is_right(right))
    }
}

impl Runs {
    fn find(&self, text: &str, from: usize) -> Option<(usize, usize)> {
        let mut chars = text[from..].char_indices().map(|(at, c)| (from + at, c)).peekable();
        while let Some((start, c)) = chars.next() {
            let (mut end, mut count) = (start + c.len_utf8(), usize::from((self.of)(c)));
            while count > 0
                && let Some((at, c)) = chars.next_if(|&(_, c)| (self.of)(c))
            {
                (end, count) = (at + c.len_utf8(), count + 1);
            }
            if count >= self.least.max(1) || (count <= 1 && self.alone.contains(c)) {
                return Some((start, end));
            }
        }
        None
    }
}
