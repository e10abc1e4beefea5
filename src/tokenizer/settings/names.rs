//! Which tokens `tokenizer_config.json` and `special_tokens_map.json` name: each version of transformers has its own
//! places for them, and files of all versions are about.
//!
//! | key | read by | form |
//! | --- | --- | --- |
//! | `cls_token`, `mask_token` and five more | all | a token |
//! | `additional_special_tokens` | all | a list of tokens |
//! | `extra_special_tokens` | 4.47 | an object of tokens, each by its model's name for it |
//! | `extra_special_tokens` | 5.0 | the same, or a list of tokens, which hides the additional ones beside it |
//! | `model_specific_special_tokens` | 5.0 | an object of tokens |
//! | any other that ends in `_token` | 5.0 | a token, or else a setting like any other |
//! | `added_tokens_decoder` | 4.34 | an object of tokens, each by its id |
//!
//! A token is its text, or an object that also says how it is to be found. What has another form under one of these keys is
//! refused: a token that is not taken for one would be split without a sign.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::class::Class;
use crate::tokenizer::{spec::AddedToken, vocabulary::Entries};

/// The tokens that every model may have, in the order in which transformers adds them.
const NAMED: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];
const MASK: usize = 6;

/// The tokens that files name.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// One for each of `NAMED`.
    named: [Option<AddedToken>; 7],
    /// Which of them are null: there is none, not even that of the class.
    null: [bool; 7],
    /// Whether the mask was described, rather than named alone.
    mask_is_described: bool,
    /// A model's own, with its names for them.
    own: Vec<(String, AddedToken)>,
    /// Those without a name.
    extra: Vec<AddedToken>,
    /// By their ids.
    pub(super) by_id: Option<Vec<AddedToken>>,
}

impl Names {
    /// From a file's keys and values. An error begins with the key.
    pub(super) fn read(Entries(entries): Entries<'_, &RawValue>) -> Result<Self, String> {
        let (mut names, mut additional) = (Self::default(), Vec::new());
        for (value, key) in entries {
            let mut read = || {
                let (value, form) = (value.get(), form(value));
                match (&*key, form) {
                    ("additional_special_tokens" | "extra_special_tokens", Form::Null)
                    | ("model_specific_special_tokens" | "added_tokens_decoder", Form::Null) => {}
                    ("additional_special_tokens", _) => additional = list(value)?,
                    ("extra_special_tokens", Form::List) => names.extra = list(value)?,
                    ("extra_special_tokens" | "model_specific_special_tokens", _) => {
                        object(value)?.into_iter().for_each(|(key, token)| names.set_own(key, token));
                    }
                    ("added_tokens_decoder", _) => names.by_id = Some(by_id(value)?),
                    (key, _) => names.read_token(key, value, form)?,
                }
                Ok(())
            };
            read().map_err(|reason: String| format!("{key}: {reason}"))?;
        }
        if names.extra.is_empty() {
            names.extra = additional;
        }
        Ok(names)
    }

    /// Reads a key that may be a token's name.
    fn read_token(&mut self, key: &str, value: &str, form: Form) -> Result<(), String> {
        if let Some(at) = NAMED.iter().position(|name| *name == key) {
            self.null[at] = form == Form::Null;
            self.named[at] = if self.null[at] { None } else { Some(special(value)?) };
            self.mask_is_described |= at == MASK && form == Form::Object;
        } else if key.ends_with("_token") && !matches!(form, Form::Null | Form::Scalar) {
            self.set_own(key.to_owned(), special(value)?);
        }
        Ok(())
    }

    fn set_own(&mut self, key: String, token: AddedToken) {
        match self.own.iter_mut().find(|(other, _)| *other == key) {
            Some((_, other)) => *other = token,
            None => self.own.push((key, token)),
        }
    }

    /// `map` is what `special_tokens_map.json` names. Where both name a token, its word counts, but not for a model's own.
    pub(super) fn with_map(mut self, map: Self) -> Self {
        for (token, newer) in self.named.iter_mut().zip(map.named) {
            *token = newer.or_else(|| token.take());
        }
        self.mask_is_described |= map.mask_is_described;
        let own = std::mem::replace(&mut self.own, map.own);
        own.into_iter().for_each(|(key, token)| self.set_own(key, token));
        self.extra.extend(map.extra);
        self
    }

    /// A class has its tokens even if no file names them, unless one says that it has not.
    pub(super) fn or_those_of(mut self, class: Class) -> Self {
        for ((token, null), own) in self.named.iter_mut().zip(self.null).zip(class.tokens()) {
            *token = token.take().or_else(|| own.filter(|_| !null).map(AddedToken::special));
        }
        if let Some(mask) = &mut self.named[MASK] {
            mask.lstrip |= class.mask_takes_space() && !self.mask_is_described;
        }
        self
    }

    /// The text of one of `NAMED`.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        let at = NAMED.iter().position(|name| *name == key)?;
        Some(self.named[at].as_ref()?.content.clone())
    }

    /// The tokens that every model may have.
    pub(super) fn named(&self) -> impl Iterator<Item = &AddedToken> {
        self.named.iter().flatten()
    }

    /// All others but those by id.
    pub(super) fn further(&self) -> impl Iterator<Item = &AddedToken> {
        self.own.iter().map(|(_, token)| token).chain(&self.extra)
    }

    /// A token of `added_tokens.json`, which says no more than its id. Whether it is found before normalization depends on
    /// these names, but not on a model's own.
    pub(super) fn older(&self, id: u32, content: &str) -> AddedToken {
        let is = |token: &AddedToken| token.content == content;
        let special = self.named().chain(&self.extra).any(is);
        let own = self.own.iter().any(|(_, token)| is(token));
        let normalized = Some(!special);
        AddedToken { id: Some(id), normalized, special: special || own, ..AddedToken::special(content) }
    }
}

/// What a value is, as far as that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Null,
    /// True, false, or a number.
    Scalar,
    Text,
    List,
    Object,
}

fn form(value: &RawValue) -> Form {
    match value.get().as_bytes() {
        [b'n', ..] => Form::Null,
        [b'"', ..] => Form::Text,
        [b'[', ..] => Form::List,
        [b'{', ..] => Form::Object,
        _ => Form::Scalar,
    }
}

/// A token of a file, its text alone or described.
fn token(value: &str) -> Result<AddedToken, String> {
    match parse(value, "a token")? {
        Value::String(text) => Ok(AddedToken::special(&text)),
        Value::Object(mut object) => match object.remove("__type") {
            Some(kind) if kind != "AddedToken" => Err(is_not(value, "a token")),
            _ => AddedToken::deserialize(Value::Object(object)).map_err(|error| error.to_string()),
        },
        _ => Err(is_not(value, "a token")),
    }
}

/// A token that is special wherever it is named.
fn special(value: &str) -> Result<AddedToken, String> {
    let token = token(value)?;
    Ok(AddedToken { id: None, normalized: Some(token.normalized.unwrap_or(false)), special: true, ..token })
}

fn list(value: &str) -> Result<Vec<AddedToken>, String> {
    let values: Vec<&RawValue> = parse(value, "a list of tokens")?;
    values.into_iter().map(|value| special(value.get())).collect()
}

fn object(value: &str) -> Result<Vec<(String, AddedToken)>, String> {
    let Entries(entries): Entries<'_, &RawValue> = parse(value, "an object of tokens")?;
    entries.into_iter().map(|(value, key)| Ok((key.into_owned(), special(value.get())?))).collect()
}

fn by_id(value: &str) -> Result<Vec<AddedToken>, String> {
    let Entries(entries): Entries<'_, &RawValue> = parse(value, "an object of tokens by id")?;
    let mut tokens = Vec::with_capacity(entries.len());
    for (value, key) in entries {
        let id = key.parse().map_err(|_| format!("{key:?} is not an id"))?;
        if form(value) != Form::Object {
            return Err(format!("{key}: {}", is_not(value.get(), "an object that describes a token")));
        }
        tokens.push(AddedToken { id: Some(id), ..token(value.get())? });
    }
    tokens.sort_by_key(|token| token.id);
    Ok(tokens)
}

/// The whole file is valid JSON already: it can only be another form than `expected`.
fn parse<'a, T: Deserialize<'a>>(value: &'a str, expected: &str) -> Result<T, String> {
    serde_json::from_str(value).map_err(|_| is_not(value, expected))
}

/// In one line, however long the value is.
fn is_not(value: &str, expected: &str) -> String {
    let line = value.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = &line[..line.floor_char_boundary(60)];
    let more = if shown.len() < line.len() { "…" } else { "" };
    format!("{shown}{more} is not {expected}")
}
