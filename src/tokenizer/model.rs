//! How words become tokens, whatever the kind of model.

use std::path::Path;

use super::{
    bpe::{self, Bpe, Merges, Unknown},
    byte_level::char_of,
    spec,
    unigram::{self, Unigram},
    vocabulary::{Entries, TokenIds, Vocabulary},
    wordpiece::{self, WordPiece},
};
use crate::{
    checkpoint::weights::Bytes,
    error::{Error, Result as Read},
};

/// Longer words than anyone writes; BERT's own limit is 100.
const MOST_WORD_CHARS: usize = 10_000;

/// The tokens of a model, and what it has of each, as they come from a file.
#[derive(Debug)]
pub(super) enum Lexicon {
    WordPiece(Vocabulary),
    Unigram(unigram::Lexicon),
    Bpe(Vocabulary, Merges),
}

impl Lexicon {
    /// From the parts of a packed file.
    pub(super) fn from_parts(model: &spec::Model, vocab: &Bytes, index: &Bytes, path: &Path) -> Read<Self> {
        Ok(match model {
            spec::Model::WordPiece { .. } => Self::WordPiece(Vocabulary::from_lines(vocab, path)?),
            spec::Model::Unigram { .. } => Self::Unigram(unigram::Lexicon::from_parts(vocab, index, path)?),
            spec::Model::Bpe { .. } => {
                let vocabulary = Vocabulary::from_lines(vocab, path)?;
                let merges = Merges::from_bytes(index, &vocabulary)
                    .map_err(|reason| Error::tokenizer(path, format!("model: merges: {reason}")))?;
                Self::Bpe(vocabulary, merges)
            }
        })
    }

    /// From a `vocab.json` and a `merges.txt`, each with its path.
    pub(super) fn from_files(vocab: (&[u8], &Path), merges: (&[u8], &Path)) -> Read<Self> {
        let Entries(tokens): TokenIds<'_> = serde_json::from_slice(vocab.0).map_err(Error::json(vocab.1))?;
        let vocabulary = Vocabulary::new(tokens, vocab.1)?;
        let merges =
            bpe::from_text(merges.0, &vocabulary).map_err(|reason| Error::tokenizer(merges.1, reason))?;
        Ok(Self::Bpe(vocabulary, merges))
    }

    /// The id of a token.
    pub(super) fn get(&self, token: &str) -> Option<u32> {
        match self {
            Self::WordPiece(vocabulary) | Self::Bpe(vocabulary, _) => vocabulary.get(token),
            Self::Unigram(lexicon) => lexicon.get(token),
        }
    }
}

/// A model with its tokens.
#[derive(Debug)]
pub(super) enum Model {
    WordPiece(WordPiece),
    Unigram(Unigram),
    Bpe(Bpe),
}

impl Model {
    /// Puts settings and tokens together.
    pub(super) fn new(spec: &spec::Model, lexicon: Lexicon) -> Result<Self, String> {
        match (spec, lexicon) {
            (
                spec::Model::WordPiece { unk_token, continuing_subword_prefix, max_input_chars_per_word },
                Lexicon::WordPiece(vocabulary),
            ) => {
                let unk =
                    vocabulary.get(unk_token).ok_or_else(|| format!("the vocabulary lacks {unk_token}"))?;
                // A word costs its length times that of the longest token.
                let (found, most) = (*max_input_chars_per_word, MOST_WORD_CHARS);
                if found > most {
                    return Err(format!("max_input_chars_per_word is {found}, at most {most} are supported"));
                }
                let prefix = continuing_subword_prefix.clone();
                Ok(Self::WordPiece(WordPiece::new(vocabulary, unk, prefix, found)))
            }
            (&spec::Model::Unigram { unk_id, byte_fallback }, Lexicon::Unigram(lexicon)) => {
                Unigram::new(lexicon, unk_id, byte_fallback).map(Self::Unigram)
            }
            (spec::Model::Bpe { unk_token, fuse_unk, ignore_merges }, Lexicon::Bpe(vocabulary, merges)) => {
                let id = unk_token.as_ref().and_then(|token| vocabulary.get(token));
                let lacks = |byte| vocabulary.get(char_of(byte).encode_utf8(&mut [0; 4])).is_none();
                if let (Some(token), None) = (unk_token, id)
                    && (0..=255).any(lacks)
                {
                    return Err(format!("the vocabulary lacks {token}"));
                }
                let unk = Unknown { id, fuse: *fuse_unk };
                Ok(Self::Bpe(Bpe::new(vocabulary, merges, unk, *ignore_merges)))
            }
            _ => Err("model: settings of one kind, tokens of another".to_owned()),
        }
    }

    /// The id of a token.
    pub(super) fn id(&self, token: &str) -> Option<u32> {
        match self {
            Self::WordPiece(model) => model.vocabulary().get(token),
            Self::Bpe(model) => model.vocabulary().get(token),
            Self::Unigram(model) => model.lexicon().get(token),
        }
    }

    /// The token of an id.
    pub(super) fn token(&self, id: u32) -> Option<&str> {
        match self {
            Self::WordPiece(model) => model.vocabulary().token(id),
            Self::Bpe(model) => model.vocabulary().token(id),
            Self::Unigram(model) => model.lexicon().token(id),
        }
    }

    /// How many tokens there are: the next one that is added has this id.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::WordPiece(model) => model.vocabulary().len(),
            Self::Bpe(model) => model.vocabulary().len(),
            Self::Unigram(model) => model.lexicon().len(),
        }
    }

    /// The highest id, 0 if there is none.
    pub(super) fn highest(&self) -> u32 {
        match self {
            Self::WordPiece(model) => model.vocabulary().highest(),
            Self::Bpe(model) => model.vocabulary().highest(),
            Self::Unigram(model) => model.lexicon().len().saturating_sub(1) as u32,
        }
    }

    /// What a word becomes, or a part of one, for which there are no tokens, if not nothing.
    pub(super) fn unknown(&self) -> Option<u32> {
        match self {
            Self::WordPiece(model) => Some(model.unknown()),
            Self::Unigram(model) => Some(model.unknown()),
            Self::Bpe(model) => model.unknown(),
        }
    }

    /// What people call it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::WordPiece(_) => "WordPiece",
            Self::Unigram(_) => "Unigram",
            Self::Bpe(_) => "BPE",
        }
    }

    /// The parts of a packed file: tokens, and an index, which may be empty.
    pub(super) fn to_parts(&self) -> [Vec<u8>; 2] {
        match self {
            Self::WordPiece(model) => [model.vocabulary().to_lines(), Vec::new()],
            Self::Unigram(model) => model.lexicon().to_parts(),
            Self::Bpe(model) => [model.vocabulary().to_lines(), model.merges().to_bytes()],
        }
    }

    /// Splits words, with memory that they share.
    pub(super) fn pieces(&self) -> Pieces<'_> {
        match self {
            Self::WordPiece(model) => Pieces::WordPiece(model.pieces()),
            Self::Unigram(model) => Pieces::Unigram(model.pieces()),
            Self::Bpe(model) => Pieces::Bpe(model.pieces()),
        }
    }
}

/// A token, and which bytes of the word it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) id: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// See [`Model::pieces`].
pub(super) enum Pieces<'a> {
    WordPiece(wordpiece::Pieces<'a>),
    Unigram(unigram::Pieces<'a>),
    Bpe(bpe::Pieces<'a>),
}

impl Pieces<'_> {
    /// How many characters a word can have and still be more than unknown.
    pub(super) fn max_chars(&self) -> usize {
        match self {
            Self::WordPiece(pieces) => pieces.max_chars(),
            Self::Unigram(_) | Self::Bpe(_) => usize::MAX,
        }
    }

    /// Appends the word's tokens.
    #[inline]
    pub(super) fn push(&mut self, word: &str, found: &mut Vec<Piece>) {
        match self {
            Self::WordPiece(pieces) => pieces.push(word, found),
            Self::Unigram(pieces) => pieces.push(word, found),
            Self::Bpe(pieces) => pieces.push(word, found),
        }
    }
}
