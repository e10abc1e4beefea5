//! Against the crate's `AddedVocabulary`, with its regular expressions.

use std::path::{Path, PathBuf};

use tokenizers::{
    AddedVocabulary, Model, OffsetReferential, OffsetType, Token,
    models::wordpiece::{WordPieceTrainer, WordPieceTrainerBuilder},
    normalizers::BertNormalizer,
};

use super::*;
use crate::{
    checkpoint::weights::Bytes,
    tokenizer::{spec, tests::Random, vocabulary::Vocabulary},
};

/// What the crate's `AddedVocabulary` asks of a model: the tokens' ids, and how many there are.
struct Lookup<'a>(&'a Vocabulary);

impl Model for Lookup<'_> {
    type Trainer = WordPieceTrainer;

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.0.get(token)
    }

    fn get_vocab_size(&self) -> usize {
        self.0.len()
    }

    fn tokenize(&self, _: &str) -> tokenizers::Result<Vec<Token>> {
        Err("only finds tokens".into())
    }

    fn id_to_token(&self, _: u32) -> Option<String> {
        None
    }

    fn get_vocab(&self) -> HashMap<String, u32> {
        HashMap::new()
    }

    fn save(&self, _: &Path, _: Option<&str>) -> tokenizers::Result<Vec<PathBuf>> {
        Err("only finds tokens".into())
    }

    fn get_trainer(&self) -> Self::Trainer {
        WordPieceTrainerBuilder::new().build()
    }
}

fn vocabulary() -> Vocabulary {
    let lines = nimbert_kernels::aligned_copy("[UNK]\na\nab\né\nB\n".as_bytes());
    Vocabulary::from_lines(&Bytes::from_lines(lines), Path::new("packed")).unwrap()
}

/// Letters that combine, change their case, are of words or not, and white space of several kinds.
const LETTERS: [&str; 14] =
    ["a", "b", "ab", "B", "é", "e\u{301}", "中", "_", "\u{200d}", "-", " ", "\u{3000}", "\n", "²"];

fn random_tokens(random: &mut Random) -> Vec<AddedToken> {
    let mut flag = |one_in| random.below(one_in) == 0;
    let flags: Vec<_> = (0..6).map(|_| (flag(3), flag(3), flag(3), flag(3), flag(4))).collect();
    let token = |(single_word, lstrip, rstrip, special, state)| AddedToken {
        id: None,
        content: random.text(&LETTERS, 5),
        single_word,
        lstrip,
        rstrip,
        normalized: if state { Some(special) } else { None },
        special,
    };
    flags.into_iter().map(token).collect()
}

/// The parts of a text as the crate finds them: ids, and normalized text.
fn expected(crates: &AddedVocabulary, normalizer: &BertNormalizer, text: &str) -> Vec<(Option<u32>, String)> {
    let parts = crates.extract_and_normalize(Some(normalizer), text);
    let splits = parts.get_splits(OffsetReferential::Original, OffsetType::None);
    splits
        .into_iter()
        .map(|(text, _, tokens)| match tokens {
            Some(tokens) => (Some(tokens[0].id), String::new()),
            None => (None, text.to_owned()),
        })
        .filter(|(id, text)| id.is_some() || !text.is_empty())
        .collect()
}

/// The same of ours.
fn parts(units: Units<'_, ()>) -> Vec<(Option<u32>, String)> {
    let mut parts = vec![(None, String::new())];
    for unit in units {
        match unit {
            Unit::Token(id, ()) => parts.extend([(Some(id), String::new()), (None, String::new())]),
            Unit::Char(c, ()) => parts.last_mut().unwrap().1.push(c),
        }
    }
    parts.retain(|(id, text)| id.is_some() || !text.is_empty());
    parts
}

#[test]
fn parts_are_the_crates() {
    let (mut random, vocabulary) = (Random(3), vocabulary());
    let (mut tokens_found, mut texts_found) = (0, 0);
    for round in 0..600 {
        let (clean_text, handle_chinese_chars, lowercase) = (round % 2 == 0, round % 3 == 0, round % 5 != 0);
        let crates_normalizer = BertNormalizer::new(clean_text, handle_chinese_chars, None, lowercase);
        let bert = spec::BertNormalizer { clean_text, handle_chinese_chars, strip_accents: None, lowercase };
        let normalizer = Normalizer::Bert(Bert::new(&bert));
        let split_special = round % 7 == 0;
        let mut tokens = random_tokens(&mut random);
        let patterns = |tokens: &[AddedToken]| -> Vec<_> {
            let pattern = |token: &AddedToken| match token.is_normalized() {
                true => normalizer.text(&token.content),
                false => token.content.clone(),
            };
            tokens.iter().map(pattern).collect()
        };
        // Blank tokens are refused before; of two that are looked for as the same text the crate takes any.
        let mut seen = Vec::new();
        let fits: Vec<_> = patterns(&tokens)
            .into_iter()
            .map(|pattern| {
                let fits = !pattern.trim().is_empty() && !seen.contains(&pattern);
                seen.push(pattern);
                fits
            })
            .collect();
        let mut fits = fits.into_iter();
        tokens.retain(|_| fits.next().unwrap());

        let mut crates = AddedVocabulary::new();
        crates.set_encode_special_tokens(split_special);
        let theirs = tokens.iter().map(|token| tokenizers::AddedToken {
            content: token.content.clone(),
            single_word: token.single_word,
            lstrip: token.lstrip,
            rstrip: token.rstrip,
            normalized: token.is_normalized(),
            special: token.special,
        });
        crates.add_tokens(theirs, &Lookup(&vocabulary), Some(&crates_normalizer)).unwrap();
        let ids = assign_ids(&tokens, vocabulary.len(), |token| vocabulary.get(token));
        for token in &tokens {
            assert_eq!(
                crates.token_to_id(&token.content, &Lookup(&vocabulary)),
                Some(ids[token.content.as_str()])
            );
        }
        let mut ours = AddedTokens::new(&tokens, &patterns(&tokens), &ids, split_special).unwrap();
        if round % 2 == 0 {
            // As small as they can be: most tokens are near the end of one.
            ours.as_is.set_window(1);
            ours.normalized.set_window(1);
        }
        for _ in 0..60 {
            let mut text = random.text(&LETTERS, 12);
            // A token by chance is rare.
            for _ in 0..random.below(4) {
                if let Some(token) = tokens.get(random.below(6)) {
                    text = text + &token.content + &random.text(&LETTERS, 4);
                }
            }
            let found = parts(ours.units(&text, &normalizer));
            tokens_found += found.iter().filter(|(id, _)| id.is_some()).count();
            texts_found += found.iter().filter(|(id, _)| id.is_none()).count();
            assert_eq!(found, expected(&crates, &crates_normalizer, &text), "{text:?} {tokens:?}");
        }
    }
    assert!(tokens_found > 20_000 && texts_found > 20_000, "{tokens_found} tokens, {texts_found} texts");
}
