//! Token ids → text, as the `WordPiece` decoder of the `tokenizers` crate does it.

use super::{Tokenizer, spec::AddedToken};

/// What stands for a token that is to be guessed, unless a tokenizer's settings say otherwise.
pub(super) const MASK: &str = "[MASK]";
/// Spaces that go, in this order, within what a token becomes.
const CLEANUP: [(&str, &str); 11] = [
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" do not", " don't"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
];

impl Tokenizer {
    /// The token of this id, as the vocabulary has it.
    pub fn token(&self, id: u32) -> Option<&str> {
        let added = self.spec.added_tokens.iter().find(|token| token.id == Some(id));
        added.map(|token| token.content.as_str()).or_else(|| self.model.vocabulary().token(id))
    }

    /// The id of a token, as the vocabulary has it: `None` of a text that is no token, or several.
    pub fn id(&self, token: &str) -> Option<u32> {
        let added = self.spec.added_tokens.iter().find(|added| added.content == token);
        added.and_then(|token| token.id).or_else(|| self.model.vocabulary().get(token))
    }

    /// The tokens of a text, without special ones.
    pub(crate) fn ids(&self, text: &str) -> Vec<u32> {
        self.tokens::<()>(text).map(|token| token.id).collect()
    }

    /// What stands for a token that is to be guessed, if there is such a one.
    pub fn mask(&self) -> Option<u32> {
        self.id(self.mask_token())
    }

    /// As it is written in a text.
    pub(crate) fn mask_token(&self) -> &str {
        self.spec.mask_token.as_deref().unwrap_or(MASK)
    }

    /// What a word becomes for which there are no tokens.
    pub(crate) fn unknown(&self) -> u32 {
        self.model.unknown()
    }

    /// The text that tokens stand for, as far as it can be known: spaces are where words of the vocabulary begin. Ids without a
    /// token are left out, and special ones if `skip_special`.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> String {
        let is_special = |id: u32| {
            self.spec.added_tokens.iter().any(|token: &AddedToken| token.id == Some(id) && token.special)
        };
        let kept = ids.iter().filter(|&&id| !(skip_special && is_special(id)));
        self.join(kept.filter_map(|&id| self.token(id)))
    }

    /// One text of tokens, the first of which stays as it is.
    pub(crate) fn join<'a>(&self, tokens: impl IntoIterator<Item = &'a str>) -> String {
        let prefix = self.model.continuing_subword_prefix();
        let mut text = String::new();
        for (i, token) in tokens.into_iter().enumerate() {
            let part = match token.strip_prefix(prefix) {
                _ if i == 0 => token.to_owned(),
                Some(rest) if !prefix.is_empty() => rest.to_owned(),
                _ => format!(" {token}"),
            };
            text += &CLEANUP.into_iter().fold(part, |part, (from, to)| part.replace(from, to));
        }
        text
    }
}
