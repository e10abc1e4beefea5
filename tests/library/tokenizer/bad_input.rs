//! Files that are broken, or describe another tokenizer: one clear error each.

use std::path::Path;

use nimbert::Tokenizer;
use serde_json::{Value, json};

use super::{WORDS, directory, load, refused, tokenizer_json};

#[test]
fn missing_and_broken_files() {
    assert_eq!(refused(&[]), "no tokenizer.json and no vocab.txt");
    assert!(refused(&[("tokenizer.json", "{")]).starts_with("tokenizer.json: not valid JSON: EOF"));
    assert!(refused(&[("tokenizer.json", "[]")]).starts_with("tokenizer.json: not valid JSON"));
    assert!(
        refused(&[("vocab.txt", WORDS), ("tokenizer_config.json", "{]")])
            .starts_with("tokenizer_config.json: not valid")
    );
    assert!(
        refused(&[("vocab.txt", WORDS), ("special_tokens_map.json", "3")])
            .starts_with("special_tokens_map.json: not valid")
    );
    let not_utf8 = directory(&[("vocab.txt", b"[UNK]\n[CLS]\n\xff\n")]);
    let message = Tokenizer::from_dir(not_utf8.path()).unwrap_err().to_string();
    assert!(message.ends_with("vocab.txt: line 3 is not UTF-8"), "{message}");
}

#[test]
fn a_vocabulary_without_special_tokens() {
    for token in ["[UNK]", "[CLS]", "[SEP]"] {
        let words = WORDS.replace(&format!("{token}\n"), "x\n");
        assert_eq!(refused(&[("vocab.txt", &words)]), format!("vocab.txt: the vocabulary lacks {token}"));
        for template in [true, false] {
            let mut file = tokenizer_json(WORDS, template);
            file["model"]["vocab"].as_object_mut().unwrap().remove(token);
            file["added_tokens"].as_array_mut().unwrap().retain(|added| added["content"] != token);
            let message = refused(&[("tokenizer.json", &file.to_string())]);
            assert!(message.contains(&format!("the vocabulary lacks {token}")), "{message}");
        }
    }
    assert_eq!(refused(&[("vocab.txt", "")]), "vocab.txt: the vocabulary lacks [UNK]");
}

/// `WORDS` as a `tokenizer.json` with one value changed.
fn changed(pointer: &str, value: Value) -> String {
    let mut file = tokenizer_json(WORDS, true);
    *file.pointer_mut(pointer).unwrap() = value;
    refused(&[("tokenizer.json", &file.to_string())])
}

#[test]
fn ids_out_of_range() {
    assert_eq!(
        changed("/model/vocab/b", json!(5)),
        r#"tokenizer.json: tokens "a" and "b" both have the id 5"#
    );
    let message = changed("/model/vocab/b", json!(1 << 24));
    assert_eq!(
        message,
        r#"tokenizer.json: token "b": id 16777216 is out of range, expected less than 16777216"#
    );
    assert!(changed("/model/vocab/b", json!(-1)).contains("not valid JSON"));
    assert!(changed("/model/vocab/b", json!(1_u64 << 40)).contains("not valid JSON"));
    let message = changed("/added_tokens/4/id", json!(77));
    assert_eq!(
        message,
        r#"tokenizer.json: added token "[MASK]": id 77 is out of range or taken, expected 4"#
    );
    let message = changed("/post_processor/special_tokens/[CLS]/ids", json!([9]));
    assert_eq!(message, "tokenizer.json: post_processor: the vocabulary lacks [CLS] with the id 9");
}

#[test]
fn other_tokenizers_are_refused_by_name() {
    let bpe = json!({"type": "BPE", "vocab": {}, "merges": []});
    assert_eq!(
        changed("/model", bpe),
        r#"tokenizer.json: pre_tokenizer: the model "BPE" is supported with "ByteLevel" alone"#
    );
    assert!(changed("/model/type", json!("WordLevel")).contains(r#"model: "WordLevel" is not supported"#));
    let message = changed("/normalizer", json!({"type": "Sequence", "normalizers": [{"type": "Nmt"}]}));
    assert!(
        message.contains(r#"normalizer: "Nmt" is not supported, only BertNormalizer, NFC,"#),
        "{message}"
    );
    let regex = json!({"type": "Replace", "pattern": {"Regex": "x+"}, "content": ""});
    let message = changed("/normalizer", regex);
    assert!(
        message.contains(r#"normalizer: Replace: the regular expression "x+" is not supported"#),
        "{message}"
    );
    let empty = json!({"type": "Replace", "pattern": {"String": ""}, "content": "x"});
    assert!(changed("/normalizer", empty).contains("normalizer: Replace: an empty pattern"));
    let nothing = json!({"type": "Prepend", "prepend": ""});
    assert!(changed("/normalizer", nothing).contains(r#"normalizer: Prepend: prepend: "" is nothing"#));
    assert!(
        changed("/pre_tokenizer/type", json!("Split")).contains(r#"pre_tokenizer: "Split" is not supported"#)
    );
    let metaspace = json!({"type": "Metaspace", "replacement": "_", "prepend_scheme": "always", "add_prefix_space": false});
    assert!(changed("/pre_tokenizer", metaspace).contains("pre_tokenizer: add_prefix_space is false, but"));
    assert!(changed("/decoder/type", json!("CTC")).contains(r#"decoder: "CTC" is not supported"#));
    let message = changed("/post_processor/single/1", json!({"SpecialToken": {"id": "[SEP]", "type_id": 0}}));
    assert!(message.contains(r#"post_processor: the template "single" has not [A] once each"#), "{message}");
    let message = changed("/post_processor/single/0/SpecialToken/id", json!("<s>"));
    assert!(message.contains(r#"post_processor: special_tokens: "<s>" has not one id"#), "{message}");
    let processing = json!({"type": "BertProcessing", "cls": ["[CLS]", 2], "sep": ["[SEP]", 3]});
    let twice = json!({"type": "Sequence", "processors": [processing, processing]});
    assert!(changed("/post_processor", twice).contains("more than one part adds special tokens"));
    assert!(changed("/post_processor/single/2", json!({})).contains("post_processor: "));
    assert!(changed("/model/unk_token", json!(3)).contains("not valid JSON"));
    assert!(changed("/model", json!({"vocab": {}})).contains("model: it has no unk_token"));
    assert!(changed("/added_tokens/4/content", json!(" ")).contains(r#"added token " " is blank"#));
    assert!(changed("/model/vocab", json!({"a\nb": 3})).contains("token 3 contains a line break"));
}

#[test]
fn other_settings_are_refused_by_name() {
    let refused = |config: &str| refused(&[("vocab.txt", WORDS), ("tokenizer_config.json", config)]);
    let message = refused(r#"{"tokenizer_class": "BertJapaneseTokenizer"}"#);
    assert_eq!(
        message,
        r#"tokenizer_config.json: tokenizer_class: "BertJapaneseTokenizer" is not supported"#
    );
    let message = refused(r#"{"truncation_side": "left"}"#);
    assert_eq!(message, r#"tokenizer_config.json: truncation_side: "left" is not supported"#);
    assert!(refused(r#"{"do_lower_case": "yes"}"#).contains("not valid JSON"));
    assert!(refused(r#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#).contains("no tokenizer.json"));
    assert!(refused(r#"{"unk_token": "<unk>"}"#).contains("lacks <unk>"));
}

#[test]
fn damaged_parts() {
    let (spec, vocabulary, _) = load(&[("vocab.txt", WORDS)]).unwrap().to_parts();
    let refused = |spec: &str, vocabulary: &[u8]| {
        Tokenizer::from_parts(spec, vocabulary, &[], Path::new("packed")).unwrap_err().to_string()
    };
    assert!(refused("{}", &vocabulary).starts_with("packed: not valid JSON: missing field"));
    assert!(refused(&spec.replace("lowercase", "upper"), &vocabulary).contains("unknown field `upper`"));
    assert_eq!(refused(&spec, b""), "packed: the vocabulary lacks [UNK]");
    assert_eq!(refused(&spec, b"[UNK]\n\xff\n"), "packed: token 1 is not UTF-8");
    assert_eq!(refused(&spec, &[0; 64]), "packed: the vocabulary lacks [UNK]");
    let other = String::from_utf8(vocabulary).unwrap().replace("[MASK]\n", "");
    assert!(
        refused(&spec, other.as_bytes()).contains("added token \"[MASK]\": id 4 is out of range or taken")
    );
}
