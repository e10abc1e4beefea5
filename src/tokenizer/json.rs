//! `tokenizer.json`: the parts of it that are read here, and refusal of all others by name.

use std::{borrow::Cow, path::Path};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    bpe::{self, WrittenMerge},
    model::Lexicon,
    spec::{self, AddedToken, Decoding, Part, PostProcessing, Spec},
    unigram,
    vocabulary::Vocabulary,
};
use crate::error::{Error, Result};
use post_processor::{as_bert, special_tokens};
use tokens::Tokens;

mod post_processor;
mod tokens;

/// The file. `truncation` and `padding` are the caller's business.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(default)]
    added_tokens: Value,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    #[serde(borrow)]
    model: Model<'a>,
}

/// A model of any kind.
#[derive(Deserialize)]
struct Model<'a> {
    /// Files from before 2021 do not say.
    #[serde(rename = "type")]
    kind: Option<Cow<'a, str>>,
    unk_token: Option<String>,
    continuing_subword_prefix: Option<String>,
    max_input_chars_per_word: Option<usize>,
    unk_id: Option<usize>,
    byte_fallback: Option<bool>,
    dropout: Option<f64>,
    end_of_word_suffix: Option<String>,
    fuse_unk: Option<bool>,
    ignore_merges: Option<bool>,
    #[serde(borrow)]
    merges: Option<Vec<WrittenMerge<'a>>>,
    #[serde(borrow)]
    vocab: Tokens<'a>,
}

/// Reads the text of a `tokenizer.json`; `path` only names the file in errors.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<(Spec, Lexicon)> {
    let file: File = serde_json::from_slice(bytes).map_err(|error| not_this_kind(bytes, error, path))?;
    let added_tokens = Option::<Vec<AddedToken>>::deserialize(&file.added_tokens)
        .map_err(|error| Error::tokenizer(path, format!("added_tokens: {error}")))?
        .unwrap_or_default();
    let (model, lexicon) = file.model.read(path)?;
    let decoder = part::<Decoding>(&file.decoder, path)?;
    let mut spec = Spec {
        normalizer: part(&file.normalizer, path)?,
        pre_tokenizer: part(&file.pre_tokenizer, path)?,
        decoder: decoder.filter(|decoder| !goes_with(decoder, &model)),
        model,
        post_processor: None,
        added_tokens,
        split_special_tokens: false,
        model_max_length: None,
        mask_token: None,
    };
    let mut post_processor = file.post_processor;
    let tokens =
        special_tokens(&mut post_processor).map_err(|reason| tell(path, PostProcessing::KEY, &reason))?;
    spec.post_processor = part(&post_processor, path)?.map(as_bert);
    for (token, id) in tokens {
        if lexicon.get(&token) != Some(id)
            && !spec.added_tokens.iter().any(|added| added.id == Some(id) && added.content == token)
        {
            let reason = format!("the vocabulary lacks {token} with the id {id}");
            return Err(tell(path, PostProcessing::KEY, &reason));
        }
    }
    Ok((spec, lexicon))
}

impl Model<'_> {
    fn read(self, path: &Path) -> Result<(spec::Model, Lexicon)> {
        let usual = match self.vocab {
            Tokens::Ids(_) if self.merges.is_some() => "BPE",
            Tokens::Ids(_) => "WordPiece",
            Tokens::Scores(_) => "Unigram",
        };
        let kind = self.kind.as_deref().unwrap_or(usual);
        refuse_other("model", kind, MODELS, path)?;
        let lacks = |key: &str| tell(path, "model", &format!("it has no {key}"));
        match self.vocab {
            Tokens::Ids(tokens) if kind == "WordPiece" => {
                let model = spec::Model::WordPiece {
                    unk_token: self.unk_token.ok_or_else(|| lacks("unk_token"))?,
                    continuing_subword_prefix: self
                        .continuing_subword_prefix
                        .ok_or_else(|| lacks("continuing_subword_prefix"))?,
                    max_input_chars_per_word: self
                        .max_input_chars_per_word
                        .ok_or_else(|| lacks("max_input_chars_per_word"))?,
                };
                Ok((model, Lexicon::WordPiece(Vocabulary::new(tokens, path)?)))
            }
            Tokens::Scores(tokens) if kind == "Unigram" => {
                let unk_id = self.unk_id.ok_or_else(|| lacks("unk_id"))?;
                let model =
                    spec::Model::Unigram { unk_id, byte_fallback: self.byte_fallback.unwrap_or(false) };
                Ok((model, Lexicon::Unigram(unigram::Lexicon::new(&tokens, path)?)))
            }
            Tokens::Ids(_) if kind == "BPE" => self.read_bpe(path),
            _ => Err(tell(path, "model", &format!("vocab is not that of a {kind}"))),
        }
    }

    /// Of bytes: what no such file asks for is refused.
    fn read_bpe(self, path: &Path) -> Result<(spec::Model, Lexicon)> {
        let refuse = |key: &str, value: String| {
            Err(tell(path, "model", &format!("{key}: {value} is not supported with \"BPE\"")))
        };
        let affixes = [
            ("continuing_subword_prefix", &self.continuing_subword_prefix),
            ("end_of_word_suffix", &self.end_of_word_suffix),
        ];
        for (key, value) in affixes {
            if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
                return refuse(key, format!("{value:?}"));
            }
        }
        if let Some(value) = self.dropout.filter(|&value| value != 0.0) {
            return refuse("dropout", value.to_string());
        }
        if self.byte_fallback == Some(true) {
            return refuse("byte_fallback", "true".to_owned());
        }
        let (Tokens::Ids(tokens), Some(merges)) = (self.vocab, self.merges) else {
            return Err(tell(path, "model", "it has no merges"));
        };
        let model = spec::Model::Bpe {
            unk_token: self.unk_token,
            fuse_unk: self.fuse_unk.unwrap_or(false),
            ignore_merges: self.ignore_merges.unwrap_or(false),
        };
        let vocabulary = Vocabulary::new(tokens, path)?;
        let merges =
            bpe::read(&merges, &vocabulary).map_err(|reason| tell(path, "model: merges", &reason))?;
        Ok((model, Lexicon::Bpe(vocabulary, merges)))
    }
}

const MODELS: &[&str] = &["WordPiece", "Unigram", "BPE"];

fn tell(path: &Path, part: &str, reason: &str) -> Error {
    Error::tokenizer(path, format!("{part}: {reason}"))
}

/// Other models have other keys: name the model where that is why the file was not understood.
fn not_this_kind(bytes: &[u8], error: serde_json::Error, path: &Path) -> Error {
    #[derive(Deserialize)]
    struct Probe {
        model: Kind,
    }
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: String,
    }
    let refused = serde_json::from_slice::<Probe>(bytes)
        .ok()
        .and_then(|probe| refuse_other("model", &probe.model.kind, MODELS, path).err());
    refused.unwrap_or_else(|| Error::json(path)(error))
}

fn refuse_other(part: &str, kind: &str, accepted: &[&str], path: &Path) -> Result<()> {
    if accepted.contains(&kind) {
        return Ok(());
    }
    let reason = format!("{kind:?} is not supported, only {}", accepted.join(", "));
    Err(tell(path, part, &reason))
}

/// A part of the file, if it has it.
fn part<T: Part + DeserializeOwned>(value: &Value, path: &Path) -> Result<Option<T>> {
    if value.is_null() {
        return Ok(None);
    }
    refuse_others::<T>(value, path)?;
    T::deserialize(value).map(Some).map_err(|error| tell(path, T::KEY, &error.to_string()))
}

fn refuse_others<T: Part>(value: &Value, path: &Path) -> Result<()> {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or("none");
    refuse_other(T::KEY, kind, T::TYPES, path)?;
    value
        .get(T::PARTS)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .try_for_each(|part| refuse_others::<T>(part, path))
}

/// Whether a decoder is what a model has without one.
fn goes_with(decoder: &Decoding, model: &spec::Model) -> bool {
    match (decoder, model) {
        (
            Decoding::WordPiece { prefix, cleanup },
            spec::Model::WordPiece { continuing_subword_prefix, .. },
        ) => *cleanup && prefix == continuing_subword_prefix,
        _ => false,
    }
}
