//! The tokenizer gives Hugging Face's ids, from every form of a checkpoint, and refuses files that are not BERT's.

mod bad_input;
mod bytes;
mod conformance;
mod families;
mod kinds;
mod length;
mod merges;
mod origins;
mod settings;
mod special_tokens;

use std::fs;

use nimbert::{Error, OnLong, Tokenizer};
use serde_json::{Value, json};
use tempfile::TempDir;

fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let dir = crate::tempdir();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

fn load(files: &[(&str, &str)]) -> Result<Tokenizer, Error> {
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    Tokenizer::from_dir(directory(&files).path())
}

/// The error's text without the directory, which changes from run to run.
fn refused(files: &[(&str, &str)]) -> String {
    let message = load(files).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    message.rsplit_once(".tmp").unwrap().1.split_once(['/', ':']).unwrap().1.trim().to_owned()
}

fn encode(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    tokenizer.encode(text, None, usize::MAX, OnLong::Truncate).unwrap().token_ids
}

/// A vocabulary for the tests that look at single ids.
const WORDS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\n##a\n##b\n";

/// As `tokenizers` 0.22 saves it. Casing is left to the settings beside it.
fn tokenizer_json(vocabulary: &str, template: bool) -> Value {
    let ids: Vec<_> = vocabulary.lines().collect();
    let id = |token: &str| ids.iter().position(|other| *other == token).unwrap();
    let added = |token: &str| {
        json!({"id": id(token), "content": token, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true})
    };
    let added_tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(added);
    let special = |token: &str, kind| json!({"SpecialToken": {"id": token, "type_id": kind}});
    let sequence = |name: &str, kind| json!({"Sequence": {"id": name, "type_id": kind}});
    let detail = |token: &str| json!({"id": token, "ids": [id(token)], "tokens": [token]});
    let post_processor = if template {
        json!({
            "type": "TemplateProcessing",
            "single": [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0)],
            "pair": [special("[CLS]", 0), sequence("A", 0), special("[SEP]", 0), sequence("B", 1), special("[SEP]", 1)],
            "special_tokens": {"[CLS]": detail("[CLS]"), "[SEP]": detail("[SEP]")},
        })
    } else {
        json!({"type": "BertProcessing", "sep": ["[SEP]", id("[SEP]")], "cls": ["[CLS]", id("[CLS]")]})
    };
    let vocab: serde_json::Map<_, _> =
        ids.iter().enumerate().map(|(id, token)| ((*token).to_owned(), id.into())).collect();
    json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 9}, "direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": added_tokens,
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
            "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": post_processor,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocab},
    })
}
