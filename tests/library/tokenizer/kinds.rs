//! Tokenizers of every kind against the `tokenizers` crate itself, which reads the same `tokenizer.json`: ids, types, places and
//! words, whole and packed, and the text that ids stand for.

use std::{fs, path::Path};

use nimbert::{Cut, OnLong, Tokenizer};
use nimbert_test_support::{data, seeded::stream};
use serde_json::{Value, json};
use tokenizers::Tokenizer as Reference;

use super::{load, tokenizer_json};

/// A Unigram tokenizer as XLM-RoBERTa has it, but for its size.
fn unigram() -> Value {
    serde_json::from_str(&fs::read_to_string(data("tokenizer/unigram/tokenizer.json")).unwrap()).unwrap()
}

fn wordpiece() -> Value {
    let mut file = tokenizer_json(&fs::read_to_string(data("tokenizer/vocab.txt")).unwrap(), true);
    (file["truncation"], file["padding"]) = (Value::Null, Value::Null);
    file
}

pub(super) fn ours(file: &Value) -> Tokenizer {
    let config = r#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#;
    load(&[("tokenizer.json", &file.to_string()), ("tokenizer_config.json", config)]).unwrap()
}

/// Words, marks and spaces of many kinds, put together by chance, around and beyond the size of a chunk.
fn texts(seed: u64, count: usize) -> Vec<String> {
    const PARTS: [&str; 65] = [
        "film",
        "x好看",
        "the",
        "filmx",
        "theme",
        "don't",
        "we'll",
        "'s",
        "I've 1st",
        "library",
        "Ångström",
        "e\u{301}te\u{301}",
        "\u{301}",
        "\u{301}\u{300}\u{323}",
        "A\u{300}",
        "好看",
        "无聊到睡着",
        "的",
        "\u{2f00}",
        "か\u{3099}",
        "ｶﾞ",
        "ﾊﾟ",
        " ",
        "  ",
        "   ",
        "\t",
        "\n",
        "\r\n",
        "\u{3000}",
        "\u{a0}",
        "\u{2003}",
        "，",
        "...",
        "…",
        "``",
        "''",
        "2024",
        "２０２４",
        "①",
        "½",
        "™",
        "İstanbul",
        "ﬁn",
        "ﷺ",
        "<mask>",
        " <mask> ",
        "<unk>",
        "<s>",
        "[MASK]",
        "▁",
        "▁▁a",
        "👍🏽",
        "👨\u{200d}👩\u{200d}👧",
        "\u{200d}",
        "\u{200b}",
        "\u{1}",
        "\u{7f}",
        "\u{fffd}",
        "\u{0}",
        "ǅ",
        "한국어",
        "\u{1112}\u{1161}\u{11ab}",
        "привет",
        "กำ",
        "शि",
    ];
    let mut random = stream(seed, "kinds").map(|word| word as usize);
    let mut next = move |below: usize| random.next().unwrap() % below;
    let mut texts: Vec<_> =
        (0..count).map(|_| (0..next(30)).map(|_| PARTS[next(PARTS.len())]).collect::<String>()).collect();
    // Beyond a chunk, with words of one script for the most part or of all.
    for kind in [PARTS.len(), 12, 2] {
        let parts: Vec<_> = (0..600 + next(100)).map(|_| PARTS[next(kind)]).collect();
        texts.push(parts.join(if kind == 12 { "" } else { " " }));
    }
    texts.extend(
        ["", " ", "\u{1}", "\u{1} ", "\u{1}\u{2}a b", "  a  ", "<mask>", "<mask><mask>", "a <mask>b"]
            .map(str::to_owned),
    );
    texts.push("x".repeat(2500));
    texts.push("é\u{301}".repeat(300));
    texts
}

/// Asserts that all of a text, or of a pair, is what the crate makes of it.
fn check(ours: &Tokenizer, theirs: &Reference, text: &str, pair: Option<&str>, context: &str) {
    let shown: String = text.chars().take(300).collect();
    let context = format!("{context}\n{shown:?} {pair:?}");
    let expected = match pair {
        Some(pair) => theirs.encode_char_offsets((text, pair), true).unwrap(),
        None => theirs.encode_char_offsets(text, true).unwrap(),
    };
    let found = ours.windows(text, pair, usize::MAX, Cut::Longest, None).unwrap().remove(0);
    assert_eq!(found.encoding.token_ids, expected.get_ids(), "{context}\n{:?}", expected.get_tokens());
    assert_eq!(found.encoding.token_type_ids, expected.get_type_ids(), "{context}");
    for (i, origin) in found.origins.iter().enumerate() {
        let theirs = expected.get_word_ids()[i].map(|word| (word, expected.get_offsets()[i]));
        let ours = origin.map(|origin| (origin.word as u32, (origin.start, origin.end)));
        assert_eq!(ours, theirs, "{context}\ntoken {i} of {:?}", expected.get_tokens());
    }
    assert_eq!(ours.encode(text, pair, usize::MAX, OnLong::Error).unwrap(), found.encoding, "{context}");
}

/// The text that a text's tokens stand for.
fn check_decoded(ours: &Tokenizer, theirs: &Reference, text: &str, context: &str) {
    let ids = ours.encode(text, None, usize::MAX, OnLong::Error).unwrap().token_ids;
    for skip in [false, true] {
        assert_eq!(ours.decode(&ids, skip), theirs.decode(&ids, skip).unwrap(), "{context}\n{text:?}");
    }
}

pub(super) fn compare(file: &Value, seed: u64, count: usize, context: &str) {
    compare_if(true, file, seed, count, context);
}

fn compare_if(decodes: bool, file: &Value, seed: u64, count: usize, context: &str) {
    let theirs: Reference = file.to_string().parse().unwrap();
    let whole = ours(file);
    let (spec, vocab, index) = whole.to_parts();
    let packed = Tokenizer::from_parts(&spec, &vocab, &index, Path::new("packed")).unwrap();
    assert_eq!(packed.to_parts(), (spec, vocab, index));
    let texts = texts(seed, count);
    for (i, text) in texts.iter().enumerate() {
        let pair = (i % 3 == 0).then(|| texts[(i + 1) % texts.len()].as_str());
        let ours = if i % 2 == 0 { &whole } else { &packed };
        check(ours, &theirs, text, pair, context);
        if decodes {
            check_decoded(ours, &theirs, text, context);
        }
    }
}

fn sequence(kind: &str, parts: &[Value]) -> Value {
    json!({"type": "Sequence", kind: parts})
}

#[test]
fn xlm_roberta() {
    compare(&unigram(), 1, 300, "as it is");
}

#[test]
fn normalizers() {
    let precompiled = unigram()["normalizer"].clone();
    let one = |kind: &str| json!({"type": kind});
    let replace =
        |pattern: Value, content: &str| json!({"type": "Replace", "pattern": pattern, "content": content});
    let strip = |left, right| json!({"type": "Strip", "strip_left": left, "strip_right": right});
    let bert = json!({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true});
    let two = replace(json!({"Regex": " {2,}"}), " ");
    let all = [
        Value::Null,
        one("NFC"),
        one("NFD"),
        one("NFKC"),
        one("NFKD"),
        one("Lowercase"),
        one("StripAccents"),
        strip(true, true),
        strip(true, false),
        strip(false, true),
        bert.clone(),
        json!({"type": "Prepend", "prepend": "▁x"}),
        replace(json!({"String": "``"}), "\""),
        replace(json!({"String": "好"}), ""),
        two.clone(),
        replace(json!({"Regex": "\\s+"}), " "),
        replace(json!({"Regex": "\\s{2,}|[\\n\\r\\t]"}), " "),
        replace(json!({"Regex": "\\s{2,}"}), "__"),
        replace(json!({"Regex": " +"}), "é"),
        replace(json!({"Regex": "[\\n\\r\\t]"}), ""),
        // ALBERT, XLM-R, DeBERTa, and what else real files put together.
        sequence(
            "normalizers",
            &[
                replace(json!({"String": "``"}), "\""),
                one("NFKD"),
                one("StripAccents"),
                one("Lowercase"),
                precompiled.clone(),
            ],
        ),
        sequence("normalizers", &[precompiled.clone(), two.clone()]),
        sequence(
            "normalizers",
            &[strip(false, true), precompiled.clone(), replace(json!({"Regex": " {2,}"}), "▁")],
        ),
        sequence(
            "normalizers",
            &[
                one("NFKC"),
                one("Lowercase"),
                two.clone(),
                strip(true, true),
                json!({"type": "Prepend", "prepend": "▁"}),
            ],
        ),
        sequence("normalizers", &[bert, two]),
        sequence(
            "normalizers",
            &[sequence("normalizers", &[precompiled]), one("NFD"), one("StripAccents"), one("NFC")],
        ),
    ];
    for (i, normalizer) in all.iter().enumerate() {
        let mut file = unigram();
        file["normalizer"] = normalizer.clone();
        compare(&file, 20 + i as u64, 40, &normalizer.to_string());
    }
}

#[test]
fn pre_tokenizers() {
    let one = |kind: &str| json!({"type": kind});
    let metaspace = |scheme: &str, split: bool| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split});
    let digits = |individual: bool| json!({"type": "Digits", "individual_digits": individual});
    let pieces = |parts: &[Value]| sequence("pretokenizers", parts);
    let all = [
        Value::Null,
        one("BertPreTokenizer"),
        one("WhitespaceSplit"),
        one("Whitespace"),
        digits(false),
        digits(true),
        json!({"type": "Punctuation", "behavior": "Isolated"}),
        metaspace("always", true),
        metaspace("first", true),
        metaspace("never", true),
        metaspace("first", false),
        metaspace("always", false),
        json!({"type": "Metaspace", "replacement": "_", "add_prefix_space": true, "str_rep": "_"}),
        pieces(&[metaspace("always", true), digits(true)]),
        pieces(&[digits(false), metaspace("always", true)]),
        pieces(&[one("WhitespaceSplit"), metaspace("first", true)]),
        pieces(&[one("Whitespace"), digits(true), metaspace("never", true)]),
        pieces(&[one("Punctuation"), metaspace("always", true), one("Whitespace")]),
        pieces(&[pieces(&[one("WhitespaceSplit"), one("Punctuation")]), metaspace("always", false)]),
    ];
    for (i, pre_tokenizer) in all.iter().enumerate() {
        for (kind, mut file) in [("unigram", unigram()), ("wordpiece", wordpiece())] {
            // Much slower there than here with words as long as texts.
            let count = if kind == "wordpiece" { 20 } else { 40 };
            file["pre_tokenizer"] = pre_tokenizer.clone();
            compare(&file, 60 + i as u64, count, &format!("{kind} {pre_tokenizer}"));
        }
    }
}

#[test]
fn templates() {
    let special = |token: &str, kind| json!({"SpecialToken": {"id": token, "type_id": kind}});
    let text = |name: &str, kind| json!({"Sequence": {"id": name, "type_id": kind}});
    let detail = |token: &str, id| json!({"id": token, "ids": [id], "tokens": [token]});
    let tokens = json!({"<s>": detail("<s>", 0), "</s>": detail("</s>", 2)});
    let template = |single: &[Value], pair: &[Value]| json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens});
    let roberta = |trim, prefix| json!({"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": trim, "add_prefix_space": prefix});
    let end = template(
        &[text("A", 0), special("</s>", 0)],
        &[text("A", 0), special("</s>", 0), text("B", 1), special("</s>", 0)],
    );
    let all = [
        Value::Null,
        json!({"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]}),
        roberta(true, true),
        roberta(true, false),
        roberta(false, false),
        template(&[text("A", 3)], &[text("A", 1), text("B", 5)]),
        template(
            &[special("<s>", 2), special("<s>", 0), text("A", 0)],
            &[text("A", 0), special("</s>", 7), special("<s>", 1), text("B", 0)],
        ),
        sequence("processors", std::slice::from_ref(&end)),
        end,
    ];
    for (i, post_processor) in all.iter().enumerate() {
        let mut file = unigram();
        file["post_processor"] = post_processor.clone();
        compare(&file, 90 + i as u64, 60, &post_processor.to_string());
        let tokenizer = ours(&file);
        for pair in [None, Some("b")] {
            let found = tokenizer.encode("film the library", pair, 9, OnLong::Truncate).unwrap();
            let special = tokenizer.special_tokens(pair.is_some());
            assert_eq!(found.token_ids.len(), 9.min(found.token_ids.len()));
            assert!(tokenizer.encode("film", pair, special, OnLong::Truncate).is_ok());
            assert!(special == 0 || tokenizer.encode("film", pair, special - 1, OnLong::Truncate).is_err());
        }
    }
}

/// MPNet: BERT's words in RoBERTa's frame.
#[test]
fn mpnet() {
    let mut file = wordpiece();
    file["post_processor"] = json!({"type": "RobertaProcessing", "sep": ["[SEP]", 102], "cls": ["[CLS]", 101], "trim_offsets": true, "add_prefix_space": false});
    file["added_tokens"][4]["lstrip"] = true.into();
    compare(&file, 110, 300, "mpnet");
}

#[test]
fn decoders() {
    let metaspace = |scheme: &str| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": true});
    let replace = json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "});
    let strip = json!({"type": "Strip", "content": " ", "start": 1, "stop": 0});
    let one = |kind: &str| json!({"type": kind});
    let all = [
        Value::Null,
        metaspace("always"),
        metaspace("never"),
        json!({"type": "WordPiece", "prefix": "▁", "cleanup": true}),
        json!({"type": "WordPiece", "prefix": "##", "cleanup": false}),
        sequence("decoders", &[replace, one("ByteFallback"), one("Fuse"), strip]),
    ];
    for (i, decoder) in all.iter().enumerate() {
        let mut file = unigram();
        file["decoder"] = decoder.clone();
        // Bytes, so that unknown characters are more than that.
        file["model"]["byte_fallback"] = true.into();
        let vocab = file["model"]["vocab"].as_array_mut().unwrap();
        vocab.extend((0..=255_u8).map(|byte| json!([format!("<0x{byte:02X}>"), -20.0])));
        compare(&file, 120 + i as u64, 60, &decoder.to_string());
    }
}

/// Added tokens that are looked for after normalization, and take white space, which is a word here.
#[test]
fn added_tokens() {
    for (i, (lstrip, rstrip, normalized, single_word)) in
        (0..16).map(|bits| (bits, (bits & 1 > 0, bits & 2 > 0, bits & 4 > 0, bits & 8 > 0)))
    {
        let mut file = unigram();
        let next = file["model"]["vocab"].as_array().unwrap().len();
        let added = ["film", "①", "x好看"].iter().enumerate().map(|(at, content)| {
            json!({"id": next + at, "content": content, "single_word": single_word, "lstrip": lstrip, "rstrip": rstrip,
                "normalized": normalized, "special": false})
        });
        file["added_tokens"].as_array_mut().unwrap().extend(added);
        let scheme = ["always", "first", "never"][i % 3];
        file["pre_tokenizer"] = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme});
        // A normalized token is decoded in its normalized form there, and here as it is.
        compare_if(
            !normalized,
            &file,
            130 + i as u64,
            150,
            &format!("{lstrip} {rstrip} {normalized} {single_word}"),
        );
    }
}
