//! `tokenizer.json` files of every kind: what is read is read as the `tokenizers` crate does, and what is broken is refused. With a
//! table of characters, of which the crate trusts every byte, only that.

#![no_main]

use std::{collections::BTreeMap, env, fs, path::Path, process};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nimbert::{Cut, OnLong, Tokenizer};
use serde_json::{Value, json};
use tokenizers::{Tokenizer as Reference, pre_tokenizers::byte_level::ByteLevel};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    /// A whole file, in place of one that is made of what follows.
    file: Option<&'a str>,
    charsmap: Option<&'a [u8]>,
    normalizers: Vec<Normalizer>,
    splitters: Vec<Splitter>,
    tokens: Vec<(String, i8)>,
    byte_fallback: bool,
    bpe: Option<Bpe>,
    texts: Vec<&'a str>,
}

/// Byte-level BPE, in place of Unigram and its splitters.
#[derive(Debug, Arbitrary)]
struct Bpe {
    /// Of each merge which two tokens, of all bytes and what the merges before have made.
    merges: Vec<(u16, u16)>,
    unk: bool,
    fuse_unk: bool,
    ignore_merges: bool,
    add_prefix_space: bool,
    use_regex: bool,
    trim_offsets: bool,
}

#[derive(Debug, Arbitrary)]
enum Normalizer {
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
    Lowercase,
    StripAccents,
    Strip(bool, bool),
    Prepend(String),
    Replace(String, String),
    Spaces(u8),
    Bert([bool; 4]),
}

#[derive(Debug, Arbitrary)]
enum Splitter {
    Bert,
    WhitespaceSplit,
    Whitespace,
    Punctuation,
    Digits(bool),
    Metaspace(u8, bool),
}

impl Normalizer {
    fn json(&self) -> Value {
        let one = |kind: &str| json!({"type": kind});
        match self {
            Self::Nfc => one("NFC"),
            Self::Nfd => one("NFD"),
            Self::Nfkc => one("NFKC"),
            Self::Nfkd => one("NFKD"),
            Self::Lowercase => one("Lowercase"),
            Self::StripAccents => one("StripAccents"),
            Self::Strip(left, right) => json!({"type": "Strip", "strip_left": left, "strip_right": right}),
            Self::Prepend(text) => json!({"type": "Prepend", "prepend": text}),
            Self::Replace(from, to) => json!({"type": "Replace", "pattern": {"String": from}, "content": to}),
            Self::Spaces(which) => {
                let all = [" {2,}", " +", r"\s+", r"\s{2,}", r"\s{2,}|[\n\r\t]", r"[\n\r\t]"];
                json!({"type": "Replace", "pattern": {"Regex": all[usize::from(*which) % all.len()]}, "content": " "})
            }
            Self::Bert([clean, chinese, strip, lower]) => json!({"type": "BertNormalizer", "clean_text": clean,
                "handle_chinese_chars": chinese, "strip_accents": strip, "lowercase": lower}),
        }
    }
}

impl Splitter {
    fn json(&self) -> Value {
        match self {
            Self::Bert => json!({"type": "BertPreTokenizer"}),
            Self::WhitespaceSplit => json!({"type": "WhitespaceSplit"}),
            Self::Whitespace => json!({"type": "Whitespace"}),
            Self::Punctuation => json!({"type": "Punctuation", "behavior": "Isolated"}),
            Self::Digits(each) => json!({"type": "Digits", "individual_digits": each}),
            Self::Metaspace(scheme, split) => {
                let scheme = ["always", "first", "never"][usize::from(*scheme) % 3];
                json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split})
            }
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * place)) as usize & 63]));
        }
        text.extend(["=", "=="].get(2_usize.wrapping_sub(group.len())).copied());
    }
    text
}

impl Bpe {
    fn json(&self, normalizers: &[Value]) -> Value {
        let mut tokens: Vec<_> = ByteLevel::alphabet().into_iter().map(String::from).collect();
        tokens.sort_unstable();
        tokens.push("<unk>".to_owned());
        let mut merges = Vec::new();
        for &(left, right) in &self.merges {
            let pair = [left, right].map(|at| tokens[usize::from(at) % tokens.len()].clone());
            if pair.concat().len() > 100 {
                continue;
            }
            if !tokens.contains(&pair.concat()) {
                tokens.push(pair.concat());
            }
            merges.push(pair);
        }
        let vocab: BTreeMap<_, _> = tokens.iter().zip(0..).collect();
        let level = json!({"type": "ByteLevel", "add_prefix_space": self.add_prefix_space, "trim_offsets": self.trim_offsets,
            "use_regex": self.use_regex});
        json!({
            "added_tokens": [], "post_processor": level, "decoder": level, "pre_tokenizer": level,
            "normalizer": {"type": "Sequence", "normalizers": normalizers},
            "model": {"type": "BPE", "unk_token": self.unk.then_some("<unk>"), "fuse_unk": self.fuse_unk,
                "ignore_merges": self.ignore_merges, "vocab": vocab, "merges": merges}})
    }
}

impl Input<'_> {
    fn json(&self) -> String {
        let mut normalizers: Vec<_> = self.normalizers.iter().map(Normalizer::json).collect();
        if let Some(bytes) = self.charsmap {
            normalizers.push(json!({"type": "Precompiled", "precompiled_charsmap": base64(bytes)}));
        }
        if let Some(bpe) = &self.bpe {
            return bpe.json(&normalizers).to_string();
        }
        let splitters: Vec<_> = self.splitters.iter().map(Splitter::json).collect();
        let mut vocab = vec![json!(["<unk>", 0.0])];
        vocab.extend(self.tokens.iter().map(|(token, score)| json!([token, f64::from(*score) / 8.0])));
        json!({
            "added_tokens": [], "post_processor": null, "decoder": null,
            "normalizer": {"type": "Sequence", "normalizers": normalizers},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": splitters},
            "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": self.byte_fallback, "vocab": vocab}})
        .to_string()
    }
}

fn load(file: &str) -> Option<Tokenizer> {
    let dir = env::temp_dir().join(format!("nimbert-fuzz-{}", process::id()));
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("tokenizer_config.json"), r#"{"tokenizer_class": "TokenizersBackend"}"#).unwrap();
    fs::write(dir.join("tokenizer.json"), file).unwrap();
    Tokenizer::from_dir(&dir).ok()
}

fuzz_target!(|input: Input<'_>| {
    let file = input.file.map_or_else(|| input.json(), str::to_owned);
    let Some(ours) = load(&file) else { return };
    let (spec, vocab, index) = ours.to_parts();
    let packed = Tokenizer::from_parts(&spec, &vocab, &index, Path::new("packed")).unwrap();
    let theirs: Option<Reference> =
        (input.file.is_none() && input.charsmap.is_none()).then(|| file.parse().unwrap());
    for text in &input.texts {
        let found = ours.windows(text, None, usize::MAX, Cut::First, None).unwrap().remove(0);
        assert_eq!(packed.encode(text, None, usize::MAX, OnLong::Error).unwrap(), found.encoding);
        ours.decode(&found.encoding.token_ids, true);
        if let Some(theirs) = &theirs {
            let expected = theirs.encode_char_offsets(*text, true).unwrap();
            assert_eq!(found.encoding.token_ids, expected.get_ids());
            let places: Vec<_> = found.origins.iter().flatten().map(|origin| (origin.start, origin.end)).collect();
            assert_eq!(places, expected.get_offsets());
        }
    }
});
