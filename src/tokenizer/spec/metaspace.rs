//! SentencePiece's way with spaces.

use serde::{Deserialize, Serialize};

/// Spaces become `replacement`, which begins a word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "MetaspaceForms")]
pub(in crate::tokenizer) struct Metaspace {
    pub(in crate::tokenizer) replacement: char,
    pub(in crate::tokenizer) prepend_scheme: PrependScheme,
    /// Whether it begins one in the middle of a text.
    pub(in crate::tokenizer) split: bool,
}

/// Which texts begin with a `replacement` though they have no space there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::tokenizer) enum PrependScheme {
    Always,
    /// That which is at the start of the whole text.
    First,
    Never,
}

/// What files have: `add_prefix_space` is what came before `prepend_scheme`.
#[derive(Deserialize)]
struct MetaspaceForms {
    replacement: char,
    add_prefix_space: Option<bool>,
    prepend_scheme: Option<PrependScheme>,
    split: Option<bool>,
}

impl TryFrom<MetaspaceForms> for Metaspace {
    type Error = &'static str;

    fn try_from(forms: MetaspaceForms) -> Result<Self, Self::Error> {
        let prepend_scheme = match (forms.prepend_scheme, forms.add_prefix_space) {
            (None, Some(false)) => PrependScheme::Never,
            (Some(PrependScheme::Always | PrependScheme::First), Some(false)) => {
                return Err("add_prefix_space is false, but prepend_scheme is not \"never\"");
            }
            (scheme, _) => scheme.unwrap_or(PrependScheme::Always),
        };
        Ok(Self { replacement: forms.replacement, prepend_scheme, split: forms.split.unwrap_or(true) })
    }
}
