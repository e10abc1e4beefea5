//! Files of byte-level BPE: directories of two files, and what is refused.

use nimbert::{Cut, OnLong, Tokenizer};
use serde_json::{Value, json};

use super::{bytes::roberta, directory, kinds::ours, load, refused};

/// `vocab.json` and `merges.txt` of a `tokenizer.json`.
fn files(file: &Value) -> [String; 2] {
    let merges = file["model"]["merges"].as_array().unwrap().iter().map(|merge| merge.as_str().unwrap());
    let list: String =
        std::iter::once("#version: 0.2").chain(merges).map(|line| format!("{line}\n")).collect();
    [file["model"]["vocab"].to_string(), list]
}

#[test]
fn older_directories_have_two_files() {
    let file = roberta();
    let [vocab, merges] = files(&file);
    let config = |config: &Value| {
        let config = config.to_string();
        load(&[("vocab.json", &vocab), ("merges.txt", &merges), ("tokenizer_config.json", &config)]).unwrap()
    };
    for (class, prefix, trim) in [("RobertaTokenizer", false, true), ("RobertaTokenizerFast", true, false)] {
        let tokenizer =
            config(&json!({"tokenizer_class": class, "add_prefix_space": prefix, "trim_offsets": trim}));
        let mut same = file.clone();
        same["pre_tokenizer"]["add_prefix_space"] = prefix.into();
        (same["post_processor"]["add_prefix_space"], same["post_processor"]["trim_offsets"]) =
            (prefix.into(), trim.into());
        let other = ours(&same);
        assert_eq!(tokenizer.describe(), "BPE, 1,500 tokens");
        for text in ["The film<mask>, don't  see it", " <mask> <s>a</s>", "好看 café\n", ""] {
            let windows =
                |tokenizer: &Tokenizer| tokenizer.windows(text, Some("b"), 99, Cut::Longest, None).unwrap();
            assert_eq!(windows(&tokenizer), windows(&other), "{text:?}");
        }
        let ids = tokenizer.encode("é <mask>好", None, 99, OnLong::Error).unwrap().token_ids;
        assert_eq!(tokenizer.decode(&ids, true), if prefix { " é 好" } else { "é好" });
        assert_eq!(tokenizer.mask(), Some(4));
    }
    // Without a class the model's type tells it; lines may end as on Windows, the first one need not be there.
    let merges = merges.replace('\n', "\r\n").split_off("#version: 0.2\r\n".len());
    let by_type = load(&[
        ("vocab.json", &vocab),
        ("merges.txt", &merges),
        ("config.json", r#"{"model_type": "roberta"}"#),
    ]);
    let plain = config(&json!({"tokenizer_class": "RobertaTokenizer"}));
    assert_eq!(by_type.unwrap().to_parts(), plain.to_parts());
}

/// The error for a model with this change.
fn changed(pointer: &str, value: Value) -> String {
    let mut file = json!({
        "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
        "post_processor": {"type": "RobertaProcessing", "cls": ["<s>", 0], "sep": ["</s>", 1], "trim_offsets": true,
            "add_prefix_space": false},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "vocab": {"<s>": 0, "</s>": 1, "a": 2, "b": 3, "ab": 4}, "merges": ["a b"]},
    });
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    file.pointer_mut(parent).unwrap()[key] = value;
    let file = file.to_string();
    match load(&[
        ("tokenizer.json", &file),
        ("tokenizer_config.json", r#"{"tokenizer_class": "TokenizersBackend"}"#),
    ]) {
        Ok(tokenizer) => tokenizer.describe(),
        Err(_) => refused(&[
            ("tokenizer.json", &file),
            ("tokenizer_config.json", r#"{"tokenizer_class": "TokenizersBackend"}"#),
        ]),
    }
}

#[test]
fn what_is_not_computed_is_refused_by_key_and_value() {
    let fine = "BPE, 5 tokens";
    let refuses = |key: &str, value: Value, shown: &str| {
        let expected = format!("tokenizer.json: model: {key}: {shown} is not supported with \"BPE\"");
        assert_eq!(changed(&format!("/model/{key}"), value), expected);
    };
    refuses("dropout", json!(0.1), "0.1");
    refuses("continuing_subword_prefix", json!("##"), r###""##""###);
    refuses("end_of_word_suffix", json!("</w>"), r#""</w>""#);
    refuses("byte_fallback", json!(true), "true");
    for (key, value) in [
        ("dropout", json!(0.0)),
        ("dropout", Value::Null),
        ("continuing_subword_prefix", json!("")),
        ("unk_token", json!("<s>")),
        ("merges", json!([])),
        ("merges", json!([["a", "b"]])),
        ("merges", json!(["#version: 0.2", "a b", "a b"])),
        ("ignore_merges", json!(true)),
    ] {
        assert_eq!(changed(&format!("/model/{key}"), value), fine);
    }
    assert_eq!(
        changed("/pre_tokenizer", Value::Null),
        r#"tokenizer.json: pre_tokenizer: the model "BPE" is supported with "ByteLevel" alone"#
    );
    let level = json!({"type": "ByteLevel", "add_prefix_space": true});
    let both = json!({"type": "Sequence", "pretokenizers": [{"type": "Punctuation"}, level]});
    assert_eq!(
        changed("/pre_tokenizer", both),
        r#"tokenizer.json: pre_tokenizer: the model "BPE" is supported with "ByteLevel" alone"#
    );
    let unigram = json!({"type": "Unigram", "unk_id": 0, "vocab": [["<s>", 0.0], ["</s>", 0.0]]});
    assert_eq!(
        changed("/model", unigram),
        r#"tokenizer.json: pre_tokenizer: "ByteLevel" is supported with the model "BPE" alone"#
    );
}

#[test]
fn bad_tokens_and_merges() {
    let merges = |merges: Value| changed("/model/merges", merges);
    let of = |text: &str| format!("tokenizer.json: model: merges: {text}");
    assert_eq!(merges(json!(["a b", "a c"])), of(r#"2, "a c": the vocabulary lacks "c""#));
    assert_eq!(merges(json!([["b", "a"]])), of(r#"1, ["b", "a"]: the vocabulary lacks "ba""#));
    for bad in ["ab", "a b c", "a  b", ""] {
        assert_eq!(merges(json!([bad])), of(&format!("1, {bad:?}: not two tokens with a space between")));
    }
    assert_eq!(merges(json!([" a"])), of(r#"1, " a": the vocabulary lacks """#));
    for bad in [
        json!([["a"]]),
        json!([["a", "b", "ab"]]),
        json!([[1, 2]]),
        json!([3]),
        json!("a b"),
        json!({"a": "b"}),
    ] {
        assert!(merges(bad.clone()).contains("not valid JSON"), "{bad}");
    }
    assert_eq!(
        merges(Value::Null),
        "tokenizer.json: model: it has no unk_token".replace("no unk_token", "no merges")
    );
    assert_eq!(changed("/model/unk_token", json!("<u>")), "tokenizer.json: the vocabulary lacks <u>");
    assert_eq!(
        changed("/model/vocab/b", json!(2)),
        r#"tokenizer.json: tokens "a" and "b" both have the id 2"#
    );
    assert!(changed("/model/vocab/b", json!(1 << 24)).contains("is out of range"));
    assert!(changed("/model/vocab/b", json!(-1)).contains("not valid JSON"));
    // Ids may have gaps.
    assert_eq!(changed("/model/vocab/b", json!(77)), "BPE, 78 tokens");
}

#[test]
fn bad_files() {
    const VOCAB: &str = r#"{"<s>": 0, "<pad>": 1, "</s>": 2, "a": 3, "b": 4, "ab": 5}"#;
    let class = ("tokenizer_config.json", r#"{"tokenizer_class": "RobertaTokenizer"}"#);
    let with = |vocab: &str, merges: &str| refused(&[("vocab.json", vocab), ("merges.txt", merges), class]);
    let missing = "no tokenizer.json, and not both vocab.json and merges.txt";
    assert_eq!(refused(&[("vocab.json", VOCAB), class]), missing);
    assert_eq!(refused(&[("merges.txt", "a b\n"), class]), missing);
    assert_eq!(
        with(VOCAB, "#version: 0.2\na b\nab\n"),
        r#"merges.txt: 3, "ab": not two tokens with a space between"#
    );
    assert_eq!(with(VOCAB, "a b\n\n"), r#"merges.txt: 2, "": not two tokens with a space between"#);
    assert_eq!(with(VOCAB, "b a"), r#"merges.txt: 1, "b a": the vocabulary lacks "ba""#);
    assert!(with("[]", "a b").starts_with("vocab.json: not valid JSON"));
    assert!(with(r#"{"a": 1.5}"#, "").starts_with("vocab.json: not valid JSON"));
    assert_eq!(with(r#"{"a": 1, "b": 1}"#, ""), r#"vocab.json: tokens "a" and "b" both have the id 1"#);
    assert_eq!(with(r#"{"a": 0}"#, ""), "vocab.json: the vocabulary lacks <s>");
    let file = directory(&[
        ("vocab.json", VOCAB.as_bytes()),
        ("merges.txt", b"a b\n\xff"),
        (class.0, class.1.as_bytes()),
    ]);
    assert!(
        Tokenizer::from_dir(file.path())
            .unwrap_err()
            .to_string()
            .ends_with("merges.txt: line 2 is not UTF-8")
    );
}

#[test]
fn damaged_parts() {
    let (spec, vocab, index) = ours(&roberta()).to_parts();
    let parts = |vocab: &[u8], index: &[u8]| Tokenizer::from_parts(&spec, vocab, index, "packed".as_ref());
    assert!(parts(&vocab, &[]).is_ok() && parts(&vocab, &[index.as_slice(), &[0; 64]].concat()).is_ok());
    let refused = |vocab: &[u8], index: &[u8]| parts(vocab, index).unwrap_err().to_string();
    let half = vocab.len() / 2;
    let message = refused(&vocab[..half], &index);
    assert!(message.starts_with("packed: model: merges: a merge has the token"), "{message}");
}
