//! `tokenizer_config.json` and, from older checkpoints, `special_tokens_map.json` and `added_tokens.json`.
//!
//! What `AutoTokenizer.from_pretrained` of transformers makes of them, checked against 4.57 and 5.24. Where these differ,
//! files of the time before `added_tokens_decoder` (2023) are read as 4.57 reads them, which joins the lists of additional
//! tokens of two files and keeps the case of those that `added_tokens.json` holds too; all others as 5.24 does. Two
//! differences to both: a `[PAD]` or `[MASK]` that the vocabulary lacks is not added to it, for the model has no embedding
//! for it. And where these settings change the casing of a `tokenizer.json`, its normalized added tokens follow, as they do
//! since tokenizers 0.23. A class of the RoBERTa family makes its tokenizer anew in 5.24, and takes `tokenizer.json` as it is in
//! 4.57: so it is taken here, for what either has saved is what it makes.

use std::path::Path;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{
    decode::MASK,
    model::Lexicon,
    read_if_there,
    spec::{AddedToken, Normalization, PostProcessing, PreTokenization, Spec},
    vocabulary::{Entries, TokenIds},
};
use crate::error::{Error, Result};
use class::Class;
use names::Names;

mod class;
mod names;

/// What the three files say together.
#[derive(Debug, Default)]
pub(super) struct Settings {
    config: Config,
    class: Class,
    names: Names,
    /// From `added_tokens.json`, in the order of their ids.
    older: Vec<AddedToken>,
}

/// `tokenizer_config.json` but for its tokens. A key that is absent or null takes the class's default.
#[derive(Debug, Default, Deserialize)]
struct Config {
    tokenizer_class: Option<String>,
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    add_prefix_space: Option<bool>,
    trim_offsets: Option<bool>,
    split_special_tokens: Option<bool>,
    truncation_side: Option<String>,
    /// 1e30 stands for no limit.
    model_max_length: Option<f64>,
    /// Its name before 2021.
    max_len: Option<f64>,
}

/// What `config.json` says of tokenizers.
#[derive(Default, Deserialize)]
struct Model {
    tokenizer_class: Option<String>,
    model_type: Option<String>,
}

impl Settings {
    /// Those of a BERT tokenizer without any files.
    pub(super) fn bert() -> Self {
        Self { names: Names::default().or_those_of(Class::Bert), ..Self::default() }
    }

    /// Files that are absent say nothing.
    pub(super) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("tokenizer_config.json");
        let config: Config = read_json(&path)?.unwrap_or_default();
        let mut names = read_names(&path)?;
        let mut older = Vec::new();
        // `added_tokens_decoder` replaces both files.
        if names.by_id.is_none() {
            names = names.with_map(read_names(&dir.join("special_tokens_map.json"))?);
            let path = dir.join("added_tokens.json");
            if let Some(bytes) = read_if_there(&path)? {
                let Entries(mut tokens): TokenIds<'_> =
                    serde_json::from_slice(&bytes).map_err(Error::json(&path))?;
                tokens.sort_unstable();
                older = tokens.iter().map(|(id, token)| names.older(*id, token)).collect();
            }
        }
        let refuse = |key: &str, value: &str| {
            Err(Error::tokenizer(&path, format!("{key}: {value:?} is not supported")))
        };
        let model: Model = read_json(&dir.join("config.json"))?.unwrap_or_default();
        let class = match config.tokenizer_class.as_deref().or(model.tokenizer_class.as_deref()) {
            Some(name) => match Class::by_name(name) {
                Some(class) => class,
                None => return refuse("tokenizer_class", name),
            },
            None => Class::of_model(&model.model_type.unwrap_or_default()),
        };
        let names = names.or_those_of(class);
        match config.truncation_side.as_deref() {
            None | Some("right") => Ok(Self { config, class, names, older }),
            Some(other) => refuse("truncation_side", other),
        }
    }

    /// Whether there are a `vocab.json` and a `merges.txt`, rather than a `vocab.txt`.
    pub(super) fn has_merges(&self) -> bool {
        self.class == Class::Roberta
    }

    /// A tokenizer of which nothing is known but these settings and its tokens. To be completed by `apply`.
    pub(super) fn spec(&self, dir: &Path) -> Result<Spec> {
        let name = |key: &str| self.names.text(key).unwrap_or_default();
        let spec = self.class.spec(name("unk_token"), name("cls_token"), name("sep_token"));
        spec.ok_or_else(|| Error::tokenizer(dir, "no tokenizer.json, which this tokenizer_class needs"))
    }

    /// Changes `spec` to what these settings say.
    pub(super) fn apply(&self, spec: &mut Spec, lexicon: &Lexicon) {
        let config = &self.config;
        if self.class.sets_normalizer()
            && let Some(Normalization::BertNormalizer(normalizer)) = &mut spec.normalizer
        {
            normalizer.lowercase = config.do_lower_case.unwrap_or(true);
            normalizer.strip_accents = config.strip_accents;
            normalizer.handle_chinese_chars = config.tokenize_chinese_chars.unwrap_or(true);
        }
        if self.class == Class::Roberta {
            let has_prefix = config.add_prefix_space.unwrap_or(false);
            if let Some(PreTokenization::ByteLevel(words)) = &mut spec.pre_tokenizer {
                words.add_prefix_space = has_prefix;
            }
            if let Some(PostProcessing::RobertaProcessing { trim_offsets, add_prefix_space, .. }) =
                &mut spec.post_processor
            {
                *trim_offsets = config.trim_offsets.unwrap_or(true);
                *add_prefix_space = has_prefix;
            }
        }
        spec.split_special_tokens = config.split_special_tokens.unwrap_or(false);
        let max_length = config.model_max_length.or(config.max_len);
        spec.model_max_length =
            max_length.filter(|length| (1.0..1e20).contains(length)).map(|length| length as usize);
        spec.mask_token = self.names.text("mask_token").filter(|token| token != MASK);
        self.add_tokens(&mut spec.added_tokens, lexicon);
    }

    fn add_tokens(&self, tokens: &mut Vec<AddedToken>, lexicon: &Lexicon) {
        for token in self.names.by_id.iter().flatten() {
            match tokens.iter_mut().find(|other| other.content == token.content) {
                Some(other) => *other = token.clone(),
                None => tokens.push(token.clone()),
            }
        }
        let own: Vec<_> =
            self.class.further_tokens().iter().map(|token| AddedToken::special(token)).collect();
        let named = self.names.named().chain(&own).filter(|token| lexicon.get(&token.content).is_some());
        for token in self.older.iter().chain(named).chain(self.names.further()) {
            match tokens.iter_mut().find(|other| other.content == token.content) {
                // How it is found was said; that it is special may be new.
                Some(other) => {
                    (other.normalized, other.special) =
                        (Some(other.is_normalized()), other.special || token.special);
                }
                None => tokens.push(token.clone()),
            }
        }
    }
}

fn read_names(path: &Path) -> Result<Names> {
    let Some(bytes) = read_if_there(path)? else { return Ok(Names::default()) };
    let entries: Entries<'_, &RawValue> = serde_json::from_slice(&bytes).map_err(Error::json(path))?;
    Names::read(entries).map_err(|reason| Error::tokenizer(path, reason))
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = read_if_there(path)?;
    bytes.map(|bytes| serde_json::from_slice(&bytes).map_err(Error::json(path))).transpose()
}
