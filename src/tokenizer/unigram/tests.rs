//! Against the crate's `Unigram`, and indexes that are made to hurt.

use std::path::Path;

use tokenizers::{Model as _, models::unigram::Unigram as Oracle};

use super::*;
use crate::tokenizer::tests::Random;

/// Few letters, so that tokens are often beginnings of others.
const LETTERS: [&str; 9] = ["a", "b", "ab", "▁", "é", "中", "👍", "\u{301}", "\0"];

fn random_tokens(random: &mut Random) -> Vec<(String, f64)> {
    let letters = &LETTERS[..2 + random.below(LETTERS.len() - 1)];
    let longest = [3, 6, 30][random.below(3)];
    let count = random.below(300);
    let mut tokens: Vec<_> = (0..count)
        // Scores that are often equal, some of them above 0.
        .map(|_| (random.text(letters, longest), random.below(12) as f64 / 2.0 - 5.0))
        .collect();
    tokens.insert(random.below(count + 1), ("<unk>".to_owned(), 0.0));
    tokens
}

fn lexicon(tokens: &[(String, f64)]) -> Lexicon {
    let lexicon = Lexicon::new(tokens, Path::new("file")).unwrap();
    let parts = lexicon.to_parts().map(|part| Bytes::from_lines(aligned_copy(&part)));
    let again = Lexicon::from_parts(&parts[0], &parts[1], Path::new("packed")).unwrap();
    assert_eq!(again.to_parts(), lexicon.to_parts());
    again
}

#[test]
fn pieces_are_the_crates() {
    let mut random = Random(5);
    let (mut split, mut unknown) = (0, 0);
    for round in 0..400 {
        let mut tokens = random_tokens(&mut random);
        let byte_fallback = round % 3 == 0;
        if byte_fallback {
            // Now and then one is missing.
            let bytes = (0..=255_u8).filter(|byte| round % 2 == 0 || *byte != 0xf0);
            tokens.extend(bytes.map(|byte| (format!("<0x{byte:02X}>"), -3.0)));
        }
        let unk = tokens.iter().position(|(token, _)| token == "<unk>").unwrap();
        let oracle = Oracle::from(tokens.clone(), Some(unk), byte_fallback).unwrap();
        let model = Unigram::new(lexicon(&tokens), unk, byte_fallback).unwrap();
        let mut pieces = model.pieces();
        for _ in 0..200 {
            let length = [3, 12, 60][random.below(3)];
            let word = random.text(&LETTERS, length) + ["", "x", "<unk>", "é"][random.below(4)];
            let mut found = vec![Piece { id: 7, start: 0, end: 0 }];
            pieces.push(&word, &mut found);
            let expected: Vec<_> =
                oracle.tokenize(&word).unwrap().into_iter().map(|token| (token.id, token.offsets)).collect();
            let found: Vec<_> = found[1..]
                .iter()
                .map(|piece| (piece.id, (piece.start as usize, piece.end as usize)))
                .collect();
            assert_eq!(found, expected, "{word:?} {tokens:?}");
            split += usize::from(expected.len() > 1);
            unknown += usize::from(expected.iter().any(|(id, _)| *id == unk as u32));
        }
    }
    assert!(
        split > 40_000 && unknown > 30_000,
        "{split} words of several tokens, {unknown} with unknown ones"
    );
}

#[test]
fn tokens_are_the_crates() {
    let mut random = Random(6);
    for _ in 0..300 {
        let tokens = random_tokens(&mut random);
        let oracle = Oracle::from(tokens.clone(), None, false).unwrap();
        let lexicon = lexicon(&tokens);
        assert_eq!(lexicon.len(), oracle.get_vocab_size());
        let others: Vec<_> = (0..50).map(|_| random.text(&LETTERS, 6)).collect();
        for token in tokens.iter().map(|(token, _)| token).chain(&others).filter(|token| !token.is_empty()) {
            assert_eq!(lexicon.get(token), oracle.token_to_id(token), "{token:?} {tokens:?}");
        }
        for id in 0..tokens.len() as u32 + 2 {
            assert_eq!(lexicon.token(id).map(str::to_owned), oracle.id_to_token(id));
        }
    }
}

#[test]
fn lists_that_are_no_vocabulary() {
    let refused = |tokens: &[(&str, f64)]| Lexicon::new(tokens, Path::new("file")).unwrap_err().to_string();
    assert_eq!(refused(&[("a", 0.0), ("b\n", 0.0)]), "file: model: vocab: token 1 contains a line break");
    assert_eq!(refused(&[("a", f64::NAN)]), r#"file: model: vocab: the score of "a" is NaN"#);
    assert_eq!(refused(&[("a", f64::INFINITY)]), r#"file: model: vocab: the score of "a" is inf"#);
    let none = Lexicon::new::<&str>(&[], Path::new("file")).unwrap();
    assert_eq!(
        Unigram::new(none, 0, false).unwrap_err(),
        "model: unk_id is 0, but the vocabulary has 0 tokens"
    );
}

/// Whatever the bytes of an index are, words become pieces that follow each other.
#[test]
fn a_broken_index_gives_other_pieces() {
    let mut random = Random(7);
    for _ in 0..300 {
        let tokens = random_tokens(&mut random);
        let [text, index] = lexicon(&tokens).to_parts();
        let read = |text: &[u8], index: &[u8]| {
            let [text, index] =
                [text, index].map(|part| Bytes::from_lines(aligned_copy(part)).slice(0..part.len()));
            Lexicon::from_parts(&text, &index, Path::new("packed"))
        };
        let cut = read(&text, &index[..random.below(index.len())]).unwrap_err().to_string();
        assert_eq!(cut, "packed: the index of the vocabulary is broken");
        let (mut text, mut broken) = (text, index);
        text.truncate(random.below(text.len()));
        for _ in 0..200 {
            // Behind the header, which tells the lengths.
            let at = 16 + random.below(broken.len() - 16);
            broken[at] = random.below(256) as u8;
        }
        let model = Unigram::new(read(&text, &broken).unwrap(), 0, true).unwrap();
        let mut found = Vec::new();
        for _ in 0..50 {
            let word = random.text(&LETTERS, 40);
            found.clear();
            model.pieces().push(&word, &mut found);
            let mut ends =
                found.iter().map(|piece| (piece.start as usize, piece.end as usize)).collect::<Vec<_>>();
            ends.dedup();
            assert!(
                ends.iter().is_sorted() && ends.iter().all(|&(start, end)| word.get(start..end).is_some())
            );
            assert_eq!(ends.last().map_or(0, |(_, end)| *end), word.len());
        }
    }
}
