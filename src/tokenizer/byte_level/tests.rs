//! Words against the crate's `ByteLevel`, of all characters and of many texts.

use tokenizers::{
    Decoder as _, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer as _,
    pre_tokenizers::byte_level::ByteLevel as Oracle,
};

use super::{ByteWords, byte_of, char_of, decode};
use crate::tokenizer::{
    added::Unit,
    place::Span,
    spec::ByteLevel,
    tests::Random,
    words::{Next, Word, Words},
};

/// The words of a text, each with the place of its first and of its last character.
fn words(text: &str, settings: ByteLevel) -> Vec<(String, usize, usize)> {
    let units = text.chars().zip(0..).map(|(c, at)| Unit::Char(c, Span { start: at, end: at + 1 }));
    let (mut words, mut word) = (ByteWords::new(units, settings), Word::new());
    let mut found = Vec::new();
    while let Some(next) = words.read(&mut word, 0) {
        assert_eq!(next, Next::Word);
        let Span { start, end } = word.place(0, word.text.chars().count() - 1, true);
        found.push((word.text.bytes().map(char_of).collect(), start, end));
        word.clear();
    }
    found
}

fn theirs(text: &str, ByteLevel { add_prefix_space, use_regex }: ByteLevel) -> Vec<(String, usize, usize)> {
    let mut pretokenized = PreTokenizedString::from(text);
    Oracle::new(add_prefix_space, true, use_regex).pre_tokenize(&mut pretokenized).unwrap();
    let splits = pretokenized.get_splits(OffsetReferential::Original, OffsetType::Char);
    splits.into_iter().map(|(word, (start, end), _)| (word.to_owned(), start, end)).collect()
}

const PLAIN: ByteLevel = ByteLevel { add_prefix_space: false, use_regex: true };

/// Each character after a letter, a number, a sign and a space.
fn check_characters(range: impl Iterator<Item = u32>) {
    let chars: Vec<_> = range.filter_map(char::from_u32).collect();
    for chars in chars.chunks(500) {
        let text: String = chars.iter().flat_map(|&c| ['a', c, '1', c, '!', c, ' ', c]).collect();
        assert_eq!(words(&text, PLAIN), theirs(&text, PLAIN), "{:?}", chars[0]);
    }
}

/// Those that are assigned, nearly all of which are before U+33480, and some of the others.
#[test]
fn characters_are_of_the_crates_classes() {
    check_characters((0..0x33480).step_by(3).chain((0x33480..0x11_0000).step_by(997)));
}

#[test]
#[ignore = "takes a minute unless it is optimized"]
fn all_characters_are_of_the_crates_classes() {
    check_characters(0..0x11_0000);
}

#[test]
fn words_are_the_crates() {
    const PARTS: [&str; 26] = [
        "a", "Abc", "é", "e\u{301}", "中文", "1", "23", "Ⅷ", "½", " ", "  ", "\t", "\n", "\u{a0}",
        "\u{3000}", "'", "'s", "'re", "'ll", "'ve", "'r", "S", "l", "e", "!", "👍🏽",
    ];
    let mut random = Random(8);
    for _ in 0..4000 {
        let text = random.text(&PARTS, 12);
        let [add_prefix_space, use_regex] = [2, 4].map(|chance| random.below(chance) > 0);
        let settings = ByteLevel { add_prefix_space, use_regex };
        assert_eq!(words(&text, settings), theirs(&text, settings), "{text:?} {settings:?}");
    }
}

#[test]
fn the_alphabet_is_the_crates() {
    let mut alphabet: Vec<_> = (0..=255).map(char_of).collect();
    assert!((0..=255).all(|byte| byte_of(char_of(byte)) == Some(byte)));
    assert_eq!((0..0x11_0000).filter_map(char::from_u32).filter_map(byte_of).count(), 256);
    alphabet.sort_unstable();
    let mut theirs: Vec<_> = Oracle::alphabet().into_iter().collect();
    theirs.sort_unstable();
    assert_eq!(alphabet, theirs);
}

#[test]
fn texts_are_the_crates() {
    let mut random = Random(9);
    let pieces = ["Ġ", "a", "Ã", "©", "ä", "¸", "Ń", "ð", "Ł", "ĳ", "į", "é", "中", " ", "<mask>", "ÿ", "Ċ"];
    for _ in 0..4000 {
        let tokens: Vec<_> = (0..random.below(6)).map(|_| random.text(&pieces, 5)).collect();
        let found = decode(tokens.iter().map(String::as_str));
        assert_eq!(vec![found], Oracle::default().decode_chain(tokens.clone()).unwrap(), "{tokens:?}");
    }
}
