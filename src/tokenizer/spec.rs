//! Everything about a tokenizer but its vocabulary, in the one form that packed files store.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    Tokenizer,
    added::{AddedTokens, assign_ids},
    normalizer::Normalizer,
    vocabulary::Vocabulary,
    wordpiece::WordPiece,
};
use crate::error::{Error, Result};

/// Longer words than anyone writes; BERT's own limit is 100.
const MOST_WORD_CHARS: usize = 10_000;

/// The settings of a BERT tokenizer, whatever files they came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    pub(super) unk_token: String,
    pub(super) cls_token: String,
    pub(super) sep_token: String,
    pub(super) continuing_subword_prefix: String,
    pub(super) max_input_chars_per_word: usize,
    pub(super) clean_text: bool,
    pub(super) handle_chinese_chars: bool,
    /// `None`: as `lowercase`.
    pub(super) strip_accents: Option<bool>,
    pub(super) lowercase: bool,
    /// Found in the text before anything else is done to it.
    pub(super) added_tokens: Vec<AddedToken>,
    /// Special tokens in a text are split like other words.
    pub(super) split_special_tokens: bool,
    pub(super) model_max_length: Option<usize>,
}

impl Spec {
    pub(super) fn normalizer(&self) -> Normalizer {
        let Self { clean_text, handle_chinese_chars, strip_accents, lowercase, .. } = *self;
        let strip_accents = strip_accents.unwrap_or(lowercase);
        Normalizer { clean_text, handle_chinese_chars, strip_accents, lowercase }
    }
}

/// A token that is looked for in the text as a whole, as Hugging Face describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AddedToken {
    /// `None`: the vocabulary's, or the next free one.
    #[serde(default)]
    pub(super) id: Option<u32>,
    pub(super) content: String,
    #[serde(default)]
    pub(super) single_word: bool,
    #[serde(default)]
    pub(super) lstrip: bool,
    #[serde(default)]
    pub(super) rstrip: bool,
    /// `None`: unless it is special.
    #[serde(default)]
    pub(super) normalized: Option<bool>,
    #[serde(default)]
    pub(super) special: bool,
}

impl AddedToken {
    /// A special token of which only the text is known.
    pub(super) fn special(content: &str) -> Self {
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

    pub(super) fn is_normalized(&self) -> bool {
        self.normalized.unwrap_or(!self.special)
    }
}

impl Tokenizer {
    /// Puts settings and vocabulary together; `path` only names the file in errors.
    pub(super) fn build(mut spec: Spec, vocabulary: Vocabulary, path: &Path) -> Result<Self> {
        let normalizer = spec.normalizer();
        let missing = |token: &str| Error::tokenizer(path, format!("the vocabulary lacks {token}"));
        let unk = vocabulary.get(&spec.unk_token).ok_or_else(|| missing(&spec.unk_token))?;

        let patterns = patterns(&spec.added_tokens, &normalizer, path)?;
        let ids = assign_ids(&spec.added_tokens, &vocabulary);
        let added = AddedTokens::new(&spec.added_tokens, &patterns, &ids, spec.split_special_tokens)
            .map_err(|reason| Error::tokenizer(path, reason))?;
        let find = |token: &String| {
            let id = ids.get(token.as_str()).copied().or_else(|| vocabulary.get(token));
            id.ok_or_else(|| missing(token))
        };
        let (cls, sep) = (find(&spec.cls_token)?, find(&spec.sep_token)?);
        let ids: Vec<_> = spec.added_tokens.iter().map(|token| ids[token.content.as_str()]).collect();
        for (token, found) in spec.added_tokens.iter_mut().zip(ids) {
            if let Some(stated) = token.id.filter(|&stated| stated != found) {
                let reason = format!(
                    "added token {:?}: id {stated} is out of range or taken, expected {found}",
                    token.content
                );
                return Err(Error::tokenizer(path, reason));
            }
            token.id = Some(found);
        }

        let highest =
            spec.added_tokens.iter().filter_map(|token| token.id).fold(vocabulary.highest(), u32::max);
        // A word costs its length times that of the longest token.
        if spec.max_input_chars_per_word > MOST_WORD_CHARS {
            let (found, most) = (spec.max_input_chars_per_word, MOST_WORD_CHARS);
            return Err(Error::tokenizer(
                path,
                format!("max_input_chars_per_word is {found}, at most {most} are supported"),
            ));
        }
        let prefix = spec.continuing_subword_prefix.clone();
        let model = WordPiece::new(vocabulary, unk, prefix, spec.max_input_chars_per_word);
        Ok(Self { spec, normalizer, model, added, cls, sep, vocab_size: highest as usize + 1 })
    }
}

/// What each token is looked for as. Refuses blank ones: they would match everywhere, or between two tokens that both claim
/// the space.
fn patterns(tokens: &[AddedToken], normalizer: &Normalizer, path: &Path) -> Result<Vec<String>> {
    let pattern = |token: &AddedToken| {
        let content = &token.content;
        let pattern = if token.is_normalized() { normalizer.text(content) } else { content.clone() };
        if pattern.trim().is_empty() {
            return Err(Error::tokenizer(path, format!("added token {content:?} is blank")));
        }
        Ok(pattern)
    };
    tokens.iter().map(pattern).collect()
}
