//! `tokenizer_config.json` and, from older checkpoints, `special_tokens_map.json` and `added_tokens.json`.
//!
//! What `BertTokenizerFast.from_pretrained` of transformers 4.57 makes of them, with two differences. A `[PAD]` or `[MASK]`
//! that the vocabulary lacks is not added to it, for the model has no embedding for it. And where these settings change
//! the casing of a `tokenizer.json`, its normalized added tokens follow, as they do since tokenizers 0.23.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    read_if_there,
    spec::{AddedToken, Spec},
    vocabulary::{TokenIds, Vocabulary},
};
use crate::error::{Error, Result};

/// What the three files say together.
#[derive(Debug, Default)]
pub(super) struct Settings {
    config: Config,
    names: Names,
    /// From `added_tokens.json`, in the order of their ids.
    older: Vec<(u32, String)>,
}

/// `tokenizer_config.json`. A key that is absent or null takes `BertTokenizerFast`'s default.
#[derive(Debug, Default, Deserialize)]
struct Config {
    tokenizer_class: Option<String>,
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    split_special_tokens: Option<bool>,
    truncation_side: Option<String>,
    /// 1e30 stands for no limit.
    model_max_length: Option<f64>,
    /// Its name before 2021.
    max_len: Option<f64>,
    added_tokens_decoder: Option<BTreeMap<u32, AddedToken>>,
}

/// The special tokens, in `tokenizer_config.json` and in `special_tokens_map.json`.
#[derive(Debug, Default, Deserialize)]
struct Names {
    bos_token: Option<Name>,
    eos_token: Option<Name>,
    unk_token: Option<Name>,
    sep_token: Option<Name>,
    pad_token: Option<Name>,
    cls_token: Option<Name>,
    mask_token: Option<Name>,
    additional_special_tokens: Option<Vec<Name>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Name {
    Text(String),
    Token(AddedToken),
}

impl Name {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Token(token) => &token.content,
        }
    }

    fn token(&self) -> AddedToken {
        match self {
            Self::Text(text) => AddedToken::special(text),
            Self::Token(token) => AddedToken {
                id: None,
                normalized: Some(token.normalized.unwrap_or(false)),
                special: true,
                ..token.clone()
            },
        }
    }
}

impl Names {
    /// Where both name a token, `newer` wins.
    fn overlay(self, newer: Self) -> Self {
        let more = newer.additional_special_tokens.into_iter().flatten();
        let additional: Vec<_> = self.additional_special_tokens.into_iter().flatten().chain(more).collect();
        Self {
            bos_token: newer.bos_token.or(self.bos_token),
            eos_token: newer.eos_token.or(self.eos_token),
            unk_token: newer.unk_token.or(self.unk_token),
            sep_token: newer.sep_token.or(self.sep_token),
            pad_token: newer.pad_token.or(self.pad_token),
            cls_token: newer.cls_token.or(self.cls_token),
            mask_token: newer.mask_token.or(self.mask_token),
            additional_special_tokens: (!additional.is_empty()).then_some(additional),
        }
    }

    fn or_bert(self) -> Self {
        let name = |text: &str| Some(Name::Text(text.to_owned()));
        Self {
            unk_token: self.unk_token.or_else(|| name("[UNK]")),
            sep_token: self.sep_token.or_else(|| name("[SEP]")),
            pad_token: self.pad_token.or_else(|| name("[PAD]")),
            cls_token: self.cls_token.or_else(|| name("[CLS]")),
            mask_token: self.mask_token.or_else(|| name("[MASK]")),
            ..self
        }
    }

    /// All but the additional ones, in the order in which `transformers` adds them.
    fn in_order(&self) -> impl Iterator<Item = &Name> {
        let Self { bos_token, eos_token, unk_token, sep_token, pad_token, cls_token, mask_token, .. } = self;
        [bos_token, eos_token, unk_token, sep_token, pad_token, cls_token, mask_token].into_iter().flatten()
    }

    fn additional(&self) -> impl Iterator<Item = &Name> {
        self.additional_special_tokens.iter().flatten()
    }
}

impl Settings {
    /// Those of a BERT tokenizer without any files.
    pub(super) fn bert() -> Self {
        Self { names: Names::default().or_bert(), ..Self::default() }
    }

    /// Files that are absent say nothing.
    pub(super) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("tokenizer_config.json");
        let config: Config = read_json(&path)?.unwrap_or_default();
        let mut names: Names = read_json(&path)?.unwrap_or_default();
        let mut older = Vec::new();
        // `added_tokens_decoder` (2023) replaces both files.
        if config.added_tokens_decoder.is_none() {
            if let Some(newer) = read_json(&dir.join("special_tokens_map.json"))? {
                names = names.overlay(newer);
            }
            let path = dir.join("added_tokens.json");
            if let Some(bytes) = read_if_there(&path)? {
                let TokenIds(tokens) = serde_json::from_slice(&bytes).map_err(Error::json(&path))?;
                older = tokens.into_iter().map(|(id, token)| (id, token.into_owned())).collect();
                older.sort_unstable();
            }
        }
        let refuse = |key: &str, value: &str| {
            Err(Error::tokenizer(&path, format!("{key}: {value:?} is not supported")))
        };
        match config.tokenizer_class.as_deref() {
            None | Some("BertTokenizer" | "BertTokenizerFast") => names = names.or_bert(),
            Some("PreTrainedTokenizerFast" | "TokenizersBackend") => {}
            Some(other) => return refuse("tokenizer_class", other),
        }
        match config.truncation_side.as_deref() {
            None | Some("right") => Ok(Self { config, names, older }),
            Some(other) => refuse("truncation_side", other),
        }
    }

    /// Whether these are the settings of `BertTokenizerFast`, rather than of a class that takes `tokenizer.json` as it is.
    fn is_bert(&self) -> bool {
        !matches!(
            self.config.tokenizer_class.as_deref(),
            Some("PreTrainedTokenizerFast" | "TokenizersBackend")
        )
    }

    /// A tokenizer of which nothing is known but these settings, for a `vocab.txt`. To be completed by `apply`.
    pub(super) fn spec(&self, dir: &Path) -> Result<Spec> {
        let name = |name: &Option<Name>| name.as_ref().map(|name| name.text().to_owned());
        let (Names { unk_token, cls_token, sep_token, .. }, true) = (&self.names, self.is_bert()) else {
            return Err(Error::tokenizer(dir, "no tokenizer.json, which this tokenizer_class needs"));
        };
        Ok(Spec {
            unk_token: name(unk_token).unwrap_or_default(),
            cls_token: name(cls_token).unwrap_or_default(),
            sep_token: name(sep_token).unwrap_or_default(),
            continuing_subword_prefix: "##".to_owned(),
            max_input_chars_per_word: 100,
            clean_text: true,
            handle_chinese_chars: true,
            strip_accents: None,
            lowercase: true,
            added_tokens: Vec::new(),
            split_special_tokens: false,
            model_max_length: None,
        })
    }

    /// Changes `spec` to what these settings say.
    pub(super) fn apply(&self, spec: &mut Spec, vocabulary: &Vocabulary) {
        let config = &self.config;
        if self.is_bert() {
            spec.lowercase = config.do_lower_case.unwrap_or(true);
            spec.strip_accents = config.strip_accents;
            spec.handle_chinese_chars = config.tokenize_chinese_chars.unwrap_or(true);
        }
        spec.split_special_tokens = config.split_special_tokens.unwrap_or(false);
        let max_length = config.model_max_length.or(config.max_len);
        spec.model_max_length =
            max_length.filter(|length| (1.0..1e20).contains(length)).map(|length| length as usize);
        self.add_tokens(&mut spec.added_tokens, vocabulary);
    }

    fn add_tokens(&self, tokens: &mut Vec<AddedToken>, vocabulary: &Vocabulary) {
        for (id, token) in self.config.added_tokens_decoder.iter().flatten() {
            let token = AddedToken { id: Some(*id), ..token.clone() };
            match tokens.iter_mut().find(|other| other.content == token.content) {
                Some(other) => *other = token,
                None => tokens.push(token),
            }
        }
        let mut add = |token: AddedToken| {
            if !tokens.iter().any(|other| other.content == token.content) {
                tokens.push(token);
            }
        };
        for (id, content) in &self.older {
            let special =
                self.names.in_order().chain(self.names.additional()).any(|name| name.text() == content);
            add(AddedToken { id: Some(*id), special, ..AddedToken::special(content) });
        }
        for name in self.names.in_order().filter(|name| vocabulary.get(name.text()).is_some()) {
            add(name.token());
        }
        for name in self.names.additional() {
            add(name.token());
        }
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let bytes = read_if_there(path)?;
    bytes.map(|bytes| serde_json::from_slice(&bytes).map_err(Error::json(path))).transpose()
}
