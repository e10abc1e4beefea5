//! Tokens that are found in a text before anything else is done to it.

use serde::{Deserialize, Serialize};

/// A token that is looked for in the text as a whole, as Hugging Face describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::tokenizer) struct AddedToken {
    /// `None`: the vocabulary's, or the next free one.
    #[serde(default)]
    pub(in crate::tokenizer) id: Option<u32>,
    pub(in crate::tokenizer) content: String,
    #[serde(default)]
    pub(in crate::tokenizer) single_word: bool,
    #[serde(default)]
    pub(in crate::tokenizer) lstrip: bool,
    #[serde(default)]
    pub(in crate::tokenizer) rstrip: bool,
    /// `None`: unless it is special.
    #[serde(default)]
    pub(in crate::tokenizer) normalized: Option<bool>,
    #[serde(default)]
    pub(in crate::tokenizer) special: bool,
}

impl AddedToken {
    /// A special token of which only the text is known.
    pub(in crate::tokenizer) fn special(content: &str) -> Self {
        Self {
            id: None,
            content: content.to_owned(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: None,
            special: true,
        }
    }

    pub(in crate::tokenizer) fn is_normalized(&self) -> bool {
        self.normalized.unwrap_or(!self.special)
    }
}
