//! Tokens and their places in words against the crate's, and lists of merges that are made to hurt.

use std::{collections::BTreeMap, path::Path};

use nimbert_kernels::aligned_copy;
use serde_json::json;
use tokenizers::{Model as _, models::bpe::BPE as Oracle};

use super::{Bpe, Merges, Pieces, SHORT, Unknown};
use crate::{
    checkpoint::weights::Bytes,
    tokenizer::{byte_level::char_of, model::Piece, tests::Random, vocabulary::Vocabulary},
};

/// Few bytes, so that words are often of tokens and pairs often in each other's way.
const LETTERS: [&str; 8] = ["a", "b", "aa", "ab", "é", "中", " ", "👍"];

fn written(word: &str) -> String {
    word.bytes().map(char_of).collect()
}

fn vocabulary(tokens: &[String]) -> Vocabulary {
    let lines: String = tokens.iter().map(|token| format!("{token}\n")).collect();
    Vocabulary::from_lines(&Bytes::from_lines(aligned_copy(lines.as_bytes())), Path::new("packed")).unwrap()
}

/// Tokens and merges of them, some of which no word comes to.
struct Made {
    tokens: Vec<String>,
    merges: Vec<[String; 2]>,
}

impl Made {
    fn random(random: &mut Random, has_all_bytes: bool) -> Self {
        let bytes: BTreeMap<_, _> =
            LETTERS.concat().bytes().map(|byte| (byte, char_of(byte).to_string())).collect();
        let mut tokens: Vec<_> =
            bytes.into_values().filter(|_| has_all_bytes || random.below(4) > 0).collect();
        tokens.insert(random.below(tokens.len() + 1), "<unk>".to_owned());
        let mut merges = Vec::new();
        for _ in 0..random.below(60) {
            let pair = [0; 2].map(|_| tokens[random.below(tokens.len())].clone());
            let joined = pair.concat();
            if joined.len() < 40 && !tokens.contains(&joined) {
                tokens.push(joined);
                merges.push(pair);
            } else if joined.len() < 40 {
                // Another way to the same token, or the same way again.
                merges.push(pair);
            }
        }
        // The order of a list that was not made by training.
        if random.below(2) == 0 && !merges.is_empty() {
            for i in 0..merges.len() {
                let other = random.below(merges.len());
                merges.swap(i, other);
            }
        }
        Self { tokens, merges }
    }

    fn oracle(&self, unk: bool, fuse_unk: bool, ignore_merges: bool) -> Oracle {
        let vocab: BTreeMap<_, _> = self.tokens.iter().zip(0..).collect();
        let file = json!({
            "type": "BPE", "vocab": vocab, "merges": self.merges, "unk_token": unk.then_some("<unk>"),
            "fuse_unk": fuse_unk, "ignore_merges": ignore_merges,
        });
        serde_json::from_str(&file.to_string()).unwrap()
    }

    fn merges(&self, vocabulary: &Vocabulary) -> Merges {
        let id = |token: &str| vocabulary.get(token).unwrap();
        let merge = |[left, right]: &[String; 2]| [id(left), id(right), id(&format!("{left}{right}"))];
        Merges::new(self.merges.iter().map(merge))
    }

    fn model(&self, unk: bool, fuse: bool, ignore_merges: bool) -> Bpe {
        let vocabulary = vocabulary(&self.tokens);
        let merges = self.merges(&vocabulary);
        let id = vocabulary.get("<unk>").filter(|_| unk);
        Bpe::new(vocabulary, merges, Unknown { id, fuse }, ignore_merges)
    }
}

fn pieces(pieces: &mut Pieces<'_>, word: &str) -> Vec<Piece> {
    let first = Piece { id: 7, start: 3, end: 4 };
    let mut found = vec![first];
    pieces.push(word, &mut found);
    assert_eq!(found.remove(0), first);
    found
}

#[test]
fn tokens_are_the_crates() {
    let mut random = Random(5);
    let (mut unknown, mut joined, mut long) = (0, 0, 0);
    for round in 0..300 {
        let has_all_bytes = random.below(2) == 0;
        let made = Made::random(&mut random, has_all_bytes);
        let [unk, fuse, ignore] = [0; 3].map(|_| random.below(2) == 0);
        let (oracle, model) = (made.oracle(unk, fuse, ignore), made.model(unk, fuse, ignore));
        let mut all = model.pieces();
        for _ in 0..100 {
            let kinds = 1 + random.below(LETTERS.len());
            let most = [3, 8, 30, 200][random.below(4)];
            let word = random.text(&LETTERS[..kinds], most);
            let found = pieces(&mut all, &word);
            let expected = oracle.tokenize(&written(&word)).unwrap();
            let ids: Vec<_> = found.iter().map(|piece| piece.id).collect();
            let context =
                format!("{round}: {word:?} {unk} {fuse} {ignore}\n{:?}\n{:?}", made.tokens, made.merges);
            assert_eq!(ids, expected.iter().map(|token| token.id).collect::<Vec<_>>(), "{context}");
            unknown += usize::from(expected.iter().any(|token| token.value == "<unk>"));
            joined += usize::from(found.iter().any(|piece| piece.end - piece.start > 2));
            long += usize::from(word.len() > SHORT);
            // What has no token is nowhere in the crate's word, but it is in the text.
            if has_all_bytes || unk {
                let length = |word: &str| written(word).len();
                for (Piece { start, end, .. }, theirs) in found.iter().zip(&expected) {
                    let at = |end: u32| {
                        word.as_bytes()[..end as usize].iter().map(|&byte| char_of(byte).len_utf8()).sum()
                    };
                    assert_eq!((at(*start), at(*end)), theirs.offsets, "{context}");
                }
                assert_eq!(expected.last().map_or(0, |token| token.offsets.1), length(&word), "{context}");
            }
        }
    }
    assert!(unknown > 1000 && joined > 2000 && long > 3000, "{unknown} {joined} {long}");
}

#[test]
fn what_is_packed_comes_back() {
    let mut random = Random(6);
    for _ in 0..100 {
        let made = Made::random(&mut random, true);
        let vocabulary = vocabulary(&made.tokens);
        let merges = made.merges(&vocabulary);
        let bytes = merges.to_bytes();
        for zeros in [0, 1, 11, 12, 64] {
            let padded = [bytes.as_slice(), &vec![0; zeros]].concat();
            if padded.len() < bytes.len().next_multiple_of(12) {
                continue;
            }
            let again = Merges::from_bytes(&padded, &vocabulary).unwrap();
            assert_eq!(again.to_bytes(), bytes);
        }
        let (one, other) =
            (made.model(true, false, false), Bpe::new(vocabulary, merges, Unknown::default(), false));
        for _ in 0..20 {
            let word = random.text(&LETTERS, 40);
            assert_eq!(pieces(&mut one.pieces(), &word), pieces(&mut other.pieces(), &word));
        }
    }
}

#[test]
fn hostile_merges_are_refused_or_end() {
    let tokens: Vec<_> = ["a", "b", "ab"].map(str::to_owned).into();
    let vocabulary = vocabulary(&tokens);
    let bytes = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    let refused = |numbers: &[u32]| Merges::from_bytes(&bytes(numbers), &vocabulary).err();
    assert_eq!(refused(&[0, 1, 3]).unwrap(), "a merge has the token 3, but the highest is 2");
    assert_eq!(
        refused(&[0, 1, 2, u32::MAX, 0, 1]).unwrap(),
        "a merge has the token 4294967295, but the highest is 2"
    );
    assert_eq!(refused(&[0, 1, 2, 1]).unwrap(), "the last merge is cut off");
    assert!(refused(&[]).is_none() && refused(&[0; 16]).is_none());
    // Each pair makes its left part, and two each other: a word still gets shorter each time.
    let cyclic = Merges::from_bytes(&bytes(&[0, 1, 0, 0, 0, 1, 1, 1, 0, 1, 0, 1]), &vocabulary).unwrap();
    let model = Bpe::new(vocabulary, cyclic, Unknown::default(), false);
    for word in ["ab", "aabbab", &"ab".repeat(1000)] {
        let found = pieces(&mut model.pieces(), word);
        assert_eq!((found.len(), found[0].start, found[0].end as usize), (1, 0, word.len()));
    }
}

/// A megabyte without a space takes a moment, whichever way its pairs are.
#[test]
fn a_long_word_takes_time_in_proportion() {
    let doubles: Vec<_> = (0..21).map(|i| "a".repeat(1 << i)).collect();
    let merges = doubles[..20].iter().map(|half| [half.clone(), half.clone()]).collect();
    let made = Made { tokens: [doubles, vec!["<unk>".to_owned()]].concat(), merges };
    let model = made.model(true, false, false);
    let word = "a".repeat((1 << 20) + 3);
    let lengths: Vec<_> =
        pieces(&mut model.pieces(), &word).iter().map(|piece| piece.end - piece.start).collect();
    assert_eq!(lengths, [1 << 20, 2, 1]);
}

/// Pairs that differ by little don't crowd together, whatever the keys.
#[test]
fn pairs_spread() {
    for _ in 0..20 {
        for (left, right) in [(1, 0), (0, 1), (1, 1), (256, 255), (1 << 12, 1 << 11)] {
            let list = (0..4000_u32).map(|i| [i * left, i * right, i]);
            let merges = Merges::new(list);
            assert_eq!(merges.to_bytes().len(), 12 * 4000);
            assert!(merges.longest_run() < 300, "{left} {right}: {}", merges.longest_run());
        }
    }
}
