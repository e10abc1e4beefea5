//! How answers are looked for.

use crate::error::{Error, Result};
#[cfg(doc)]
use crate::options::Options;

/// How answers are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// The most answers.
    pub top_k: usize,
    /// The most tokens of an answer.
    pub max_answer_tokens: usize,
    /// The most tokens of a question. What is beyond is cut off, or refused where [`Options::on_long`] says so.
    pub max_question_tokens: usize,
    /// Whether there may be none: then an empty answer is one of them, with the score that it has where it is the least likely.
    pub handle_impossible: bool,
    /// Whether an answer begins and ends with a word, whatever tokens a word has.
    pub align_to_words: bool,
    /// Tokens that two windows of a long context have in common; `None`: 128, or half a window where that is less.
    pub stride: Option<usize>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            top_k: 1,
            max_answer_tokens: 15,
            max_question_tokens: 64,
            handle_impossible: false,
            align_to_words: true,
            stride: None,
        }
    }
}

impl ReadOptions {
    /// So [many](Self::top_k) answers.
    #[must_use]
    pub fn top_k(self, top_k: usize) -> Self {
        Self { top_k, ..self }
    }

    /// Answers of at most so [many](Self::max_answer_tokens) tokens.
    #[must_use]
    pub fn max_answer_tokens(self, max_answer_tokens: usize) -> Self {
        Self { max_answer_tokens, ..self }
    }

    /// Questions of at most so [many](Self::max_question_tokens) tokens.
    #[must_use]
    pub fn max_question_tokens(self, max_question_tokens: usize) -> Self {
        Self { max_question_tokens, ..self }
    }

    /// Whether there [may be none](Self::handle_impossible).
    #[must_use]
    pub fn handle_impossible(self, handle_impossible: bool) -> Self {
        Self { handle_impossible, ..self }
    }

    /// Whether answers are of [whole words](Self::align_to_words).
    #[must_use]
    pub fn align_to_words(self, align_to_words: bool) -> Self {
        Self { align_to_words, ..self }
    }

    /// In windows of this [stride](Self::stride).
    #[must_use]
    pub fn stride(self, stride: impl Into<Option<usize>>) -> Self {
        Self { stride: stride.into(), ..self }
    }

    /// What makes no sense of any model.
    pub(super) fn check(&self) -> Result<()> {
        let least = [
            ("top-k", self.top_k),
            ("max-answer-tokens", self.max_answer_tokens),
            ("max-question-tokens", self.max_question_tokens),
        ];
        match least.into_iter().find(|(_, value)| *value == 0) {
            Some((option, _)) => Err(Error::Option { option, reason: "0 is not at least 1".to_owned() }),
            None => Ok(()),
        }
    }
}
