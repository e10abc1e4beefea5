//! Calls the functions of the C interface in any order with any arguments: good ones, NULL, misaligned ones, impossible
//! counts, texts that are not UTF-8. What is returned may be any status but that of a mistake in the library.
//!
//! It takes a nightly compiler and `cargo install cargo-fuzz --locked`. From the project's root:
//!
//! ```sh
//! cargo +nightly fuzz run c_interface -- -max_len=1024 -max_total_time=300
//! ```

#![no_main]

use std::{ffi::CString, ptr};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use nimbert::ffi::*;

/// The committed demo model.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/demo/model.nimbert");
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
        numbers: [u32; 6],
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
    let mut options = std::mem::MaybeUninit::<Options>::uninit();
    // SAFETY: there are that many bytes, and they are set.
    unsafe {
        known(nimbert_options_init(options.as_mut_ptr(), size_of::<Options>()));
        let mut options = options.assume_init();
        options.threads = 1;
        options
    }
}

/// SAFETY of all that follows: a pointer is bad in a way that can be told, or to as much as the library is told of, since
/// what is said to be more is more than anything can be.
fn call(engine: *mut Handle, call: Call) {
    match call {
        Call::Load { path, options, out, size, isa, numbers, max_tokens, prompt } => {
            let model = CString::new(MODEL).unwrap();
            let [isa, prompt] = [isa, prompt].map(|text| {
                text.map(|text| CString::new(text.into_iter().filter(|&byte| byte != 0).collect::<Vec<_>>()).unwrap())
            });
            let [threads, precision, on_long, flags, pooling, dimensions] = numbers.map(|number| number % 9);
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
                flags,
                prompt: prompt.as_ref().map_or(ptr::null(), |prompt| prompt.as_ptr()),
                prompt_name: ptr::null(),
                pooling,
                dimensions,
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
            let (texts, lengths, count) = (texts.of(pointers.as_ptr()), sizes.as_ptr(), count.of(content.len()));
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
        static ENGINE: *mut Handle = {
            let (path, options, mut engine) = (CString::new(MODEL).unwrap(), good_options(), ptr::null_mut());
            // SAFETY: every pointer is to a variable.
            known(unsafe { nimbert_load(path.as_ptr(), &options, &mut engine) });
            engine
        };
    }
    let engine = ENGINE.with(|&engine| engine);
    // Texts of many calls take long and find no more.
    calls.into_iter().take(8).for_each(|one| call(engine, one));
});
