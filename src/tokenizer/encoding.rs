//! What a text is to a model, and how it is cut to the tokens that there is room for.

/// One text, or pair of texts, ready for the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoding {
    /// `[CLS] text [SEP]`, or `[CLS] text [SEP] pair [SEP]`.
    pub token_ids: Vec<u32>,
    /// As long as `token_ids`: 1 for the pair and its `[SEP]`, 0 for everything before.
    pub token_type_ids: Vec<u32>,
    /// Whether tokens were cut off to respect the limit.
    pub truncated: bool,
}

/// What happens to a text of more tokens than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnLong {
    /// Its end is cut off; of a pair, the end of the longer text first.
    #[default]
    Truncate,
    /// It is refused.
    Error,
}

/// Which text is cut where there is no room for all: the `truncation` of Hugging Face's tokenizers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Cut {
    /// The longer one first: `longest_first`.
    #[default]
    Longest,
    /// The first, or a single one: `only_first`. The other stays whole.
    First,
    /// The second: `only_second`.
    Second,
}

/// Where a token comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Origin {
    /// 0 for the text, 1 for the pair.
    pub sequence: usize,
    /// Which word of that text it is of, from 0. A punctuation mark, a Chinese character and an added token are words.
    pub word: usize,
    /// The characters that it is made of: from this one, counted from 0,
    pub start: usize,
    /// to before this one.
    pub end: usize,
}

/// A text, or a part of it, with where its tokens come from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// What the model reads. `truncated` is whether the text has more tokens than this part.
    pub encoding: Encoding,
    /// As long as its `token_ids`; `None` for a special token.
    pub origins: Vec<Option<Origin>>,
}
