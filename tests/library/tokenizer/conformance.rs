//! The ids equal those of `BertTokenizerFast`, which `tools/tokenizer_reference.py` wrote down.

use std::{env, fs, path::Path};

use nimbert::{OnLong, Tokenizer};
use nimbert_test_support::{data, shared};
use serde_json::Value;

use super::{load, tokenizer_json};

struct Case {
    text: String,
    pair: Option<String>,
    max: Option<usize>,
    /// For each of the settings: the ids of type 0 and those of type 1.
    rows: Vec<[Vec<u32>; 2]>,
}

impl Case {
    fn check(&self, tokenizer: &Tokenizer, setting: usize, form: &str) {
        let max = self.max.unwrap_or(usize::MAX);
        let found = tokenizer.encode(&self.text, self.pair.as_deref(), max, OnLong::Truncate).unwrap();
        let [first, second] = &self.rows[setting];
        let types = [vec![0; first.len()], vec![1; second.len()]].concat();
        let context = format!("{form}, setting {setting}: {:?} {:?} {:?}", self.text, self.pair, self.max);
        assert_eq!(found.token_ids, [first.as_slice(), second].concat(), "{context}");
        assert_eq!(found.token_type_ids, types, "{context}");
        let unlimited =
            tokenizer.encode(&self.text, self.pair.as_deref(), usize::MAX, OnLong::Error).unwrap();
        assert!(!unlimited.truncated);
        assert_eq!(found.truncated, found.token_ids.len() < unlimited.token_ids.len(), "{context}");
    }
}

/// What `tools/tokenizer_reference.py` wrote: the settings, and the cases.
fn reference(path: &Path) -> (Vec<Value>, Vec<Case>) {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let header = lines.next().unwrap();
    let case = |line: Value| Case {
        text: line["text"].as_str().unwrap().to_owned(),
        pair: line["pair"].as_str().map(str::to_owned),
        max: line["max"].as_u64().map(|max| max as usize),
        rows: serde_json::from_value(line["rows"].clone()).unwrap(),
    };
    (header["settings"].as_array().unwrap().clone(), lines.map(case).collect())
}

/// The same tokenizer from `vocab.txt`, from `tokenizer.json` with either post-processor, and from its packed parts.
fn all_forms(vocabulary: &str, settings: &Value) -> Vec<(&'static str, Tokenizer)> {
    let config = settings.to_string();
    let config = ("tokenizer_config.json", config.as_str());
    let vocab = load(&[("vocab.txt", vocabulary), config]).unwrap();
    let (spec, lines, index) = vocab.to_parts();
    let padded = [lines.as_slice(), &[0; 40]].concat();
    let parts = Tokenizer::from_parts(&spec, &padded, &index, Path::new("packed")).unwrap();
    let with = |template| {
        load(&[("tokenizer.json", &tokenizer_json(vocabulary, template).to_string()), config]).unwrap()
    };
    vec![("vocab.txt", vocab), ("template", with(true)), ("tokenizer.json", with(false)), ("parts", parts)]
}

#[test]
fn ids_are_hugging_faces() {
    let vocabulary = fs::read_to_string(data("tokenizer/vocab.txt")).unwrap();
    let (settings, cases) = reference(&data("tokenizer/sample.jsonl"));
    assert_eq!(settings.len(), 3);
    assert!(cases.len() >= 300);
    for (setting, value) in settings.iter().enumerate() {
        for (form, tokenizer) in all_forms(&vocabulary, value) {
            cases.iter().for_each(|case| case.check(&tokenizer, setting, form));
        }
    }
}

/// The real directory's `tokenizer.json` and `tokenizer_config.json`; the sample's first setting is the latter.
#[test]
fn bert_base_chinese_as_published() {
    let Some(dir) = shared("data/bert-base-chinese-tokenizer") else { return };
    let tokenizer = Tokenizer::from_dir(&dir).unwrap();
    assert_eq!(tokenizer.describe(), "WordPiece, 21,128 tokens, case kept");
    assert_eq!((tokenizer.vocab_size(), tokenizer.model_max_length()), (21128, None));
    let (_, cases) = reference(&data("tokenizer/sample.jsonl"));
    cases.iter().for_each(|case| case.check(&tokenizer, 0, "published"));
}

/// A Unigram tokenizer as XLM-RoBERTa has it, and BPE as RoBERTa has it, by `AutoTokenizer`.
#[test]
fn ids_of_other_kinds_are_hugging_faces() {
    for kind in ["unigram", "bpe"] {
        let dir = data("tokenizer").join(kind);
        let (_, cases) = reference(&dir.join("sample.jsonl"));
        assert!(cases.len() >= 240);
        let tokenizer = Tokenizer::from_dir(&dir).unwrap();
        let (spec, vocabulary, index) = tokenizer.to_parts();
        let packed = Tokenizer::from_parts(&spec, &vocabulary, &index, Path::new("packed")).unwrap();
        for (form, tokenizer) in [("directory", tokenizer), ("parts", packed)] {
            cases.iter().for_each(|case| case.check(&tokenizer, 0, &format!("{kind}, {form}")));
        }
    }
}

/// A reference of any size, made from any directory: `NIMBERT_TOKENIZER_REFERENCE=FILE NIMBERT_TOKENIZER_DIR=DIRECTORY`.
#[test]
#[ignore = "needs a file and a directory: see tests/data/tokenizer/README.md"]
fn large_reference() {
    let named = |name: &str| env::var_os(name).unwrap_or_else(|| panic!("{name} is not set"));
    let (file, dir) = (named("NIMBERT_TOKENIZER_REFERENCE"), named("NIMBERT_TOKENIZER_DIR"));
    let dir = Path::new(&dir);
    let (settings, cases) = reference(Path::new(&file));
    let Ok(vocabulary) = fs::read_to_string(dir.join("vocab.txt")) else {
        let tokenizer = Tokenizer::from_dir(dir).unwrap();
        cases.iter().for_each(|case| case.check(&tokenizer, 0, "directory"));
        return println!("{} cases: equal", cases.len());
    };
    for (setting, value) in settings.iter().enumerate() {
        let as_it_is = value.is_null().then(|| Tokenizer::from_dir(dir).unwrap());
        let own =
            || serde_json::from_str(&fs::read_to_string(dir.join("tokenizer_config.json")).unwrap()).unwrap();
        let value = if value.is_null() { own() } else { value.clone() };
        let forms = all_forms(&vocabulary, &value);
        for (form, tokenizer) in forms.into_iter().chain(as_it_is.map(|tokenizer| ("directory", tokenizer))) {
            cases.iter().for_each(|case| case.check(&tokenizer, setting, form));
            println!("{} cases, setting {setting}, {form}: equal", cases.len());
        }
    }
}
