//! Texts of more tokens than the limit.

use nimbert::{Encoding, OnLong};

use super::{WORDS, load};

#[test]
fn too_long_is_cut_or_refused() {
    let tokenizer = load(&[("vocab.txt", WORDS)]).unwrap();
    let encode = |text, pair, max, on_long| tokenizer.encode(text, pair, max, on_long);
    let cut = Encoding { token_ids: vec![2, 5, 6, 3], token_type_ids: vec![0; 4], truncated: true };
    assert_eq!(encode("a b c", None, 4, OnLong::Truncate), Ok(cut));
    assert_eq!(encode("a b c", None, 5, OnLong::Error).unwrap().token_ids, [2, 5, 6, 7, 3]);
    assert_eq!(encode("a b c", None, 4, OnLong::Error), Err("longer than 4 tokens".to_owned()));
    assert_eq!(encode("a b c", None, 2, OnLong::Truncate).unwrap().token_ids, [2, 3]);
    assert!(encode("", None, 1, OnLong::Truncate).unwrap_err().contains("leave no room"));
    assert!(encode("", Some(""), 2, OnLong::Truncate).unwrap_err().contains("leave no room"));
    // Of a pair the longer text is cut first; an odd token stays with the longer one.
    let pair = |text, other, max| encode(text, Some(other), max, OnLong::Truncate).unwrap().token_ids;
    assert_eq!(pair("a a a a", "b", 6), [2, 5, 5, 3, 6, 3]);
    assert_eq!(pair("a a a a", "b b b", 6), [2, 5, 5, 3, 6, 3]);
    assert_eq!(pair("a a a", "b b b", 6), [2, 5, 3, 6, 6, 3]);
    assert_eq!(pair("a", "b b b", 3), [2, 3, 3]);
}

/// Only the beginning of a long text is looked at, and that changes nothing: not where a word, a run of marks or an added
/// token crosses the place.
#[test]
fn where_a_long_text_is_cut_makes_no_difference() {
    let decoders = [
        r#"{"10": {"content": "<e>", "lstrip": true}, "11": {"content": "Bc", "single_word": true, "normalized": true}}"#,
        r#"{"10": {"content": "a. b"}, "11": {"content": "中", "normalized": true}}"#,
    ];
    // What leaves no token brings the place, 16 bytes a token, among the tokens that are kept.
    let nothing = "\0".repeat(25);
    let nothing = nothing.as_str();
    let tokens = [
        "a",
        "ab ba",
        "<e>",
        "Bc",
        "bc.",
        "a. b",
        "中",
        "。",
        ",\u{301}\u{323}",
        "\u{b}",
        "[MASK]",
        "é?",
        ".",
        "b",
    ];
    let units = [tokens.as_slice(), &[" ", "\u{301}"], &[nothing; 16]].concat();
    for decoder in decoders {
        let config = format!(r#"{{"added_tokens_decoder": {decoder}}}"#);
        let tokenizer = load(&[("vocab.txt", WORDS), ("tokenizer_config.json", &config)]).unwrap();
        let mut state = 1_u32;
        for max in (3..40).cycle().take(2000) {
            let next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                units[(state >> 16) as usize % units.len()]
            };
            let text: String = std::iter::repeat_with(next).take(200).collect();
            let all = tokenizer.encode(&text, None, usize::MAX, OnLong::Error).unwrap().token_ids;
            let cut = tokenizer.encode(&text, None, max, OnLong::Truncate).unwrap();
            let expected = [&all[..all.len().min(max) - 1], &[3]].concat();
            assert_eq!((cut.token_ids, cut.truncated), (expected, all.len() > max), "{max}: {text:?}");
        }
    }
}

/// A megabyte of any one thing takes a time that grows with its length alone.
#[test]
fn a_megabyte_is_cut() {
    let config = r#"{"added_tokens_decoder": {
        "10": {"content": "<l>", "lstrip": true, "rstrip": true, "normalized": false},
        "11": {"content": "<w>", "single_word": true, "normalized": true}}}"#;
    let tokenizer = load(&[("vocab.txt", WORDS), ("tokenizer_config.json", config)]).unwrap();
    let units = [
        "a",
        "a ",
        " ",
        "中",
        "[MASK]",
        "<l>",
        " <l> ",
        "<w>",
        ".",
        "e\u{301}",
        "\u{301}\u{323}",
        "\0",
        "👨‍👩‍👧",
    ];
    for unit in units {
        let text = unit.repeat((1 << 20) / unit.len());
        let encoding = tokenizer.encode(&text, None, 512, OnLong::Truncate).unwrap();
        assert!(encoding.token_ids.len() <= 512);
        let pair = tokenizer.encode("", Some(&text), 512, OnLong::Truncate).unwrap();
        assert_eq!(pair.token_ids[..2], [2, 3]);
        if encoding.truncated {
            assert_eq!(
                tokenizer.encode(&text, None, 512, OnLong::Error).unwrap_err(),
                "longer than 512 tokens"
            );
        }
    }
}
