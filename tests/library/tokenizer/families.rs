//! Checkpoints of other families: their ids are those that transformers gave, and their classes' settings count.

use std::fs;

use nimbert::{OnLong, Tokenizer};
use nimbert_test_support::{data, shared};
use serde_json::{Value, json};

use super::{directory, encode, load};

#[test]
fn ids_are_those_of_transformers() {
    let Some(family) = shared("family") else { return };
    let mut compared = 0;
    for entry in fs::read_dir(family).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let kinds = [
            "bert",
            "xlm-roberta",
            "camembert",
            "mpnet",
            "distilbert",
            "electra",
            "albert",
            "deberta",
            "roberta",
            "modernbert",
        ];
        if !kinds.iter().any(|kind| name.starts_with(kind)) {
            continue;
        }
        let tokenizer = Tokenizer::from_dir(&entry.path()).unwrap();
        let most = tokenizer.model_max_length().unwrap();
        let file = fs::read_to_string(entry.path().join("expected.json")).unwrap();
        let file: Value = serde_json::from_str(&file).unwrap();
        for row in file["rows"].as_array().unwrap().iter().filter(|row| row.get("ids").is_some()) {
            let expected: Vec<u32> = serde_json::from_value(row["ids"].clone()).unwrap();
            let text = row["text"].as_str().unwrap();
            let found = tokenizer.encode(text, None, most, OnLong::Truncate).unwrap();
            assert_eq!(found.token_ids, expected, "{name}: {text:?}");
            compared += 1;
        }
    }
    assert!(compared > 150, "{compared}");
}

const MPNET: &str = "<s>\n<pad>\n</s>\n[UNK]\n<mask>\na\nb\n##a\n";

#[test]
fn mpnet_without_tokenizer_json() {
    for config in [
        r#"{"tokenizer_class": "MPNetTokenizer"}"#,
        r#"{"tokenizer_class": "MPNetTokenizerFast", "mask_token": "<mask>"}"#,
    ] {
        let tokenizer = load(&[("vocab.txt", MPNET), ("tokenizer_config.json", config)]).unwrap();
        // The mask takes the space before it; casing is MPNet's own.
        assert_eq!(encode(&tokenizer, "A <mask>b ba c"), [0, 5, 4, 6, 6, 7, 3, 2]);
        let pair = tokenizer.encode("a", Some("b"), 9, OnLong::Error).unwrap();
        assert_eq!(pair.token_ids, [0, 5, 2, 2, 6, 2]);
        assert_eq!(pair.token_type_ids, [0; 6]);
        assert_eq!((tokenizer.special_tokens(false), tokenizer.special_tokens(true)), (2, 4));
        assert_eq!(tokenizer.mask(), Some(4));
    }
    let cased = r#"{"tokenizer_class": "MPNetTokenizer", "do_lower_case": false}"#;
    let tokenizer = load(&[("vocab.txt", MPNET), ("tokenizer_config.json", cased)]).unwrap();
    assert_eq!(encode(&tokenizer, "A a"), [0, 3, 5, 2]);
    // Without a class the model's type tells it.
    let tokenizer = load(&[("vocab.txt", MPNET), ("config.json", r#"{"model_type": "mpnet"}"#)]).unwrap();
    assert_eq!(encode(&tokenizer, "a<mask>"), [0, 5, 4, 2]);
}

/// The file as it is, and its mask found with the flags that it has there; a mask that it lacks is like a word.
#[test]
fn the_classes_of_roberta_take_the_file() {
    let file = fs::read_to_string(data("tokenizer/unigram/tokenizer.json")).unwrap();
    let mut file: Value = serde_json::from_str(&file).unwrap();
    let as_is = r#"{"tokenizer_class": "PreTrainedTokenizerFast", "mask_token": "<mask>"}"#;
    let expected = |file: &Value, text| {
        encode(
            &load(&[("tokenizer.json", &file.to_string()), ("tokenizer_config.json", as_is)]).unwrap(),
            text,
        )
    };
    let text = "The <mask> film,  été";
    let whole = expected(&file, text);
    file["added_tokens"][4]["lstrip"] = false.into();
    let narrow = expected(&file, text);
    let fits = |file: &Value, config: &str, expected: &[u32]| {
        let tokenizer =
            load(&[("tokenizer.json", &file.to_string()), ("tokenizer_config.json", config)]).unwrap();
        assert_eq!(encode(&tokenizer, text), expected, "{config}");
        assert_eq!(tokenizer.mask(), tokenizer.id("<mask>"));
    };
    for class in
        ["XLMRobertaTokenizer", "XLMRobertaTokenizerFast", "CamembertTokenizer", "CamembertTokenizerFast"]
    {
        fits(&file, &json!({"tokenizer_class": class, "do_lower_case": true}).to_string(), &narrow);
    }
    file["added_tokens"].as_array_mut().unwrap().pop();
    for config in [
        json!({"tokenizer_class": "XLMRobertaTokenizer"}),
        json!({"tokenizer_class": "XLMRobertaTokenizer", "mask_token": "<mask>"}),
    ] {
        fits(&file, &config.to_string(), &whole);
    }
    let described = json!({"tokenizer_class": "XLMRobertaTokenizer", "mask_token": {"content": "<mask>", "lstrip": false}});
    fits(&file, &described.to_string(), &narrow);
}

#[test]
fn files_of_sentencepiece_alone() {
    for name in ["sentencepiece.bpe.model", "spiece.model", "spm.model"] {
        let message = load(&[(name, "")]).unwrap_err().to_string();
        let beginning = format!("{name}, but no tokenizer.json: transformers makes one of it, python -c");
        assert!(message.contains(&beginning), "{message}");
        assert!(message.contains("AutoTokenizer.from_pretrained(\""), "{message}");
    }
    let both = directory(&[("spiece.model", b""), ("vocab.txt", b"[UNK]\n[CLS]\n[SEP]\na\n")]);
    assert!(Tokenizer::from_dir(both.path()).is_ok());
    let config = ("tokenizer_config.json", r#"{"tokenizer_class": "XLMRobertaTokenizer"}"#);
    let message = load(&[config, ("vocab.txt", "a\n")]).unwrap_err().to_string();
    assert!(message.contains("no tokenizer.json, which this tokenizer_class needs"), "{message}");
}
