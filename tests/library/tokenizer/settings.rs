//! What the files of a checkpoint say, and what they leave open.

use std::path::Path;

use nimbert::Tokenizer;
use serde_json::json;

use super::{WORDS, encode, load, tokenizer_json};

#[test]
fn settings_come_from_tokenizer_config() {
    let lower = load(&[("vocab.txt", WORDS)]).unwrap();
    assert_eq!(encode(&lower, "A Á [MASK]"), [2, 5, 5, 4, 3]);
    assert_eq!(lower.describe(), "WordPiece, 10 tokens, lower-casing");
    assert_eq!(lower.model_max_length(), None);
    let config = r#"{"do_lower_case": false, "model_max_length": 256, "mask_token": {"content": "c", "lstrip": true}}"#;
    let cased = load(&[("vocab.txt", WORDS), ("tokenizer_config.json", config)]).unwrap();
    assert_eq!(encode(&cased, "A acb"), [2, 1, 5, 7, 6, 3]);
    assert_eq!(cased.model_max_length(), Some(256));
    for none in ["1e30", "1000000000000000019884624838656", "null"] {
        let config = format!(r#"{{"model_max_length": {none}}}"#);
        let tokenizer = load(&[("vocab.txt", WORDS), ("tokenizer_config.json", &config)]).unwrap();
        assert_eq!(tokenizer.model_max_length(), None);
    }
    // tokenizer.json says lower-casing; tokenizer_config.json wins unless its class takes the file as it is.
    let json = tokenizer_json(WORDS, true).to_string();
    for (class, ids) in [("BertTokenizerFast", [2, 1, 3]), ("PreTrainedTokenizerFast", [2, 5, 3])] {
        let config = format!(r#"{{"tokenizer_class": "{class}", "do_lower_case": false}}"#);
        let tokenizer = load(&[("tokenizer.json", &json), ("tokenizer_config.json", &config)]).unwrap();
        assert_eq!(encode(&tokenizer, "A"), ids);
    }
}

#[test]
fn special_tokens_by_other_names() {
    let vocabulary = "<unk>\n<s>\n</s>\na\n";
    let names = r#"{"unk_token": "<unk>", "cls_token": "<s>", "sep_token": {"content": "</s>"}}"#;
    for file in ["tokenizer_config.json", "special_tokens_map.json"] {
        let tokenizer = load(&[("vocab.txt", vocabulary), (file, names)]).unwrap();
        assert_eq!(encode(&tokenizer, "a b</s>"), [1, 3, 0, 2, 2]);
    }
}

#[test]
fn added_tokens_keep_their_flags() {
    let config = r#"{"added_tokens_decoder": {
        "10": {"content": "<e>", "special": true},
        "11": {"content": "Word", "single_word": true, "normalized": true},
        "12": {"content": "<l>", "lstrip": true, "rstrip": true, "normalized": false}}}"#;
    let tokenizer = load(&[("vocab.txt", WORDS), ("tokenizer_config.json", config)]).unwrap();
    assert_eq!(tokenizer.vocab_size(), 13);
    assert_eq!(
        encode(&tokenizer, "a<e>b <E> WORD words a <l> b"),
        [2, 5, 10, 6, 1, 1, 1, 11, 1, 5, 12, 6, 3]
    );
    let (spec, vocabulary, index) = tokenizer.to_parts();
    let again = Tokenizer::from_parts(&spec, &vocabulary, &index, Path::new("packed")).unwrap();
    assert_eq!(again.to_parts(), (spec, vocabulary, index));
    assert_eq!(
        encode(&again, "a<e>b <E> WORD words a <l> b"),
        encode(&tokenizer, "a<e>b <E> WORD words a <l> b")
    );

    let older = load(&[("vocab.txt", WORDS), ("added_tokens.json", r#"{"<f>": 11, "<e>": 10}"#)]).unwrap();
    assert_eq!(encode(&older, "<e><f>"), [2, 10, 11, 3]);
}

#[test]
fn special_tokens_can_be_split_like_words() {
    let files = [
        ("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n[\n]\nsep\n"),
        ("tokenizer_config.json", r#"{"split_special_tokens": true}"#),
    ];
    assert_eq!(encode(&load(&files).unwrap(), "[SEP]"), [1, 3, 5, 4, 2]);
}

#[test]
fn ids_without_tokens_survive_packing() {
    let json = json!({"[UNK]": 2, "[CLS]": 5, "[SEP]": 9, "a": 30});
    let mut file = tokenizer_json(WORDS, false);
    file["model"]["vocab"] = json;
    file["post_processor"] = json!({"type": "BertProcessing", "sep": ["[SEP]", 9], "cls": ["[CLS]", 5]});
    file["added_tokens"] = json!([]);
    let tokenizer = load(&[("tokenizer.json", &file.to_string())]).unwrap();
    assert_eq!(tokenizer.vocab_size(), 31);
    let (spec, vocabulary, index) = tokenizer.to_parts();
    assert_eq!(vocabulary, b"\n\n[UNK]\n\n\n[CLS]\n\n\n\n[SEP]\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\na\n");
    let again = Tokenizer::from_parts(&spec, &vocabulary, &index, Path::new("packed")).unwrap();
    assert_eq!(encode(&again, "a b"), [5, 30, 2, 9]);
    assert_eq!(again.to_parts(), (spec, vocabulary, index));
}

#[test]
fn vocab_txt_is_read_as_python_reads_it() {
    let tokenizer = load(&[("vocab.txt", "[UNK]\r\n[CLS]\r[SEP]\n\na\na\n\n")]).unwrap();
    assert_eq!(tokenizer.vocab_size(), 6);
    assert_eq!(encode(&tokenizer, "a"), [1, 5, 2]);
}
