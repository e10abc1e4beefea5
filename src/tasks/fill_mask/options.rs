//! Which words are given for masks.

#[cfg(doc)]
use super::MaskFiller;
use crate::error::{Error, Result};

/// Which words are given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FillOptions {
    /// The most words for a mask.
    pub top_k: usize,
    /// The tokens that words are chosen of, as [`MaskFiller::targets`] gives them; `None`: all. Scores are parts of 1 of all tokens, these
    /// or not.
    pub targets: Option<Vec<u32>>,
}

impl Default for FillOptions {
    fn default() -> Self {
        Self { top_k: 5, targets: None }
    }
}

impl FillOptions {
    /// So [many](Self::top_k) words.
    #[must_use]
    pub fn top_k(self, top_k: usize) -> Self {
        Self { top_k, ..self }
    }

    /// Of [these](Self::targets).
    #[must_use]
    pub fn targets(self, targets: impl Into<Option<Vec<u32>>>) -> Self {
        Self { targets: targets.into(), ..self }
    }

    /// What makes no sense of a model with so many words.
    pub(super) fn check(&self, words: usize) -> Result<()> {
        let refuse = |option, reason| Err(Error::Option { option, reason });
        if self.top_k == 0 {
            return refuse("top-k", "0 is not at least 1".to_owned());
        }
        match &self.targets {
            Some(targets) if targets.is_empty() => refuse("targets", "there are none".to_owned()),
            Some(targets) => match targets.iter().find(|&&id| id as usize >= words) {
                Some(id) => {
                    refuse("targets", format!("id {id} is out of range: the model has {words} words"))
                }
                None => Ok(()),
            },
            None => Ok(()),
        }
    }
}
