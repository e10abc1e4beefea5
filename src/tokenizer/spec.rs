//! Everything about a tokenizer but its vocabulary, in the one form that packed files store: the parts of a `tokenizer.json`
//! under the names that they have there. A part of another type is one that this version does not know.

use serde::{Deserialize, Serialize};

pub(super) use added_token::AddedToken;
pub(super) use metaspace::{Metaspace, PrependScheme};

mod added_token;
mod families;
mod metaspace;

/// The settings of a tokenizer, whatever files they came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    pub(super) normalizer: Option<Normalization>,
    pub(super) pre_tokenizer: Option<PreTokenization>,
    pub(super) model: Model,
    pub(super) post_processor: Option<PostProcessing>,
    /// `None`: what goes with the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) decoder: Option<Decoding>,
    /// Found in the text before anything else is done to it.
    pub(super) added_tokens: Vec<AddedToken>,
    /// Special tokens in a text are split like other words.
    pub(super) split_special_tokens: bool,
    pub(super) model_max_length: Option<usize>,
    /// What stands for a token that is to be guessed; `None`: as BERT has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mask_token: Option<String>,
}

/// A part that may be a sequence of parts, and names its types in errors.
pub(super) trait Part {
    /// Its key in a `tokenizer.json`.
    const KEY: &str;
    /// What a sequence has its parts under.
    const PARTS: &str;
    /// All that are read here.
    const TYPES: &[&str];
}

/// What is done to a text before it is split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(super) enum Normalization {
    BertNormalizer(BertNormalizer),
    #[serde(rename = "NFC")]
    Nfc,
    #[serde(rename = "NFD")]
    Nfd,
    #[serde(rename = "NFKC")]
    Nfkc,
    #[serde(rename = "NFKD")]
    Nfkd,
    Lowercase,
    /// Takes combining marks away.
    StripAccents,
    /// Takes white space away.
    Strip {
        strip_left: bool,
        strip_right: bool,
    },
    Prepend {
        prepend: String,
    },
    Replace {
        pattern: Pattern,
        content: String,
    },
    /// SentencePiece's table of characters and what they become, in base64.
    Precompiled {
        precompiled_charsmap: String,
    },
    Sequence {
        normalizers: Vec<Normalization>,
    },
}

impl Part for Normalization {
    const KEY: &str = "normalizer";
    const PARTS: &str = "normalizers";
    const TYPES: &[&str] = &[
        "BertNormalizer",
        "NFC",
        "NFD",
        "NFKC",
        "NFKD",
        "Lowercase",
        "StripAccents",
        "Strip",
        "Prepend",
        "Replace",
        "Precompiled",
        "Sequence",
    ];
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BertNormalizer {
    pub(super) clean_text: bool,
    pub(super) handle_chinese_chars: bool,
    /// `None`: as `lowercase`.
    pub(super) strip_accents: Option<bool>,
    pub(super) lowercase: bool,
}

/// What [`Normalization::Replace`] and [`Decoding::Replace`] look for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Pattern {
    String(String),
    Regex(String),
}

/// How a text is split into words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(super) enum PreTokenization {
    /// At white space, and before and after each punctuation mark.
    BertPreTokenizer,
    /// At white space.
    WhitespaceSplit,
    /// At white space, and between what makes words and what does not.
    Whitespace,
    Digits {
        individual_digits: bool,
    },
    /// Before and after each punctuation mark.
    Punctuation,
    Metaspace(Metaspace),
    /// Into what byte pair encoding joins the bytes of.
    ByteLevel(ByteLevel),
    Sequence {
        pretokenizers: Vec<PreTokenization>,
    },
}

impl Part for PreTokenization {
    const KEY: &str = "pre_tokenizer";
    const PARTS: &str = "pretokenizers";
    const TYPES: &[&str] = &[
        "BertPreTokenizer",
        "WhitespaceSplit",
        "Whitespace",
        "Digits",
        "Punctuation",
        "Metaspace",
        "ByteLevel",
        "Sequence",
    ];
}

/// Words of GPT-2: of letters, of numbers, or of other signs, with a space before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ByteLevel {
    /// What starts without a space gets one: the text, and what follows an added token.
    pub(super) add_prefix_space: bool,
    /// Otherwise all up to the next added token is one word.
    #[serde(default = "yes")]
    pub(super) use_regex: bool,
}

fn yes() -> bool {
    true
}

/// How a word becomes tokens of the vocabulary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum Model {
    /// The longest tokens, from left to right.
    WordPiece { unk_token: String, continuing_subword_prefix: String, max_input_chars_per_word: usize },
    /// Those with the highest sum of scores. With `byte_fallback` what has no token becomes bytes.
    Unigram { unk_id: usize, byte_fallback: bool },
    /// Pairs are joined in the order of a list.
    #[serde(rename = "BPE")]
    Bpe {
        /// What a byte without a token becomes, several in a row together with `fuse_unk`; `None`: nothing.
        unk_token: Option<String>,
        fuse_unk: bool,
        /// A word that is a token is that one.
        ignore_merges: bool,
    },
}

/// Which special tokens go around a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub(super) enum PostProcessing {
    /// `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`.
    BertProcessing {
        cls: String,
        sep: String,
    },
    /// `<s> A </s>` and `<s> A </s></s> B </s>`, all of type 0.
    RobertaProcessing {
        cls: String,
        sep: String,
        trim_offsets: bool,
        add_prefix_space: bool,
    },
    TemplateProcessing {
        single: Vec<TemplatePiece>,
        pair: Vec<TemplatePiece>,
    },
    /// Adds no tokens.
    ByteLevel {
        trim_offsets: bool,
        add_prefix_space: bool,
        /// It splits nothing.
        #[serde(default, skip_serializing)]
        use_regex: Option<bool>,
    },
    Sequence {
        processors: Vec<PostProcessing>,
    },
}

impl Part for PostProcessing {
    const KEY: &str = "post_processor";
    const PARTS: &str = "processors";
    const TYPES: &[&str] =
        &["BertProcessing", "RobertaProcessing", "TemplateProcessing", "ByteLevel", "Sequence"];
}

/// A place in a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum TemplatePiece {
    SpecialToken { id: String, type_id: u32 },
    Sequence { id: SequenceId, type_id: u32 },
}

/// The text, or the second one of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum SequenceId {
    A,
    B,
}

/// How tokens become a text again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(super) enum Decoding {
    /// `cleanup` takes away spaces, such as those before punctuation marks.
    WordPiece {
        prefix: String,
        cleanup: bool,
    },
    Metaspace(Metaspace),
    Replace {
        pattern: Pattern,
        content: String,
    },
    /// `<0x41>` stands for a byte.
    ByteFallback,
    /// Tokens are written in the alphabet of bytes.
    ByteLevel,
    /// All tokens become one.
    Fuse,
    /// Takes so many `content` away from where a token starts and stops.
    Strip {
        content: char,
        start: usize,
        stop: usize,
    },
    Sequence {
        decoders: Vec<Decoding>,
    },
}

impl Part for Decoding {
    const KEY: &str = "decoder";
    const PARTS: &str = "decoders";
    const TYPES: &[&str] =
        &["WordPiece", "Metaspace", "Replace", "ByteFallback", "ByteLevel", "Fuse", "Strip", "Sequence"];
}
