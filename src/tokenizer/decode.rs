//! Token ids → text, as the decoders of the `tokenizers` crate do it.

use super::{
    Tokenizer, byte_level,
    normalizer::Finder,
    spec::{AddedToken, Decoding, Metaspace, Model, PrependScheme, Spec},
};

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

/// Turns tokens into a text.
#[derive(Debug)]
pub(super) enum Decoder {
    WordPiece {
        prefix: String,
        cleanup: bool,
    },
    Metaspace(Metaspace),
    Replace(Finder, String),
    ByteFallback,
    ByteLevel,
    Fuse,
    Strip {
        content: char,
        start: usize,
        stop: usize,
    },
    Sequence(Vec<Decoder>),
    /// Spaces between all tokens.
    Spaces,
}

impl Decoder {
    pub(super) fn new(spec: &Spec) -> Result<Self, String> {
        match (&spec.decoder, &spec.model) {
            (Some(decoding), _) => Self::of(decoding),
            (None, Model::Unigram { .. } | Model::Bpe { .. }) => Ok(Self::Spaces),
            (None, Model::WordPiece { continuing_subword_prefix, .. }) => {
                Ok(Self::WordPiece { prefix: continuing_subword_prefix.clone(), cleanup: true })
            }
        }
    }

    fn of(decoding: &Decoding) -> Result<Self, String> {
        Ok(match decoding {
            Decoding::WordPiece { prefix, cleanup } => {
                Self::WordPiece { prefix: prefix.clone(), cleanup: *cleanup }
            }
            Decoding::Metaspace(metaspace) => Self::Metaspace(metaspace.clone()),
            Decoding::Replace { pattern, content } => Self::Replace(Finder::new(pattern)?, content.clone()),
            Decoding::ByteFallback => Self::ByteFallback,
            Decoding::ByteLevel => Self::ByteLevel,
            Decoding::Fuse => Self::Fuse,
            &Decoding::Strip { content, start, stop } => Self::Strip { content, start, stop },
            Decoding::Sequence { decoders } => {
                Self::Sequence(decoders.iter().map(Self::of).collect::<Result<_, _>>()?)
            }
        })
    }

    /// What each token becomes, in a list that may be shorter.
    fn decode(&self, mut tokens: Vec<String>) -> Vec<String> {
        match self {
            Self::WordPiece { prefix, cleanup } => {
                for (i, token) in tokens.iter_mut().enumerate() {
                    word_piece(token, i == 0, prefix, *cleanup);
                }
            }
            Self::Metaspace(Metaspace { replacement, prepend_scheme, .. }) => {
                for (i, token) in tokens.iter_mut().enumerate() {
                    let space = if i == 0 && *prepend_scheme != PrependScheme::Never { "" } else { " " };
                    *token = token.replace(*replacement, space);
                }
            }
            Self::Replace(finder, content) => {
                for token in &mut tokens {
                    *token = finder.replace(token, content);
                }
            }
            Self::ByteFallback => tokens = with_bytes(&tokens),
            Self::ByteLevel => tokens = vec![byte_level::decode(tokens.iter().map(String::as_str))],
            Self::Fuse => tokens = vec![tokens.concat()],
            &Self::Strip { content, start, stop } => {
                for token in &mut tokens {
                    *token = strip(token, content, start, stop).to_owned();
                }
            }
            Self::Sequence(decoders) => {
                tokens = decoders.iter().fold(tokens, |tokens, decoder| decoder.decode(tokens));
            }
            Self::Spaces => tokens = vec![tokens.join(" ")],
        }
        tokens
    }
}

fn word_piece(token: &mut String, is_first: bool, prefix: &str, cleanup: bool) {
    if !is_first {
        *token = match token.strip_prefix(prefix) {
            Some(rest) => rest.to_owned(),
            None => format!(" {token}"),
        };
    }
    if cleanup {
        *token = CLEANUP.iter().fold(std::mem::take(token), |part, (from, to)| part.replace(from, to));
    }
}

/// Each run of tokens that stand for bytes becomes the text that they are, or as many replacement characters.
fn with_bytes(tokens: &[String]) -> Vec<String> {
    let byte = |token: &String| {
        let digits = token.strip_prefix("<0x")?.strip_suffix('>').filter(|digits| digits.len() == 2)?;
        u8::from_str_radix(digits, 16).ok()
    };
    let mut decoded = Vec::new();
    for run in tokens.chunk_by(|left, right| byte(left).is_some() == byte(right).is_some()) {
        let bytes: Option<Vec<_>> = run.iter().map(byte).collect();
        match bytes.map(String::from_utf8) {
            None => decoded.extend_from_slice(run),
            Some(Ok(text)) => decoded.push(text),
            Some(Err(_)) => decoded.extend(run.iter().map(|_| "\u{fffd}".to_owned())),
        }
    }
    decoded
}

fn strip(mut token: &str, content: char, start: usize, stop: usize) -> &str {
    for _ in 0..start {
        token = token.strip_prefix(content).unwrap_or(token);
    }
    for _ in 0..stop {
        token = token.strip_suffix(content).unwrap_or(token);
    }
    token
}

impl Tokenizer {
    /// The token of this id, as the vocabulary has it.
    pub fn token(&self, id: u32) -> Option<&str> {
        let added = self.spec.added_tokens.iter().find(|token| token.id == Some(id));
        added.map(|token| token.content.as_str()).or_else(|| self.model.token(id))
    }

    /// The id of a token, as the vocabulary has it: `None` of a text that is no token, or several.
    pub fn id(&self, token: &str) -> Option<u32> {
        let added = self.spec.added_tokens.iter().find(|added| added.content == token);
        added.and_then(|token| token.id).or_else(|| self.model.id(token))
    }

    /// The tokens of a text, without special ones.
    pub(crate) fn ids(&self, text: &str) -> Vec<u32> {
        self.token_ids(text).collect()
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
    pub(crate) fn unknown(&self) -> Option<u32> {
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

    /// One text of tokens.
    pub(crate) fn join<'a>(&self, tokens: impl IntoIterator<Item = &'a str>) -> String {
        self.decoder.decode(tokens.into_iter().map(str::to_owned).collect()).concat()
    }
}
