//! The vocabulary and WordPiece against the crate's, and vocabularies that are made to hurt.

use std::{borrow::Cow, path::Path};

use nimbert_kernels::aligned_copy;
use tokenizers::{Model as _, models::wordpiece::WordPiece as Oracle};

use super::{
    model::Piece,
    table::{MAX_TOKENS, Table},
    vocabulary::Vocabulary,
    wordpiece::WordPiece,
};
use crate::{checkpoint::weights::Bytes, error::Result};

/// Numbers that are the same in every run.
pub(super) struct Random(pub(super) u32);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % bound
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    pub(super) fn text(&mut self, letters: &[&str], shorter_than: usize) -> String {
        (0..self.below(shorter_than)).map(|_| self.pick(letters)).collect()
    }
}

/// Few letters, so that words are often tokens and tokens often beginnings of others.
const LETTERS: [&str; 9] = ["a", "b", "ab", "#", "é", "中", "👍", "\u{301}", "\u{7f}"];
const PREFIXES: [&str; 6] = ["##", "", "#", "é中", "👍", "\n"];

/// Lines for a vocabulary, some of them empty and some twice.
fn random_lines(random: &mut Random, prefix: &str) -> Vec<String> {
    let letters = &LETTERS[..2 + random.below(LETTERS.len() - 1)];
    let mut lines: Vec<_> = (0..random.below(200))
        .map(|_| {
            let prefix = if random.below(2) == 0 { "" } else { prefix.trim_end() };
            format!("{prefix}{}", random.text(letters, 6))
        })
        .collect();
    lines.insert(random.below(lines.len() + 1), "[UNK]".to_owned());
    // The crate's own form of a vocabulary doesn't tell these from none.
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

fn oracle(lines: &[String], prefix: &str, max_chars: usize) -> Oracle {
    // The crate's map type has no public name; an empty vocabulary is one.
    let mut ids = Oracle::read_bytes(b"").unwrap();
    ids.extend((0..).zip(lines).filter(|(_, line)| !line.is_empty()).map(|(id, line)| (line.clone(), id)));
    Oracle::builder()
        .vocab(ids)
        .unk_token("[UNK]".to_owned())
        .continuing_subword_prefix(prefix.to_owned())
        .max_input_chars_per_word(max_chars)
        .build()
        .unwrap()
}

fn from_lines(text: &[u8]) -> Result<Vocabulary> {
    Vocabulary::from_lines(&Bytes::from_lines(aligned_copy(text)), Path::new("packed"))
}

/// The same vocabulary from each of its sources.
fn all_forms(lines: &[String]) -> [Vocabulary; 4] {
    let path = Path::new("file");
    let text = lines.join("\n");
    let mut list: Vec<_> = (0..).zip(lines.iter().map(Cow::from)).collect();
    list.reverse();
    [
        from_lines(format!("{text}\n").as_bytes()).unwrap(),
        from_lines(text.as_bytes()).unwrap(),
        Vocabulary::from_text(text.replace('\n', "\r\n").as_bytes(), path).unwrap(),
        Vocabulary::new(list, path).unwrap(),
    ]
}

#[test]
fn ids_are_the_crates() {
    let mut random = Random(1);
    let letters = [LETTERS.as_slice(), &["\n"]].concat();
    let (mut unknown, mut split) = (0, 0);
    for _ in 0..300 {
        let prefix = random.pick(&PREFIXES);
        let max_chars = [0, 1, 5, 12, 20, 100, 100, 100][random.below(8)];
        let lines = random_lines(&mut random, prefix);
        let oracle = oracle(&lines, prefix, max_chars);
        let [vocabulary, ..] = all_forms(&lines);
        let unk = vocabulary.get("[UNK]").unwrap();
        let model = WordPiece::new(vocabulary, unk, prefix.to_owned(), max_chars);
        let (mut pieces, mut found) = (model.pieces(), vec![Piece { id: 7, start: 0, end: 0 }]);
        for _ in 0..400 {
            let kinds = 2 + random.below(letters.len() - 1);
            let length = [1, 3, 14][random.below(3)];
            let mut word = random.text(&letters[..kinds], length);
            // Words of tokens, or nearly so, are seldom met by chance.
            while random.below(3) > 0 {
                let line = &lines[random.below(lines.len())];
                word = line.strip_prefix(prefix).unwrap_or(line).to_owned() + &word;
                word.truncate(word.floor_char_boundary(10 + random.below(40)));
            }
            if random.below(10) == 0 {
                word = word.repeat(1 + random.below(12));
            }
            found.truncate(1);
            pieces.push(&word, &mut found);
            let ids: Vec<_> = found.iter().map(|piece| piece.id).collect();
            let expected: Vec<_> = oracle.tokenize(&word).unwrap().iter().map(|token| token.id).collect();
            assert_eq!(ids[1..], expected, "{word:?} {prefix:?} {max_chars} {lines:?}");
            unknown += usize::from(expected == [unk]);
            split += usize::from(expected.len() > 1);
        }
    }
    assert!(unknown > 20_000 && split > 15_000, "{unknown} words unknown, {split} of several tokens");
}

#[test]
fn every_form_has_the_crates_tokens() {
    let mut random = Random(2);
    for _ in 0..300 {
        let prefix = random.pick(&PREFIXES);
        let lines = random_lines(&mut random, prefix);
        let oracle = oracle(&lines, prefix, 100);
        for vocabulary in all_forms(&lines) {
            assert_eq!(vocabulary.len(), oracle.get_vocab_size());
            assert_eq!(vocabulary.highest() as usize, lines.len() - 1);
            for line in lines.iter().cloned().chain((0..50).map(|_| random.text(&LETTERS, 6))) {
                assert_eq!(vocabulary.get(&line), oracle.token_to_id(&line), "{line:?} {lines:?}");
            }
            // Two lines are not a token, though they are in the text.
            assert_eq!(vocabulary.get(&lines.join("\n")), (lines.len() == 1).then_some(0));
            let again = from_lines(&vocabulary.to_lines()).unwrap();
            assert_eq!(again.to_lines(), vocabulary.to_lines());
            assert_eq!(again.len(), vocabulary.len());
        }
    }
}

#[test]
fn packed_lines_hold_what_their_ids_say() {
    let vocabulary = from_lines(b"\n\na\nb\n\na\nc\0\n\0\0\0").unwrap();
    assert_eq!(
        ["a", "b", "c\0", "c", ""].map(|token| vocabulary.get(token)),
        [Some(5), Some(3), Some(6), None, None]
    );
    assert_eq!(vocabulary.to_lines(), b"\n\n\nb\n\na\nc\0\n");
    for empty in [b"".as_slice(), b"\n", b"\n\n\n", b"\0\0"] {
        let vocabulary = from_lines(empty).unwrap();
        assert_eq!((vocabulary.len(), vocabulary.highest(), vocabulary.get("a")), (0, 0, None));
        assert_eq!(vocabulary.to_lines(), b"");
    }
}

#[test]
fn the_last_id() {
    let mut text = vec![b'\n'; MAX_TOKENS - 1];
    text.extend(b"a\n");
    let vocabulary = from_lines(&text).unwrap();
    assert_eq!(vocabulary.get("a"), Some(MAX_TOKENS as u32 - 1));
    assert_eq!(vocabulary.to_lines(), text);
    text.insert(0, b'\n');
    assert_eq!(
        from_lines(&text).unwrap_err().to_string(),
        "packed: token \"a\": id 16777216 is out of range, expected less than 16777216"
    );
}

/// Many lines more than there are ids, all of them one token.
#[test]
fn too_many_lines() {
    let message = from_lines(&b"a\n".repeat(MAX_TOKENS + 1)).unwrap_err().to_string();
    assert!(message.contains("id 16777216 is out of range"), "{message}");
}

/// A word may be as long as it likes: what is looked at is as long as the longest token.
#[test]
fn a_long_word_takes_time_in_proportion() {
    let vocabulary = from_lines("[UNK]\na\n##a\n##aaa\n".as_bytes()).unwrap();
    let model = WordPiece::new(vocabulary, 0, "##".to_owned(), usize::MAX);
    let mut found = Vec::new();
    model.pieces().push(&"a".repeat((3 << 20) + 1), &mut found);
    assert_eq!(found[0], Piece { id: 1, start: 0, end: 1 });
    assert!(found[1..].iter().all(|piece| piece.id == 3 && piece.end - piece.start == 3));
    assert_eq!(found.len(), 1 + (1 << 20));
}

/// Tokens that differ by little don't crowd together, whatever the keys.
#[test]
fn tokens_spread() {
    let names = |step: usize| (0..20_000_u32).filter_map(move |n| char::from_u32(0x20 + n * step as u32));
    for _ in 0..10 {
        for step in [1, 2, 8, 32] {
            for beginning in ["", "##", "[unused"] {
                let tokens: Vec<_> = names(step).map(|c| format!("{beginning}{c}")).collect();
                let mut table = Table::new(tokens.len());
                for (id, token) in (0..).zip(&tokens) {
                    table.insert(table.hash.line(token).state, id, id, |place| tokens[place] == *token);
                }
                assert_eq!(table.len(), tokens.len());
                // Some 60 are to be expected, and each 50 more make it 10,000 times less likely.
                assert!(table.longest_run() < 300, "{} of {beginning:?} by {step}", table.longest_run());
            }
        }
    }
}
