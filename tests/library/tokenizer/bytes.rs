//! Byte-level BPE, of RoBERTa and its kind, against the `tokenizers` crate and transformers.

use std::fs;

use nimbert::{Cut, OnLong};
use nimbert_test_support::{data, seeded::stream};
use serde_json::{Value, json};
use tokenizers::{Tokenizer as Reference, TruncationParams, TruncationStrategy};

use super::kinds::{compare, ours};

/// A tokenizer as RoBERTa has it, but for its size.
pub(super) fn roberta() -> Value {
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
