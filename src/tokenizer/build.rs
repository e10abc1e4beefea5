//! A tokenizer from its settings and its tokens, whatever files they came from.

use std::path::Path;

use super::{
    Tokenizer,
    added::{AddedTokens, assign_ids},
    decode::Decoder,
    model::{Lexicon, Model},
    normalizer::Normalizer,
    spec::{self, AddedToken, Part as _, PreTokenization, Spec},
    split::Splitter,
    template::Template,
};
use crate::error::{Error, Result};

impl Tokenizer {
    /// Puts settings and tokens together; `path` only names the file in errors.
    pub(super) fn build(mut spec: Spec, lexicon: Lexicon, path: &Path) -> Result<Self> {
        let tell = |part: &str, reason: String| Error::tokenizer(path, format!("{part}: {reason}"));
        let normalizer =
            Normalizer::new(spec.normalizer.as_ref()).map_err(|reason| tell("normalizer", reason))?;
        let splitters = splitters(&spec).map_err(|reason| tell(PreTokenization::KEY, reason))?;
        let decoder = Decoder::new(&spec).map_err(|reason| tell("decoder", reason))?;
        let model = Model::new(&spec.model, lexicon).map_err(|reason| Error::tokenizer(path, reason))?;

        let patterns =
            patterns(&spec.added_tokens, &normalizer).map_err(|reason| Error::tokenizer(path, reason))?;
        let ids = assign_ids(&spec.added_tokens, model.len(), |token| model.id(token));
        let added = AddedTokens::new(&spec.added_tokens, &patterns, &ids, spec.split_special_tokens)
            .map_err(|reason| Error::tokenizer(path, reason))?;
        let find = |token: &str| {
            let id = ids.get(token).copied().or_else(|| model.id(token));
            id.ok_or_else(|| format!("the vocabulary lacks {token}"))
        };
        let template = Template::new(spec.post_processor.as_ref(), find)
            .map_err(|reason| Error::tokenizer(path, reason))?;
        let ids: Vec<_> = spec.added_tokens.iter().map(|token| ids[token.content.as_str()]).collect();
        for (token, found) in spec.added_tokens.iter_mut().zip(ids) {
            if let Some(stated) = token.id.filter(|&stated| stated != found) {
                let content = &token.content;
                let reason = format!("id {stated} is out of range or taken, expected {found}");
                return Err(tell(&format!("added token {content:?}"), reason));
            }
            token.id = Some(found);
        }
        let added_ids = spec.added_tokens.iter().filter_map(|token| token.id);
        let vocab_size = added_ids.fold(model.highest(), u32::max) as usize + 1;
        Ok(Self { spec, normalizer, splitters, model, template, decoder, added, vocab_size })
    }
}

/// How the spec's words are made, if not by [`ByteWords`](super::byte_level::ByteWords), whose bytes one kind of model joins.
fn splitters(spec: &Spec) -> Result<Vec<Splitter>, String> {
    match (&spec.pre_tokenizer, &spec.model) {
        (Some(PreTokenization::ByteLevel(_)), spec::Model::Bpe { .. }) => Ok(vec![]),
        (_, spec::Model::Bpe { .. }) => {
            Err("the model \"BPE\" is supported with \"ByteLevel\" alone".to_owned())
        }
        (Some(PreTokenization::ByteLevel(_)), _) => {
            Err("\"ByteLevel\" is supported with the model \"BPE\" alone".to_owned())
        }
        (other, _) => Splitter::all(other.as_ref()),
    }
}

/// What each token is looked for as. Refuses blank ones: they would match everywhere, or between two tokens that both claim
/// the space.
fn patterns(tokens: &[AddedToken], normalizer: &Normalizer) -> Result<Vec<String>, String> {
    let pattern = |token: &AddedToken| {
        let content = &token.content;
        let pattern = if token.is_normalized() { normalizer.text(content) } else { content.clone() };
        if pattern.trim().is_empty() {
            return Err(format!("added token {content:?} is blank"));
        }
        Ok(pattern)
    };
    tokens.iter().map(pattern).collect()
}
