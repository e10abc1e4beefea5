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

/// The settings of a tokenizer, whatever files they came from: the parts of a `tokenizer.json` under the names that they have
/// there. A part of another type is one that this version does not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    pub(super) normalizer: Normalization,
    pub(super) pre_tokenizer: PreTokenization,
    pub(super) model: Model,
    pub(super) post_processor: PostProcessing,
    /// Found in the text before anything else is done to it.
    pub(super) added_tokens: Vec<AddedToken>,
    /// Special tokens in a text are split like other words.
    pub(super) split_special_tokens: bool,
    pub(super) model_max_length: Option<usize>,
    /// What stands for a token that is to be guessed; `None`: as BERT has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mask_token: Option<String>,
}

/// What is done to a text before it is split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(super) enum Normalization {
    BertNormalizer(BertNormalizer),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BertNormalizer {
    pub(super) clean_text: bool,
    pub(super) handle_chinese_chars: bool,
    /// `None`: as `lowercase`.
    pub(super) strip_accents: Option<bool>,
    pub(super) lowercase: bool,
}

/// How a text is split into words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(super) enum PreTokenization {
    /// At white space, and before and after each punctuation mark.
    BertPreTokenizer,
}

/// How a word becomes tokens of the vocabulary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum Model {
    WordPiece { unk_token: String, continuing_subword_prefix: String, max_input_chars_per_word: usize },
}

/// Which special tokens go around a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum PostProcessing {
    /// `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`.
    BertProcessing { cls: String, sep: String },
}

impl Spec {
    /// A BERT tokenizer with these special tokens, all else as BERT has it.
    pub(super) fn bert(unk_token: String, cls: String, sep: String) -> Self {
        Self {
            normalizer: Normalization::BertNormalizer(BertNormalizer {
                clean_text: true,
                handle_chinese_chars: true,
                strip_accents: None,
                lowercase: true,
            }),
            pre_tokenizer: PreTokenization::BertPreTokenizer,
            model: Model::WordPiece {
                unk_token,
                continuing_subword_prefix: "##".to_owned(),
                max_input_chars_per_word: 100,
            },
            post_processor: PostProcessing::BertProcessing { cls, sep },
            added_tokens: Vec::new(),
            split_special_tokens: false,
            model_max_length: None,
            mask_token: None,
        }
    }
}

impl BertNormalizer {
    fn normalizer(&self) -> Normalizer {
        let Self { clean_text, handle_chinese_chars, strip_accents, lowercase } = *self;
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
        let Normalization::BertNormalizer(normalizer) = &spec.normalizer;
        let PreTokenization::BertPreTokenizer = spec.pre_tokenizer;
        let Model::WordPiece { unk_token, continuing_subword_prefix, max_input_chars_per_word } = &spec.model;
        let PostProcessing::BertProcessing { cls, sep } = &spec.post_processor;
        let normalizer = normalizer.normalizer();
        let missing = |token: &str| Error::tokenizer(path, format!("the vocabulary lacks {token}"));
        let unk = vocabulary.get(unk_token).ok_or_else(|| missing(unk_token))?;

        let patterns = patterns(&spec.added_tokens, &normalizer, path)?;
        let ids = assign_ids(&spec.added_tokens, &vocabulary);
        let added = AddedTokens::new(&spec.added_tokens, &patterns, &ids, spec.split_special_tokens)
            .map_err(|reason| Error::tokenizer(path, reason))?;
        let find = |token: &String| {
            let id = ids.get(token.as_str()).copied().or_else(|| vocabulary.get(token));
            id.ok_or_else(|| missing(token))
        };
        let (cls, sep) = (find(cls)?, find(sep)?);
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
        let (found, most) = (*max_input_chars_per_word, MOST_WORD_CHARS);
        if found > most {
            return Err(Error::tokenizer(
                path,
                format!("max_input_chars_per_word is {found}, at most {most} are supported"),
            ));
        }
        let model = WordPiece::new(vocabulary, unk, continuing_subword_prefix.clone(), found);
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
