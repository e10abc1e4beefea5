//! Special and added tokens are found in every place where transformers looks for them.
//! `tools/special_tokens_reference.py` wrote down what its versions make of each.

use std::{collections::BTreeMap, fs};

use nimbert_test_support::data;
use serde::Deserialize;
use serde_json::Value;

use super::{encode, load};

/// What the reference's script says of these two.
const VOCAB: &str =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n[ANS]\n[EXT]\n[\n]\nans\next\nmask\ngood\nfilm\n<\n>\nn\n";
const TEXT: &str = "good [ANS]film [ans] [EXT] [ext] [MASK] [mask] <n> <N> [UNK]good[SEP]";

#[derive(Deserialize)]
struct Case {
    name: String,
    /// By name, beside `vocab.txt`.
    files: BTreeMap<String, Value>,
    /// By version; an error's name where it has no answer.
    ids: BTreeMap<String, Value>,
    /// The version that is right where it is not the newest.
    follow: Option<String>,
}

#[test]
fn special_tokens_are_found_wherever_they_are_named() {
    let file = fs::read_to_string(data("tokenizer/special_tokens.jsonl")).unwrap();
    let (mut cases, mut wrong) = (0, Vec::new());
    for line in file.lines() {
        let Case { name, files, ids, follow } = serde_json::from_str(line).unwrap();
        let files: Vec<_> = files.iter().map(|(name, json)| (name.as_str(), json.to_string())).collect();
        let files = files.iter().map(|(name, json)| (*name, json.as_str()));
        let tokenizer = load(&files.chain([("vocab.txt", VOCAB)]).collect::<Vec<_>>()).unwrap();
        let version = follow.as_ref().unwrap_or_else(|| ids.keys().next_back().unwrap());
        let (ours, theirs) = (Value::from(encode(&tokenizer, TEXT)), &ids[version]);
        if ours != *theirs {
            wrong.push(format!("{name}: {ours}, transformers {version} {theirs}; {ids:?}"));
        }
        cases += 1;
    }
    assert!(cases >= 60, "{cases} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
