//! Against the crate's `BertNormalizer`.

use std::collections::BTreeSet;

use tokenizers::{NormalizedString, Normalizer as _, normalizers::BertNormalizer};

use super::*;
use crate::tokenizer::tests::Random;

/// All settings, with the crate's.
fn all() -> impl Iterator<Item = (Bert, BertNormalizer)> {
    (0..16).map(|bits| {
        let [clean_text, handle_chinese_chars, strip_accents, lowercase] =
            [1, 2, 4, 8].map(|bit| bits & bit > 0);
        let ours = Bert { clean_text, handle_chinese_chars, strip_accents, lowercase };
        (ours, BertNormalizer::new(clean_text, handle_chinese_chars, Some(strip_accents), lowercase))
    })
}

fn expected(crates: BertNormalizer, text: &str) -> String {
    let mut normalized = NormalizedString::from(text);
    crates.normalize(&mut normalized).unwrap();
    normalized.get().to_owned()
}

/// All but most of those that no version of Unicode has given a meaning, or never will.
fn every_char() -> impl Iterator<Item = char> {
    let dull = |c: &char| matches!(c, '\u{40010}'..'\u{dffff}' | '\u{e1000}'..'\u{effff}' | '\u{f0010}'..'\u{fffff}' | '\u{100010}'..='\u{10fffe}');
    ('\0'..=char::MAX).filter(move |c| !dull(c))
}

/// Each on its own, and marked: what it may combine with. Under each of the settings alone, and all of them.
#[test]
fn every_character_becomes_what_it_does_there() {
    for (ours, crates) in [1, 2, 4, 8, 15].into_iter().filter_map(|bits| all().nth(bits)) {
        let chars: Vec<_> = every_char().collect();
        for chars in chars.chunks(1000) {
            let text: String =
                chars.iter().flat_map(|&c| ['x', c, '\u{301}', '\u{302e}', '\u{1d165}']).collect();
            assert_eq!(ours.text(&text), expected(crates, &text), "{ours:?}");
        }
    }
}

#[test]
fn plain_characters_are_in_no_table() {
    for c in every_char().filter(|&c| is_plain(c)) {
        assert!(!c.is_other() && !c.is_mark_nonspacing() && !c.is_punctuation() && !c.is_whitespace());
        assert_eq!(canonical_combining_class(c), 0);
        assert!(c.to_lowercase().eq([c]));
        decompose_canonical(c, |part| assert_eq!(part, c));
    }
}

/// Marks that stripping leaves, by class. A walk over a run of them is made for each class.
fn lasting_marks() -> Vec<char> {
    let lasts = |c: &char| canonical_combining_class(*c) > 0 && !c.is_mark_nonspacing();
    every_char().filter(lasts).collect()
}

#[test]
fn random_texts_become_what_they_do_there() {
    let marks = lasting_marks();
    let classes: BTreeSet<_> = marks.iter().map(|&c| canonical_combining_class(c)).collect();
    println!("{} marks of {} classes", marks.len(), classes.len());
    assert!(classes.len() > 2);
    let mut letters: Vec<char> =
        "aA éİΣσςẞ中豈가각,\t\0\u{7f}\u{200d}\u{301}\u{323}\u{344}\u{345}\u{93f}\u{94d}\u{9c7}"
            .chars()
            .collect();
    let mut random = Random(5);
    letters.extend(marks.iter().step_by(1 + marks.len() / 12));
    for (ours, crates) in all() {
        for round in 0..2000 {
            let pool = if round % 2 == 0 { &letters } else { &marks };
            let text: String = (0..random.below(30)).map(|_| pool[random.below(pool.len())]).collect();
            assert_eq!(ours.text(&text), expected(crates, &text), "{text:?} {ours:?}");
        }
    }
}

/// A run without end is ordered too, and takes as many walks as it has classes.
#[test]
fn a_long_run_of_marks() {
    let marks = lasting_marks();
    let text: String = marks.iter().cycle().take(100_000).collect();
    for (ours, crates) in all().filter(|(ours, _)| ours.strip_accents && !ours.clean_text) {
        assert_eq!(ours.text(&text), expected(crates, &text));
    }
}
