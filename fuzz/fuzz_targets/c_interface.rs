//! Calls the functions of the C interface in any order with any arguments: good ones, NULL, misaligned ones, impossible
//! counts, texts that are not UTF-8. What is returned may be any status but that of a mistake in the library.
//!
//! It takes a nightly compiler and `cargo install cargo-fuzz --locked`. From the project's root:
//!
//! ```sh
//! cargo +nightly fuzz run c_interface -- -max_len=1024 -max_total_time=300
//! ```

#![no_main]

use std::{ffi::CString, path::Path, ptr};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nimbert::ffi::*;

/// The committed demo model.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/demo/model.nimbert");
/// One for entities and one for answers, beside the repository. Where they are not, the demo refuses.
const OTHERS: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/family/bert-ner"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/family/bert-qa"),
];
const LABELS: usize = 5;
const DIMENSIONS: usize = 384;

/// A pointer to so many values, or a bad one.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Pointer {
    Good,
    Null,
    Crooked,
}

impl Pointer {
    fn of<T>(self, good: *const T) -> *const T {
        match self {
            Self::Good => good,
            // A pointer to bytes is never misaligned.
            Self::Crooked if align_of::<T>() > 1 => ptr::without_provenance(1),
            Self::Null | Self::Crooked => ptr::null(),
        }
    }

    fn of_mut<T>(self, good: *mut T) -> *mut T {
        self.of(good).cast_mut()
    }
}

/// How many there are said to be, when there are `len`.
#[derive(Debug, Clone, Copy, Arbitrary)]
enum Count {
    True,
    /// One or more fewer.
    Fewer(u8),
    Impossible(u8),
}

impl Count {
    fn of(self, len: usize) -> usize {
        match self {
            Self::True => len,
            Self::Fewer(by) => len.saturating_sub(1 + usize::from(by)),
            Self::Impossible(by) => usize::MAX - usize::from(by),
        }
    }
}

#[derive(Debug, Arbitrary)]
enum Call {
    Load {
        path: Pointer,
        options: Pointer,
        out: Pointer,
        size: usize,
        isa: Option<Vec<u8>>,
        numbers: [u32; 9],
        flags: u8,
        ignore: Pointer,
        ignored: Vec<Vec<u8>>,
        max_tokens: u16,
        prompt: Option<Vec<u8>>,
    },
    Init {
        options: Pointer,
        size: Count,
    },
    Classify {
        engine: Pointer,
        texts: Pointer,
        lengths: Pointer,
        scores: Pointer,
        logits: Pointer,
        count: Count,
        capacity: Count,
        length: Count,
        overlap: bool,
        pairs: bool,
        content: Vec<Vec<u8>>,
    },
    Ids {
        engine: Pointer,
        ids: Pointer,
        types: Pointer,
        starts: Pointer,
        scores: Pointer,
        capacity: Count,
        content: Vec<u32>,
        kinds: u8,
        rows: Vec<u16>,
        last: Count,
    },
    Vectors {
        engine: Pointer,
        texts: Pointer,
        out: Pointer,
        order: Pointer,
        count: Count,
        capacity: Count,
        rank: bool,
        content: Vec<Vec<u8>>,
    },
    Spans {
        engine: Pointer,
        texts: Pointer,
        lengths: Pointer,
        spans: Pointer,
        found: Pointer,
        count: Count,
        length: Count,
        capacity: u8,
        top_k: Count,
        answer: bool,
        overlap: bool,
        content: Vec<Vec<u8>>,
    },
    Tokenize {
        engine: Pointer,
        text: Pointer,
        pair: Pointer,
        ids: Pointer,
        types: Pointer,
        count: Pointer,
        capacity: u8,
        content: [Vec<u8>; 2],
        length: Count,
    },
    Ask {
        engine: Pointer,
        index: usize,
    },
    FreeNothing {
        engine: Pointer,
    },
}

fn known(status: Status) {
    assert!(status != Status::Internal);
    if status != Status::Ok {
        // SAFETY: a call has just failed, so there is a message.
        assert!(!unsafe { std::ffi::CStr::from_ptr(nimbert_last_error()) }.to_bytes().is_empty());
    }
}

fn good_options() -> Options {
    Options { threads: 1, ..Options::default() }
}

/// SAFETY of all that follows: a pointer is bad in a way that can be told, or to as much as the library is told of, since
/// what is said to be more is more than anything can be.
fn call([engine, tagger, reader]: [*mut Handle; 3], call: Call) {
    match call {
        Call::Load { path, options, out, size, isa, numbers, flags, ignore, ignored, max_tokens, prompt } => {
            let model = CString::new(MODEL).unwrap();
            let string = |text: Vec<u8>| {
                CString::new(text.into_iter().filter(|&byte| byte != 0).collect::<Vec<_>>()).unwrap()
            };
            let [isa, prompt] = [isa, prompt].map(|text| text.map(string));
            let ignored: Vec<_> = ignored.into_iter().map(string).collect();
            let labels: Vec<_> = ignored.iter().map(|label| label.as_ptr()).chain([ptr::null()]).collect();
            let [threads, precision, on_long, pooling, dimensions, numbers @ ..] =
                numbers.map(|number| number % 9);
            let [aggregation, stride, max_answer_tokens, max_question_tokens] = numbers;
            // More threads than that find no more.
            let threads = threads % 5;
            let struct_size = if size % 4 > 0 { size_of::<Options>() } else { size % size_of::<Options>() };
            let chosen = Options {
                size: struct_size,
                isa: isa.as_ref().map_or(ptr::null(), |isa| isa.as_ptr()),
                max_tokens: max_tokens.into(),
                threads,
                precision,
                on_long,
                flags: u32::from(flags) % 64,
                prompt: prompt.as_ref().map_or(ptr::null(), |prompt| prompt.as_ptr()),
                prompt_name: ptr::null(),
                pooling,
                dimensions,
                ignore_labels: ignore.of(labels.as_ptr()),
                aggregation,
                stride,
                max_answer_tokens,
                max_question_tokens,
            };
            let mut loaded = ptr::null_mut();
            unsafe {
                known(nimbert_load(path.of(model.as_ptr()), options.of(&chosen), out.of_mut(&mut loaded)));
                nimbert_free(&mut loaded);
            }
            assert!(loaded.is_null());
        }
        Call::Init { options, size } => {
            let mut chosen = good_options();
            known(unsafe {
                nimbert_options_init(options.of_mut(&mut chosen), size.of(size_of::<Options>()))
            });
        }
        Call::Classify {
            engine: e,
            texts,
            lengths,
            scores,
            logits,
            count,
            capacity,
            length,
            overlap,
            pairs,
            content,
        } => {
            // Without lengths a text ends with a NUL, so each has one, which is not counted.
            let content: Vec<_> = content
                .into_iter()
                .map(|mut text| {
                    text.push(0);
                    text
                })
                .collect();
            let pointers: Vec<_> = content.iter().map(|text| text.as_ptr().cast()).collect();
            let sizes: Vec<_> = content.iter().map(|text| length.of(text.len() - 1)).collect();
            let room = content.len() * LABELS;
            let (mut a, mut b) = (vec![0.0_f32; room], vec![0.0_f32; room]);
            let a = a.as_mut_ptr();
            let b = if overlap { a } else { b.as_mut_ptr() };
            let (engine, texts, lengths) =
                (e.of(engine.cast_const()), texts.of(pointers.as_ptr()), lengths.of(sizes.as_ptr()));
            let (scores, logits) = (scores.of_mut(a), logits.of_mut(b));
            let (count, capacity) = (count.of(content.len()), capacity.of(room));
            // With a capacity that is a lie the room has to be what the answers take.
            known(unsafe {
                if pairs {
                    nimbert_classify_pairs(
                        engine, texts, lengths, texts, lengths, count, scores, logits, capacity,
                    )
                } else {
                    nimbert_classify(engine, texts, lengths, count, scores, logits, capacity)
                }
            });
        }
        Call::Ids { engine: e, ids, types, starts, scores, capacity, content, kinds, rows, last } => {
            let types_of: Vec<u32> = content.iter().map(|id| id % (1 + u32::from(kinds % 3))).collect();
            let content: Vec<u32> =
                content.into_iter().map(|id| if id % 16 > 0 { id % 13_705 } else { id }).collect();
            // Any numbers, but the last no more than there are, or impossible.
            let mut cu: Vec<usize> = rows.iter().map(|&at| usize::from(at) % (content.len() + 1)).collect();
            if kinds & 0x40 == 0 {
                cu.sort_unstable();
                cu.insert(0, 0);
            }
            cu.push(last.of(content.len()));
            let count = cu.len() - 1;
            let mut out = vec![0.0_f32; count * LABELS];
            let capacity = capacity.of(out.len());
            known(unsafe {
                nimbert_classify_ids(
                    e.of(engine.cast_const()),
                    ids.of(content.as_ptr()),
                    types.of(types_of.as_ptr()),
                    starts.of(cu.as_ptr()),
                    count,
                    scores.of_mut(out.as_mut_ptr()),
                    ptr::null_mut(),
                    capacity,
                )
            });
        }
        Call::Vectors { engine: e, texts, out, order, count, capacity, rank, content } => {
            let pointers: Vec<_> = content.iter().map(|text| text.as_ptr().cast()).collect();
            let sizes: Vec<_> = content.iter().map(Vec::len).collect();
            let engine = e.of(engine.cast_const());
            let (texts, lengths, count) =
                (texts.of(pointers.as_ptr()), sizes.as_ptr(), count.of(content.len()));
            if rank {
                let (mut scores, mut places) = (vec![0.0_f32; content.len()], vec![0_usize; content.len()]);
                let (scores, places) = (out.of_mut(scores.as_mut_ptr()), order.of_mut(places.as_mut_ptr()));
                let capacity = capacity.of(content.len());
                known(unsafe {
                    nimbert_rerank(engine, c"a".as_ptr(), 1, texts, lengths, count, scores, places, capacity)
                });
            } else {
                let mut vectors = vec![0.0_f32; content.len() * DIMENSIONS];
                let capacity = capacity.of(vectors.len());
                let vectors = out.of_mut(vectors.as_mut_ptr());
                known(unsafe { nimbert_embed(engine, texts, lengths, count, vectors, capacity) });
            }
        }
        Call::Spans {
            engine: e,
            texts,
            lengths,
            spans,
            found,
            count,
            length,
            capacity,
            top_k,
            answer,
            overlap,
            mut content,
        } => {
            content.iter_mut().for_each(|text| text.push(0));
            let pointers: Vec<_> = content.iter().map(|text| text.as_ptr().cast()).collect();
            let sizes: Vec<_> = content.iter().map(|text| length.of(text.len() - 1)).collect();
            let (texts, lengths) = (texts.of(pointers.as_ptr()), lengths.of(sizes.as_ptr()));
            let (count, capacity) = (count.of(content.len()), usize::from(capacity));
            let none = Span { text: 0, start: 0, end: 0, label: ptr::null(), score: 0.0, token: 0 };
            let (mut room, mut number) = (vec![none; capacity + 1], 0);
            let room = room.as_mut_ptr();
            // SAFETY: there is one at least.
            let number = if overlap { unsafe { &raw mut (*room).start } } else { &raw mut number };
            let (spans, found) = (spans.of_mut(room), found.of_mut(number));
            known(unsafe {
                if answer {
                    let (engine, k) = (e.of(reader.cast_const()), top_k.of(3));
                    nimbert_answer(engine, texts, lengths, texts, lengths, count, k, spans, capacity, found)
                } else {
                    nimbert_tag(e.of(tagger.cast_const()), texts, lengths, count, spans, capacity, found)
                }
            });
        }
        Call::Tokenize { engine: e, text, pair, ids, types, count, capacity, content, length } => {
            let room = usize::from(capacity);
            let (mut a, mut b, mut found) = (vec![0_u32; room], vec![0_u32; room], 0);
            let [first, second] = &content;
            let status = unsafe {
                nimbert_tokenize(
                    e.of(engine.cast_const()),
                    text.of(first.as_ptr().cast()),
                    length.of(first.len()),
                    pair.of(second.as_ptr().cast()),
                    length.of(second.len()),
                    ids.of_mut(a.as_mut_ptr()),
                    types.of_mut(b.as_mut_ptr()),
                    room,
                    count.of_mut(&mut found),
                )
            };
            known(status);
        }
        Call::Ask { engine: e, index } => unsafe {
            let engine = e.of(engine.cast_const());
            let labels = nimbert_label_count(engine);
            assert_eq!(nimbert_label(engine, index).is_null(), index >= labels);
            assert_eq!(nimbert_isa(engine).is_null(), labels == 0);
            assert!(nimbert_max_tokens(engine) == 0 || labels > 0);
        },
        Call::FreeNothing { engine } => {
            let mut none = ptr::null_mut();
            unsafe { nimbert_free(engine.of_mut(&mut none)) };
        }
    }
}

fuzz_target!(|calls: Vec<Call>| {
    thread_local! {
        static ENGINES: [*mut Handle; 3] = {
            let [tagger, reader] = OTHERS.map(|path| if Path::new(path).exists() { path } else { MODEL });
            [MODEL, tagger, reader].map(|path| {
                let (path, options, mut engine) = (CString::new(path).unwrap(), good_options(), ptr::null_mut());
                // SAFETY: every pointer is to a variable.
                known(unsafe { nimbert_load(path.as_ptr(), &options, &mut engine) });
                engine
            })
        };
    }
    let engines = ENGINES.with(|&engines| engines);
    // Texts of many calls take long and find no more.
    calls.into_iter().take(8).for_each(|one| call(engines, one));
});
