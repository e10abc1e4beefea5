//! Everything about a tokenizer but its vocabulary, in the one form that packed files store.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tokenizers::{AddedVocabulary, NormalizedString, Normalizer as _, normalizers::BertNormalizer};

use super::{
    Tokenizer, is_boundary,
    vocabulary::Vocabulary,
    wordpiece::{Lookup, WordPiece},
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

/// A token that is looked for in the text as a whole, as Hugging Face describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

    fn build(&self) -> tokenizers::AddedToken {
        tokenizers::AddedToken {
            content: self.content.clone(),
            single_word: self.single_word,
            lstrip: self.lstrip,
            rstrip: self.rstrip,
            normalized: self.normalized.unwrap_or(!self.special),
            special: self.special,
        }
    }
}

impl Tokenizer {
    /// Puts settings and vocabulary together; `path` only names the file in errors.
    pub(super) fn build(mut spec: Spec, vocabulary: Vocabulary, path: &Path) -> Result<Self> {
        let other = |error: tokenizers::Error| Error::tokenizer(path, error.to_string());
        let normalizer = BertNormalizer::new(
            spec.clean_text,
            spec.handle_chinese_chars,
            spec.strip_accents,
            spec.lowercase,
        );
        let missing = |token: &str| Error::tokenizer(path, format!("the vocabulary lacks {token}"));
        let unk = vocabulary.get(&spec.unk_token).ok_or_else(|| missing(&spec.unk_token))?;

        let may_cut = check_added_tokens(&spec.added_tokens, &normalizer, path)?;
        let mut added = AddedVocabulary::new();
        let lookup = Lookup(&vocabulary);
        added.set_encode_special_tokens(spec.split_special_tokens);
        added
            .add_tokens(spec.added_tokens.iter().map(AddedToken::build), &lookup, Some(&normalizer))
            .map_err(other)?;
        for token in &mut spec.added_tokens {
            let id = added.token_to_id(&token.content, &lookup);
            if token.id.is_some() && token.id != id {
                let (stated, found) = (token.id.unwrap_or_default(), id.unwrap_or_default());
                let reason = format!(
                    "added token {:?}: id {stated} is out of range or taken, expected {found}",
                    token.content
                );
                return Err(Error::tokenizer(path, reason));
            }
            token.id = id;
        }

        let find = |token: &str| added.token_to_id(token, &lookup).ok_or_else(|| missing(token));
        let (cls, sep) = (find(&spec.cls_token)?, find(&spec.sep_token)?);
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
        Ok(Self { spec, normalizer, model, added, cls, sep, vocab_size: highest as usize + 1, may_cut })
    }
}

/// Refuses blank tokens: they would match everywhere, or between two tokens that both claim the space. Tells whether no
/// token contains a boundary.
fn check_added_tokens(tokens: &[AddedToken], normalizer: &BertNormalizer, path: &Path) -> Result<bool> {
    let mut may_cut = true;
    for token in tokens {
        let mut text = NormalizedString::from(token.content.as_str());
        if token.build().normalized {
            normalizer.normalize(&mut text).map_err(|error| Error::tokenizer(path, error.to_string()))?;
        }
        if text.get().trim().is_empty() {
            return Err(Error::tokenizer(path, format!("added token {:?} is blank", token.content)));
        }
        may_cut &= !text.get().contains(is_boundary);
    }
    Ok(may_cut)
}
