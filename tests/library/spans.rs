//! Entities and answers by the C interface: what the library finds, in bytes of the text.

use std::{
    ffi::{CStr, CString, c_char},
    ptr,
};

use nimbert::{
    Aggregation, ReadOptions, Reader, TagOptions, Tagger,
    ffi::{Flags, Handle, Options, Span, Status, nimbert_answer, nimbert_free, nimbert_load, nimbert_tag},
};
use nimbert_test_support::shared;

use crate::Good as _;

const TEXTS: [&str; 5] = [
    "什么玩意儿...",
    "",
    "An honest film about a dishonest town",
    "Ünïcödé 😀 mixed 中文 and Maria",
    "at $31.07 each",
];

fn options() -> Options {
    Options { threads: 1, ..Options::default() }
}

/// What one of the functions gives that find spans, in a model in `dir`.
fn spans(
    dir: &std::path::Path,
    options: Options,
    find: impl FnOnce(*const Handle, *mut Span, usize, *mut usize) -> Status,
) -> Vec<Row> {
    let path = CString::new(dir.to_str().unwrap()).unwrap();
    let mut engine = ptr::null_mut();
    let none = Span { text: 0, start: 0, end: 0, label: ptr::null(), score: 0.0, token: 0 };
    let (mut spans, mut found) = (vec![none; 256], usize::MAX);
    // SAFETY: every pointer is to a variable, and the labels live as long as the engine.
    unsafe {
        assert_eq!(nimbert_load(path.as_ptr(), &options, &mut engine), Status::Ok);
        assert_eq!(find(engine, spans.as_mut_ptr(), spans.len(), &mut found), Status::Ok);
        let label = |label: *const c_char| {
            (!label.is_null()).then(|| CStr::from_ptr(label).to_str().unwrap().to_owned())
        };
        let row = |span: &Span| {
            (span.text, span.start, span.end, label(span.label), span.score.to_bits(), span.token)
        };
        let rows = spans[..found].iter().map(row).collect();
        nimbert_free(&mut engine);
        rows
    }
}

/// A span: text, start, end, label, the score's bits, token.
type Row = (usize, usize, usize, Option<String>, u32, u32);

/// Bytes of what goes before a character.
fn byte(text: &str, character: usize) -> usize {
    text.chars().take(character).map(char::len_utf8).sum()
}

fn views(texts: &[&str]) -> (Vec<*const c_char>, Vec<usize>) {
    texts.iter().map(|text| (text.as_ptr().cast(), text.len())).unzip()
}

#[test]
fn c_has_the_same_entities() {
    let Some(dir) = shared("family/bert-ner") else { return };
    let tagger = Tagger::load(&dir, nimbert::Options::default()).unwrap();
    let (texts, lengths) = views(&TEXTS);
    let (named, nothing) = ([c"ORG".as_ptr(), c"I-ORG".as_ptr(), ptr::null()], [ptr::null()]);
    let ignored = [ptr::null(), named.as_ptr(), nothing.as_ptr()];
    let rust = [vec!["O"], vec!["ORG", "I-ORG"], vec![]];
    let ways =
        [Aggregation::Simple, Aggregation::None, Aggregation::First, Aggregation::Average, Aggregation::Max];
    let (mut labels, mut all) = (Vec::new(), 0);
    for (number, aggregation) in ways.into_iter().enumerate() {
        for (ignore_labels, rust) in ignored.into_iter().zip(&rust) {
            let chosen = Options { aggregation: number as u32, ignore_labels, ..options() };
            // SAFETY: the texts are there, and as long as is said.
            let found = spans(&dir, chosen, |engine, spans, room, found| unsafe {
                nimbert_tag(engine, texts.as_ptr(), lengths.as_ptr(), TEXTS.len(), spans, room, found)
            });
            let names = rust.iter().map(|&name| name.to_owned()).collect();
            let how = TagOptions::default().aggregation(aggregation).ignore_labels(names);
            let mut expected = Vec::new();
            for (index, tagged) in tagger.tag(&TEXTS, &how).good().into_iter().enumerate() {
                for entity in tagged.entities {
                    let [start, end] = [entity.start, entity.end].map(|place| byte(TEXTS[index], place));
                    let token = entity.index.unwrap_or(0) as u32;
                    labels.push(entity.label.clone());
                    expected.push((index, start, end, Some(entity.label), entity.score.to_bits(), token));
                }
            }
            assert_eq!(found, expected, "{aggregation:?} without {rust:?}");
            all += found.len();
        }
    }
    assert!(all > 100, "{all}");
    for label in ["O", "ORG", "I-ORG"] {
        assert!(labels.iter().any(|found| found == label), "no {label}");
    }
}

#[test]
fn c_has_the_same_answers() {
    let Some(dir) = shared("family/bert-qa") else { return };
    let reader = Reader::load(&dir, nimbert::Options::default()).unwrap();
    let long = "Ünïcödé 😀 met Maria Olsen in 横浜. ".repeat(20);
    let asked =
        [("Who met Maria?", &*long), ("电影好看吗？", "隔壁一个阿姨看哭了特效无可挑剔。"), ("Who?", "Maria")];
    let (questions, question_lengths) = views(&asked.map(|(question, _)| question));
    let (contexts, context_lengths) = views(&asked.map(|(_, context)| context));
    let flags = Flags::HandleImpossible as u32;
    let split = flags | Flags::SplitWords as u32;
    let usual = ReadOptions::default;
    let ways = [
        (options(), usual()),
        (
            Options { flags, max_answer_tokens: 3, ..options() },
            usual().handle_impossible(true).max_answer_tokens(3),
        ),
        (
            Options { flags: split, stride: 20, max_question_tokens: 2, ..options() },
            usual().handle_impossible(true).align_to_words(false).stride(20).max_question_tokens(2),
        ),
    ];
    for (chosen, how) in ways {
        for top_k in [1, 5, usize::MAX] {
            // All answers to a long question would be more than there is room for.
            let count = if top_k > 5 { 1 } else { asked.len() };
            let last = asked.len() - count;
            // SAFETY: the texts are there, and as long as is said.
            let found = spans(&dir, chosen, |engine, spans, room, found| unsafe {
                let [questions, contexts] = [&questions, &contexts].map(|texts| texts[last..].as_ptr());
                let [first, second] = [&question_lengths, &context_lengths].map(|all| all[last..].as_ptr());
                nimbert_answer(engine, questions, first, contexts, second, count, top_k, spans, room, found)
            });
            let mut expected = Vec::new();
            let answers = reader.answer(&asked[last..], &how.clone().top_k(top_k)).good();
            for (index, answers) in answers.into_iter().enumerate() {
                for answer in answers.answers {
                    let context = asked[last + index].1;
                    let [start, end] = [answer.start, answer.end].map(|place| byte(context, place));
                    assert_eq!(context[start..end], answer.text);
                    expected.push((index, start, end, None, answer.score.to_bits(), 0));
                }
            }
            assert_eq!(found, expected, "{how:?}, the best {top_k}");
            assert!(found.len() >= count);
        }
    }
}
