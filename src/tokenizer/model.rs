//! How words become tokens, whatever the kind of model.

use super::{
    spec,
    vocabulary::Vocabulary,
    wordpiece::{self, WordPiece},
};

/// Longer words than anyone writes; BERT's own limit is 100.
const MOST_WORD_CHARS: usize = 10_000;

/// A model with its vocabulary.
#[derive(Debug)]
pub(super) enum Model {
    WordPiece(WordPiece),
}

impl Model {
    /// Puts settings and vocabulary together.
    pub(super) fn new(spec: &spec::Model, vocabulary: Vocabulary) -> Result<Self, String> {
        match spec {
            spec::Model::WordPiece { unk_token, continuing_subword_prefix, max_input_chars_per_word } => {
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
        }
    }

    fn vocabulary(&self) -> &Vocabulary {
        match self {
            Self::WordPiece(model) => model.vocabulary(),
        }
    }

    /// The id of a token.
    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.vocabulary().get(token)
    }

    /// The token of an id.
    pub(super) fn token(&self, id: u32) -> Option<&str> {
        self.vocabulary().token(id)
    }

    /// How many tokens there are: the next one that is added has this id.
    pub(super) fn len(&self) -> usize {
        self.vocabulary().len()
    }

    /// The highest id, 0 if there is none.
    pub(super) fn highest(&self) -> u32 {
        self.vocabulary().highest()
    }

    /// What a word becomes, or a part of one, for which there are no tokens.
    pub(super) fn unknown(&self) -> u32 {
        match self {
            Self::WordPiece(model) => model.unknown(),
        }
    }

    /// What people call it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::WordPiece(_) => "WordPiece",
        }
    }

    /// The vocabulary as packed files have it.
    pub(super) fn to_lines(&self) -> Vec<u8> {
        self.vocabulary().to_lines()
    }

    /// Splits words, with memory that they share.
    pub(super) fn pieces(&self) -> Pieces<'_> {
        match self {
            Self::WordPiece(model) => Pieces::WordPiece(model.pieces()),
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
}

impl Pieces<'_> {
    /// How many characters a word can have and still be more than unknown.
    pub(super) fn max_chars(&self) -> usize {
        match self {
            Self::WordPiece(pieces) => pieces.max_chars(),
        }
    }

    /// Appends the word's tokens.
    #[inline]
    pub(super) fn push(&mut self, word: &str, found: &mut Vec<Piece>) {
        match self {
            Self::WordPiece(pieces) => pieces.push(word, found),
        }
    }
}
