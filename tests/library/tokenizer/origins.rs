//! Where tokens come from, and windows of long texts, against the `tokenizers` crate itself.

use std::fs;

use nimbert::{Cut, OnLong, Tokenizer, Window};
use nimbert_test_support::{data, seeded::stream};
use serde_json::{Value, json};
use tokenizers::{Encoding as Theirs, Tokenizer as Reference, TruncationParams, TruncationStrategy};

use super::{load, tokenizer_json};

/// Both of one `tokenizer.json`, whose settings are those of the file itself; cut by neither.
fn both(lowercase: bool, strip_accents: Value, added: &[Value]) -> (Tokenizer, Reference) {
    let vocabulary = fs::read_to_string(data("tokenizer/vocab.txt")).unwrap();
    let mut json = tokenizer_json(&vocabulary, true);
    json["normalizer"]["lowercase"] = lowercase.into();
    json["normalizer"]["strip_accents"] = strip_accents;
    json["added_tokens"].as_array_mut().unwrap().extend(added.iter().cloned());
    let config = r#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#;
    let ours = load(&[("tokenizer.json", &json.to_string()), ("tokenizer_config.json", config)]).unwrap();
    json["truncation"] = Value::Null;
    json["padding"] = Value::Null;
    (ours, json.to_string().parse().unwrap())
}

/// Texts of words, marks, digits, several scripts, white space and control characters.
fn texts(seed: u64, count: usize) -> Vec<String> {
    const PARTS: [&str; 24] = [
        "film",
        "Ångström",
        "e\u{301}te\u{301}",
        "好看",
        "无聊到睡着",
        " ",
        "  ",
        "\t",
        "\u{3000}",
        "，",
        "...",
        "2024",
        "unaffable",
        "İstanbul",
        "ﬁn",
        "[MASK]",
        "<tag>",
        "👍🏽",
        "\u{200d}",
        "\u{1}",
        "\u{fffd}",
        "ǅ",
        "한국어",
        "x",
    ];
    let mut random = stream(seed, "origins").map(|word| word as usize);
    let mut next = move |below: usize| random.next().unwrap() % below;
    (0..count).map(|_| (0..next(30)).map(|_| PARTS[next(PARTS.len())]).collect()).collect()
}

/// Asserts that a window is the crate's encoding: ids, types, places, words and sequences.
fn check(ours: &Window, theirs: &Theirs, context: &str) {
    assert_eq!(ours.encoding.token_ids, theirs.get_ids(), "{context}");
    assert_eq!(ours.encoding.token_type_ids, theirs.get_type_ids(), "{context}");
    assert_eq!(ours.origins.len(), theirs.len(), "{context}");
    for (i, origin) in ours.origins.iter().enumerate() {
        let Some(origin) = origin else {
            assert_eq!(
                (theirs.get_special_tokens_mask()[i], theirs.get_word_ids()[i]),
                (1, None),
                "{context}"
            );
            continue;
        };
        assert_eq!((origin.start, origin.end), theirs.get_offsets()[i], "{context}, token {i}");
        assert_eq!(Some(origin.word as u32), theirs.get_word_ids()[i], "{context}, token {i}");
        assert_eq!(origin.sequence as u32, theirs.get_type_ids()[i], "{context}, token {i}");
    }
}

/// All of a text, or of a pair, by the crate; cut after it was encoded, since version 0.23 ends texts early otherwise.
fn expected(
    theirs: &Reference,
    text: &str,
    pair: Option<&str>,
    params: Option<TruncationParams>,
) -> Result<Theirs, String> {
    let mut theirs = theirs.clone();
    let encode = |text: &str| theirs.encode_char_offsets(text, false).unwrap();
    let (text, mut pair) = (encode(text), pair.map(encode));
    // As where both are encoded in one call: windows beyond the first keep what they have.
    pair.iter_mut().for_each(|pair| pair.set_type_ids(vec![1; pair.len()]));
    theirs.with_truncation(params).unwrap();
    theirs.post_process(text, pair, true).map_err(|error| error.to_string())
}

#[test]
fn places_and_words_are_the_crates() {
    let added = json!({"id": 21_128, "content": "<tag>", "single_word": false, "lstrip": true, "rstrip": true,
        "normalized": false, "special": false});
    for (lowercase, strip_accents, added) in [
        (true, Value::Null, vec![]),
        (true, json!(false), vec![added.clone()]),
        (false, json!(true), vec![added]),
        (false, Value::Null, vec![]),
    ] {
        let (ours, theirs) = both(lowercase, strip_accents, &added);
        let texts = texts(7, 300);
        for (i, text) in texts.iter().enumerate() {
            let pair = (i % 3 == 0).then(|| texts[(i + 1) % texts.len()].as_str());
            let found = ours.windows(text, pair, usize::MAX, Cut::Longest, None).unwrap();
            assert_eq!(found.len(), 1);
            check(&found[0], &expected(&theirs, text, pair, None).unwrap(), &format!("{text:?} {pair:?}"));
            let plain = ours.encode(text, pair, usize::MAX, OnLong::Error).unwrap();
            assert_eq!(found[0].encoding, plain, "{text:?} {pair:?}");
        }
    }
}

/// A word that is too long to have tokens is one from its first character to its last.
#[test]
fn a_long_word_is_in_one_place() {
    let (ours, theirs) = both(true, Value::Null, &[]);
    for length in [99, 100, 101, 5000] {
        let text = format!("好 {}!", "é".repeat(length));
        let found = ours.windows(&text, None, usize::MAX, Cut::Longest, None).unwrap();
        check(&found[0], &expected(&theirs, &text, None, None).unwrap(), &format!("{length}"));
    }
}

#[test]
fn windows_are_the_crates() {
    let (ours, theirs) = both(true, Value::Null, &[]);
    let texts = texts(11, 120);
    let mut most = 0;
    for (i, text) in texts.iter().enumerate() {
        let pair = (i % 4 > 0).then(|| texts[(7 * i + 1) % texts.len()].as_str());
        for (max_length, stride) in [(4, 0), (7, 1), (12, 4), (33, 16)] {
            for (cut, strategy) in
                [(Cut::First, TruncationStrategy::OnlyFirst), (Cut::Second, TruncationStrategy::OnlySecond)]
            {
                // A single text is cut whatever is said of pairs; the crate wants the first one then.
                let strategy = if pair.is_some() { strategy } else { TruncationStrategy::OnlyFirst };
                let params = TruncationParams { max_length, stride, strategy, ..TruncationParams::default() };
                let context = format!("{text:?} {pair:?} {max_length} {stride} {cut:?}");
                let whole = expected(&theirs, text, pair, None).unwrap().len();
                let found = ours.windows(text, pair, max_length, cut, Some(stride));
                let (Ok(found), true) = (&found, whole > max_length) else {
                    assert!(whole > max_length || found.unwrap().len() == 1, "{context}");
                    continue;
                };
                // What the crate refuses for other reasons: a text that is cut keeps at least one token.
                let Ok(theirs) = expected(&theirs, text, pair, Some(params)) else { continue };
                let all: Vec<_> = std::iter::once(&theirs).chain(theirs.get_overflowing()).collect();
                assert_eq!(found.len(), all.len(), "{context}");
                for (ours, theirs) in found.iter().zip(all) {
                    check(ours, theirs, &context);
                    assert!(ours.encoding.truncated);
                }
                most = most.max(found.len());
                let start = ours.windows(text, pair, max_length, cut, None).unwrap();
                assert_eq!(start, found[..1], "{context}");
            }
        }
    }
    assert!(most > 5, "{most}");
}

#[test]
fn the_longer_of_a_pair_is_cut_as_without_places() {
    let (ours, _) = both(true, Value::Null, &[]);
    let texts = texts(13, 60);
    for (text, pair) in texts.iter().zip(texts.iter().rev()) {
        for max in [3, 4, 7, 12, 33] {
            let window = ours.windows(text, Some(pair), max, Cut::Longest, None).unwrap().remove(0);
            assert_eq!(window.encoding, ours.encode(text, Some(pair), max, OnLong::Truncate).unwrap());
        }
    }
    let refused = |max, cut, stride| ours.windows("好看好看", Some("好看"), max, cut, stride).unwrap_err();
    assert!(refused(6, Cut::Longest, Some(1)).contains("which text is cut"));
    assert!(refused(6, Cut::First, Some(1)).contains("a stride of 1 tokens is not less than the 1"));
    assert!(refused(5, Cut::First, None).contains("no room beside the 2 of the text that is not cut"));
    assert!(refused(2, Cut::First, None).contains("no room for the 3 special ones"));
}
