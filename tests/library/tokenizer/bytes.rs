//! Byte-level BPE, of RoBERTa and its kind, against the `tokenizers` crate and transformers.

use std::fs;

use nimbert::{Cut, OnLong, Tokenizer};
use nimbert_test_support::{data, seeded::stream};
use serde_json::{Value, json};
use tokenizers::{Tokenizer as Reference, TruncationParams, TruncationStrategy};

use super::{
    kinds::{compare, ours},
    load, refused,
};

/// A tokenizer as RoBERTa has it, but for its size.
fn roberta() -> Value {
    serde_json::from_str(&fs::read_to_string(data("tokenizer/bpe/tokenizer.json")).unwrap()).unwrap()
}

#[test]
fn as_roberta_has_it() {
    compare(&roberta(), 200, 300, "as it is");
}

/// ModernBERT: composed characters, another frame, tokens of spaces alone beside a mask that takes spaces.
#[test]
fn as_modernbert_has_it() {
    let mut file = roberta();
    file["normalizer"] = json!({"type": "NFC"});
    let special = |token: &str| json!({"SpecialToken": {"id": token, "type_id": 0}});
    let text = |name: &str| json!({"Sequence": {"id": name, "type_id": 0}});
    let detail = |token: &str, id| json!({"id": token, "ids": [id], "tokens": [token]});
    file["post_processor"] = json!({"type": "TemplateProcessing",
        "single": [special("<s>"), text("A"), special("</s>")],
        "pair": [special("<s>"), text("A"), special("</s>"), text("B"), special("</s>")],
        "special_tokens": {"<s>": detail("<s>", 0), "</s>": detail("</s>", 2)}});
    compare(&file, 201, 300, "NFC");
}

#[test]
fn settings_of_words_and_places() {
    let mut seed = 210;
    for prefix in [false, true] {
        for use_regex in [true, false] {
            for trim in [true, false] {
                let level = json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": use_regex});
                let mut file = roberta();
                file["pre_tokenizer"] = level.clone();
                file["post_processor"]["trim_offsets"] = trim.into();
                file["post_processor"]["add_prefix_space"] = prefix.into();
                compare(&file, seed, 40, &level.to_string());
                file["post_processor"] = level.clone();
                compare(&file, seed + 1, 40, &format!("{level} alone"));
                file["post_processor"] =
                    json!({"type": "Sequence", "processors": [level, roberta()["post_processor"]]});
                compare(&file, seed + 2, 40, "before RoBERTa's");
                seed += 3;
            }
        }
    }
}

#[test]
fn settings_of_the_model() {
    let full = roberta();
    for (i, change) in [
        json!({"unk_token": "<unk>"}),
        json!({"unk_token": "<unk>", "fuse_unk": true}),
        json!({"ignore_merges": true}),
        json!({"dropout": 0.0, "continuing_subword_prefix": "", "end_of_word_suffix": "", "byte_fallback": false}),
    ]
    .iter()
    .enumerate()
    {
        let mut file = full.clone();
        let model = file["model"].as_object_mut().unwrap();
        model.extend(change.as_object().unwrap().clone());
        if i < 2 {
            // Bytes that have no token, and a merge that is twice in the list.
            let vocab = model["vocab"].as_object_mut().unwrap();
            let gone: Vec<_> = vocab.keys().filter(|token| token.contains(['å', 'ð', 'z'])).cloned().collect();
            gone.iter().for_each(|token| drop(vocab.remove(token)));
            let merges = model["merges"].as_array_mut().unwrap();
            merges.retain(|merge| !merge.as_str().unwrap().contains(['å', 'ð', 'z']));
            merges.push(merges[0].clone());
        } else {
            let pairs = model["merges"].as_array().unwrap().iter().map(|merge| {
                let (left, right) = merge.as_str().unwrap().split_once(' ').unwrap();
                json!([left, right])
            });
            model["merges"] = pairs.collect();
        }
        compare(&file, 240 + i as u64, 150, &change.to_string());
    }
}

/// What is asked for of tokens that are found as a whole, with and without spaces that they take.
#[test]
fn added_tokens() {
    for bits in 0..16 {
        let [lstrip, rstrip, normalized, single_word] = [1, 2, 4, 8].map(|bit| bits & bit > 0);
        let mut file = roberta();
        let next = file["model"]["vocab"].as_object().unwrap().len();
        let added = ["filmx", "x好看", "theme"].iter().enumerate().map(|(at, content)| {
            json!({"id": next + at, "content": content, "single_word": single_word, "lstrip": lstrip, "rstrip": rstrip,
                "normalized": normalized, "special": false})
        });
        file["added_tokens"].as_array_mut().unwrap().extend(added);
        file["pre_tokenizer"]["add_prefix_space"] = (bits % 3 == 0).into();
        file["post_processor"]["add_prefix_space"] = (bits % 3 == 0).into();
        compare(&file, 250 + bits, 100, &format!("{lstrip} {rstrip} {normalized} {single_word}"));
    }
}

/// One character after the other, each in its places in words: of all that there are with `--ignored`.
fn characters(step: usize) {
    let file = roberta();
    let (ours, theirs) = (ours(&file), file.to_string().parse::<Reference>().unwrap());
    let chars: Vec<_> = (0..0x11_0000).step_by(step).filter_map(char::from_u32).collect();
    for chars in chars.chunks(256) {
        let text: String = chars.iter().flat_map(|&c| [c, ' ', c, 'a', c, c, '\'', 's', c, '1']).collect();
        let found = ours.windows(&text, None, usize::MAX, Cut::Longest, None).unwrap().remove(0);
        let expected = theirs.encode_char_offsets(text.as_str(), true).unwrap();
        assert_eq!(found.encoding.token_ids, expected.get_ids(), "{:?}", chars[0]);
        for (i, origin) in found.origins.iter().enumerate() {
            let theirs = expected.get_word_ids()[i].map(|word| (word, expected.get_offsets()[i]));
            let ours = origin.map(|origin| (origin.word as u32, (origin.start, origin.end)));
            assert_eq!(ours, theirs, "{:?}, token {i}", chars[0]);
        }
    }
}

#[test]
fn some_of_all_characters() {
    characters(61);
}

#[test]
#[ignore = "takes a minute when it is optimized: .ci/full"]
fn all_characters() {
    characters(1);
}

#[test]
#[ignore = "takes a minute when it is optimized: .ci/full"]
fn many_texts() {
    for seed in 0..5 {
        let mut file = roberta();
        file["pre_tokenizer"]["add_prefix_space"] = (seed % 2 == 1).into();
        file["post_processor"]["add_prefix_space"] = (seed % 2 == 1).into();
        compare(&file, 300 + seed, 5000, "many");
    }
}

/// In each window its first token is the first one.
#[test]
fn windows_are_the_crates() {
    let mut file = roberta();
    for prefix in [true, false] {
        file["pre_tokenizer"]["add_prefix_space"] = prefix.into();
        file["post_processor"]["add_prefix_space"] = prefix.into();
        let (ours, theirs) = (ours(&file), file.to_string().parse::<Reference>().unwrap());
        let mut random = stream(17, "windows").map(|word| word as usize);
        for _ in 0..60 {
            let words = ["the", " film", "  was", " 好看", "'s", " <mask>", "\n", " é"];
            let text: String = (0..20).map(|_| words[random.next().unwrap() % words.len()]).collect();
            let encoded = theirs.encode_char_offsets(text.as_str(), false).unwrap();
            let whole = theirs.post_process(encoded.clone(), None, true).unwrap();
            let params = TruncationParams {
                max_length: 9,
                stride: 2,
                strategy: TruncationStrategy::OnlyFirst,
                ..TruncationParams::default()
            };
            let mut cut = theirs.clone();
            cut.with_truncation(Some(params)).unwrap();
            let Ok(untrimmed) = untrimmed(&file, &text) else { continue };
            let expected = cut.post_process(untrimmed, None, true).unwrap();
            let found = ours.windows(&text, None, 9, Cut::First, Some(2)).unwrap();
            assert!(whole.len() > 9 && found.len() == 1 + expected.get_overflowing().len(), "{text:?}");
            for (found, expected) in
                found.iter().zip(std::iter::once(&expected).chain(expected.get_overflowing()))
            {
                let places: Vec<_> =
                    found.origins.iter().flatten().map(|origin| (origin.start, origin.end)).collect();
                assert_eq!(found.encoding.token_ids, expected.get_ids(), "{text:?}");
                assert_eq!(places, expected.get_offsets()[1..expected.len() - 1], "{text:?}");
            }
        }
    }
}

/// A text's tokens as they are before anything is done to their places.
fn untrimmed(file: &Value, text: &str) -> tokenizers::Result<tokenizers::Encoding> {
    let mut bare = file.clone();
    bare["post_processor"] = Value::Null;
    bare.to_string().parse::<Reference>()?.encode_char_offsets(text, false)
}

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

/// A text without a space is one word: a megabyte of it takes a moment.
#[test]
fn a_megabyte_of_one_word() {
    let tokenizer = ours(&roberta());
    for unit in ["a", "the", "好", "\u{301}", "é", "1", "!", " ", "\n", "\u{0}"] {
        let text = unit.repeat((1 << 20) / unit.len());
        let all = tokenizer.encode(&text, None, usize::MAX, OnLong::Error).unwrap();
        assert!(all.token_ids.len() > 1000, "{unit:?}");
        let cut = tokenizer.encode(&text, None, 64, OnLong::Truncate).unwrap();
        assert_eq!(cut.token_ids[..63], all.token_ids[..63]);
    }
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
    let file = super::directory(&[
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
