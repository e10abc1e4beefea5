//! The first step: what a request has becomes tokens, within what one request may ask for.

use std::time::Instant;

use nimbert::{Embedder, Encoding, OnLong, Task};

use super::Served;
use crate::serve::{
    aside::reading,
    failure::{Failure, Kind},
    queue::LaneId,
    usage::Usage,
};

/// Tokens of all windows of a text, at most: more could never be computed in time.
const MOST_WINDOWED: usize = 8 << 20;

/// What a model reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::serve) enum Input {
    Text(String),
    Pair(String, String),
    /// Tokens as they are, special ones included.
    Ids(Vec<u32>),
}

/// What happens to an input of more tokens than the model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::serve) enum Truncation {
    /// It is refused.
    Refuse,
    /// Its start is read.
    #[default]
    KeepStart,
    /// Its end is read.
    KeepEnd,
}

impl Input {
    pub(in crate::serve) fn characters(&self) -> usize {
        match self {
            Self::Text(text) => text.chars().count(),
            Self::Pair(first, second) => first.chars().count() + second.chars().count(),
            Self::Ids(_) => 0,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Pair(first, second) => first.len() + second.len(),
            Self::Ids(ids) => ids.len() * 4,
        }
    }
}

fn bytes(inputs: &[Input]) -> usize {
    inputs.iter().map(Input::bytes).sum()
}

/// How vectors are made.
#[derive(Debug, Clone, Default)]
pub(in crate::serve) struct Vectors {
    pub(in crate::serve) truncation: Truncation,
    pub(in crate::serve) prompt_name: Option<String>,
    /// `None`: as the model says.
    pub(in crate::serve) normalize: Option<bool>,
    pub(in crate::serve) dimensions: Option<usize>,
}

impl Served {
    /// Tokens of all inputs.
    pub(super) async fn read(
        &self,
        inputs: &[Input],
        truncation: Truncation,
        usage: &mut Usage,
        encode: impl Fn(&Self, &Input, Truncation) -> Result<Encoding, Failure>,
    ) -> Result<Vec<Encoding>, Failure> {
        let start = Instant::now();
        let all =
            || inputs.iter().map(|input| encode(self, input, truncation)).collect::<Result<Vec<_>, _>>();
        let rows = reading(bytes(inputs), usage.deadline(), all).await??;
        for (input, row) in inputs.iter().zip(&rows) {
            usage.text(input.characters(), std::slice::from_ref(row), row.truncated);
        }
        usage.tokenized(start);
        Ok(rows)
    }

    pub(super) fn encode(&self, input: &Input, truncation: Truncation) -> Result<Encoding, Failure> {
        match input {
            Input::Text(text) => self.encode_texts(text, None, truncation),
            Input::Pair(first, second) => self.encode_texts(first, Some(second), truncation),
            Input::Ids(ids) => self.take_ids(ids, truncation),
        }
    }

    pub(super) fn encode_for(
        &self,
        embedder: &Embedder,
        input: &Input,
        truncation: Truncation,
    ) -> Result<Encoding, Failure> {
        match input {
            Input::Text(text) => self.encode_texts(&embedder.prepare(text), None, truncation),
            _ => self.encode(input, truncation),
        }
    }

    fn encode_texts(
        &self,
        text: &str,
        pair: Option<&str>,
        truncation: Truncation,
    ) -> Result<Encoding, Failure> {
        let (tokenizer, most) = (self.engine().tokenizer(), self.max_tokens());
        let encoding = match truncation {
            Truncation::KeepEnd => tokenizer.encode_end(text, pair, most),
            Truncation::KeepStart | Truncation::Refuse => {
                tokenizer.encode(text, pair, most, OnLong::Truncate)
            }
        };
        let encoding = encoding.map_err(|reason| Failure::new(Kind::Validation, reason))?;
        if truncation == Truncation::Refuse && encoding.truncated {
            let whole = tokenizer.encode(text, pair, usize::MAX, OnLong::Truncate);
            return Err(too_long(most, whole.map_or(0, |whole| whole.token_ids.len())));
        }
        Ok(encoding)
    }

    fn take_ids(&self, ids: &[u32], truncation: Truncation) -> Result<Encoding, Failure> {
        let (most, words) = (self.max_tokens(), self.engine().config().encoder.vocab_size);
        if let Some(id) = ids.iter().find(|&&id| id as usize >= words) {
            return Err(Failure::validation(format!(
                "token id {id} is out of range: the model has {words} words"
            )));
        }
        if ids.is_empty() {
            return Err(Failure::new(Kind::Empty, "a list of token ids is empty"));
        }
        let truncated = ids.len() > most;
        let kept = match truncation {
            Truncation::Refuse if truncated => return Err(too_long(most, ids.len())),
            Truncation::KeepEnd => &ids[ids.len().saturating_sub(most)..],
            _ => &ids[..ids.len().min(most)],
        };
        Ok(Encoding { token_ids: kept.to_vec(), token_type_ids: vec![0; kept.len()], truncated })
    }

    /// Texts as they are tokenized: of a model for vectors with their prompts.
    pub(in crate::serve) fn prepared(
        &self,
        texts: Vec<String>,
        prompt_name: Option<&str>,
    ) -> Result<Vec<String>, Failure> {
        if self.task() != Task::Embed && prompt_name.is_none() {
            return Ok(texts);
        }
        let (embedder, _) = self.embedder(prompt_name)?;
        Ok(texts.iter().map(|text| embedder.prepare(text).into_owned()).collect())
    }

    /// How vectors are pooled, if there are any.
    pub(in crate::serve) fn pooling(&self) -> Option<&'static str> {
        self.embedders.get("").map(|(embedder, _)| embedder.pooling()[0].name())
    }

    /// What makes vectors with a prompt, or with the model's usual one.
    pub(super) fn embedder(&self, prompt_name: Option<&str>) -> Result<(&Embedder, LaneId), Failure> {
        // The usual one has no name.
        let found = match prompt_name {
            Some("") => None,
            name => self.embedders.get(name.unwrap_or_default()),
        };
        let Some((embedder, lane)) = found else {
            let names: Vec<_> = self.embedders.keys().filter(|name| !name.is_empty()).cloned().collect();
            return Err(match prompt_name {
                None => self.cannot(Task::Embed),
                Some(_) if names.is_empty() => Failure::validation("`prompt_name`: the model has no prompts"),
                Some(_) => Failure::validation(format!("`prompt_name`: the model has {}", names.join(", "))),
            });
        };
        Ok((embedder, *lane))
    }

    /// That a text is not read in windows that overlap so much that reading it would take all memory. It has at most as many tokens as
    /// characters, or bytes where a tokenizer falls back to them.
    pub(super) fn check_windows(
        &self,
        text: &str,
        room: usize,
        stride: usize,
        window: usize,
    ) -> Result<(), Failure> {
        let step = room.saturating_sub(stride).max(1);
        if (text.len() / step).saturating_mul(window) <= MOST_WINDOWED {
            return Ok(());
        }
        let message = format!(
            "a text of {} bytes in windows of {window} tokens, {step} apart: too much for one request; a smaller stride, a shorter \
             question or a shorter text is less",
            text.len()
        );
        Err(Failure::new(Kind::PayloadTooLarge, message))
    }
}

fn too_long(most: usize, tokens: usize) -> Failure {
    let message = format!("`inputs` must have less than {most} tokens. Given: {tokens}");
    Failure::new(Kind::Validation, message)
}
