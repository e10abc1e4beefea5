//! Tokenization against the `tokenizers` crate's own parts of a BERT tokenizer: the same ids for any text, settings and limit.

#![no_main]

use std::path::Path;

use ahash::AHashMap;
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nimbert::{OnLong, Tokenizer};
use serde_json::json;
use tokenizers::{
    AddedToken, Tokenizer as Reference, TruncationParams,
    models::wordpiece::WordPiece,
    normalizers::BertNormalizer,
    pre_tokenizers::bert::BertPreTokenizer,
    processors::bert::BertProcessing,
};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    text: &'a str,
    pair: Option<&'a str>,
    max_tokens: u8,
    lower_case: bool,
    strip_accents: Option<bool>,
    chinese: bool,
    /// An added token beside the special ones.
    added: &'a str,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
}

const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// Letters, marks and signs alone and as what continues a word, so that most texts have more than unknown words.
fn vocabulary() -> Vec<String> {
    let letters = "abcdefghijklmnopqrstuvwxyzABCéßςσ好中文가0123456789.,-[]\u{301}\u{93f}".chars();
    let pieces = letters.flat_map(|c| [c.to_string(), format!("##{c}")]);
    SPECIAL.iter().map(|token| (*token).to_owned()).chain(pieces).chain(["ab".to_owned(), "##好中".to_owned()]).collect()
}

impl Input<'_> {
    /// By our own reader: `from_parts` takes the settings that a packed file has.
    fn ours(&self, vocabulary: &[String]) -> Option<Tokenizer> {
        let added = |content: &str, special: bool| {
            json!({"content": content, "single_word": !special && self.single_word, "lstrip": !special && self.lstrip,
                "rstrip": !special && self.rstrip, "normalized": !special && self.normalized, "special": special})
        };
        let mut tokens: Vec<_> = SPECIAL.iter().map(|token| added(token, true)).collect();
        if !self.added.is_empty() {
            tokens.push(added(self.added, false));
        }
        let spec = json!({
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": self.chinese,
                "strip_accents": self.strip_accents, "lowercase": self.lower_case},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100},
            "post_processor": {"type": "BertProcessing", "cls": "[CLS]", "sep": "[SEP]"},
            "added_tokens": tokens, "split_special_tokens": false, "model_max_length": null});
        let lines = vocabulary.join("\n") + "\n";
        Tokenizer::from_parts(&spec.to_string(), lines.as_bytes(), &[], Path::new("fuzz")).ok()
    }

    fn reference(&self, vocabulary: &[String]) -> Reference {
        let vocabulary: AHashMap<_, _> = vocabulary.iter().cloned().zip(0_u32..).collect();
        let model = WordPiece::builder().vocab(vocabulary).unk_token("[UNK]".into()).build().unwrap();
        let mut tokenizer = Reference::new(model);
        tokenizer.with_normalizer(Some(BertNormalizer::new(true, self.chinese, self.strip_accents, self.lower_case))).expect("no added tokens yet");
        tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
        tokenizer.with_post_processor(Some(BertProcessing::new(("[SEP]".into(), 3), ("[CLS]".into(), 2))));
        tokenizer.add_special_tokens(SPECIAL.map(|token| AddedToken::from(token, true))).unwrap();
        if !self.added.is_empty() {
            let token = AddedToken::from(self.added, false)
                .single_word(self.single_word)
                .lstrip(self.lstrip)
                .rstrip(self.rstrip)
                .normalized(self.normalized);
            tokenizer.add_tokens([token]).unwrap();
        }
        tokenizer
    }
}

fuzz_target!(|input: Input<'_>| {
    // One that is also special is looked for in two ways, of which the crate takes either.
    if SPECIAL.contains(&input.added) {
        return;
    }
    let vocabulary = vocabulary();
    let Some(ours) = input.ours(&vocabulary) else { return };
    let max_tokens = usize::from(input.max_tokens).max(3);
    // Version 0.23.2 of the crate ends a text early where its truncation is set before it is encoded, and then takes the
    // shorter of a pair for the longer at times: all of both is encoded here, and cut after.
    let mut theirs = input.reference(&vocabulary);
    let [text, pair] = [Some(input.text), input.pair].map(|text| text.map(|text| theirs.encode(text, false).unwrap()));
    let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
    theirs.with_truncation(Some(truncation)).unwrap();
    let found = ours.encode(input.text, input.pair, max_tokens, OnLong::Truncate).unwrap();
    let expected = theirs.post_process(text.unwrap(), pair, true).unwrap();
    assert_eq!(found.token_ids, expected.get_ids());
    assert_eq!(found.token_type_ids, expected.get_type_ids());
    assert_eq!(found.truncated, !expected.get_overflowing().is_empty());
});
