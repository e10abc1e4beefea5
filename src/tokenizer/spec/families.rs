//! Tokenizers of families whose directories may have no `tokenizer.json`.

use super::{
    BertNormalizer, ByteLevel, Decoding, Model, Normalization, PostProcessing, PreTokenization, Spec,
};

impl Spec {
    /// A BERT tokenizer with these special tokens, all else as BERT has it.
    pub(in crate::tokenizer) fn bert(unk_token: String, cls: String, sep: String) -> Self {
        Self {
            normalizer: Some(Normalization::BertNormalizer(BertNormalizer {
                clean_text: true,
                handle_chinese_chars: true,
                strip_accents: None,
                lowercase: true,
            })),
            pre_tokenizer: Some(PreTokenization::BertPreTokenizer),
            model: Model::WordPiece {
                unk_token,
                continuing_subword_prefix: "##".to_owned(),
                max_input_chars_per_word: 100,
            },
            post_processor: Some(PostProcessing::BertProcessing { cls, sep }),
            decoder: None,
            added_tokens: Vec::new(),
            split_special_tokens: false,
            model_max_length: None,
            mask_token: None,
        }
    }

    /// A RoBERTa tokenizer with these special tokens, all else as RoBERTa has it.
    pub(in crate::tokenizer) fn roberta(cls: String, sep: String) -> Self {
        let frame =
            PostProcessing::RobertaProcessing { cls, sep, trim_offsets: true, add_prefix_space: false };
        Self {
            normalizer: None,
            pre_tokenizer: Some(PreTokenization::ByteLevel(ByteLevel {
                add_prefix_space: false,
                use_regex: true,
            })),
            model: Model::Bpe { unk_token: None, fuse_unk: false, ignore_merges: false },
            post_processor: Some(frame),
            decoder: Some(Decoding::ByteLevel),
            added_tokens: Vec::new(),
            split_special_tokens: false,
            model_max_length: None,
            mask_token: None,
        }
    }
}
