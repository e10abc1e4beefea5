//! The classes of transformers that make a tokenizer of its files, and what each of them adds to these.

use super::super::spec::{PostProcessing, Spec};

/// A class, under all its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Class {
    #[default]
    Bert,
    Mpnet,
    Roberta,
    XlmRoberta,
    Camembert,
    /// Takes `tokenizer.json` as it is.
    AsIs,
}

impl Class {
    /// By its name in `tokenizer_config.json`.
    pub(super) fn by_name(name: &str) -> Option<Self> {
        Some(match name.strip_suffix("Fast").unwrap_or(name) {
            "BertTokenizer" | "DistilBertTokenizer" | "ElectraTokenizer" => Self::Bert,
            "MPNetTokenizer" => Self::Mpnet,
            "RobertaTokenizer" => Self::Roberta,
            "XLMRobertaTokenizer" => Self::XlmRoberta,
            "CamembertTokenizer" => Self::Camembert,
            "PreTrainedTokenizer" | "TokenizersBackend" => Self::AsIs,
            _ => return None,
        })
    }

    /// By the `model_type` of `config.json`, where no file names a class: those of before 2021 do not.
    pub(super) fn of_model(model_type: &str) -> Self {
        match model_type {
            "mpnet" => Self::Mpnet,
            "roberta" => Self::Roberta,
            "xlm-roberta" => Self::XlmRoberta,
            "camembert" => Self::Camembert,
            _ => Self::Bert,
        }
    }

    /// Tokens that are not named in files: where a text begins and ends, the unknown one, the separator, padding, `[CLS]` and the mask.
    pub(super) fn tokens(self) -> [Option<&'static str>; 7] {
        let roberta = |unk| ["<s>", "</s>", unk, "</s>", "<pad>", "<s>", "<mask>"].map(Some);
        match self {
            Self::Bert => {
                [None, None, Some("[UNK]"), Some("[SEP]"), Some("[PAD]"), Some("[CLS]"), Some("[MASK]")]
            }
            Self::Mpnet => roberta("[UNK]"),
            Self::Roberta | Self::XlmRoberta | Self::Camembert => roberta("<unk>"),
            Self::AsIs => [None; 7],
        }
    }

    /// More special tokens, if the vocabulary has them.
    pub(super) fn further_tokens(self) -> &'static [&'static str] {
        match self {
            Self::Camembert => &["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"],
            _ => &[],
        }
    }

    /// Whether a mask is like a word, and takes the space before it.
    pub(super) fn mask_takes_space(self) -> bool {
        !matches!(self, Self::Bert | Self::AsIs)
    }

    /// Whether casing, accents and Chinese characters are the business of `tokenizer_config.json`.
    pub(super) fn sets_normalizer(self) -> bool {
        matches!(self, Self::Bert | Self::Mpnet)
    }

    /// A tokenizer of which nothing is known but its special tokens, for a `vocab.txt`, or a `vocab.json` and a `merges.txt`; `None`
    /// for a class that has no such file.
    pub(super) fn spec(self, unk: String, cls: String, sep: String) -> Option<Spec> {
        match self {
            Self::Bert => Some(Spec::bert(unk, cls, sep)),
            Self::Mpnet => {
                let mut spec = Spec::bert(unk, cls.clone(), sep.clone());
                let frame = PostProcessing::RobertaProcessing {
                    cls,
                    sep,
                    trim_offsets: true,
                    add_prefix_space: false,
                };
                spec.post_processor = Some(frame);
                Some(spec)
            }
            Self::Roberta => Some(Spec::roberta(cls, sep)),
            _ => None,
        }
    }
}
