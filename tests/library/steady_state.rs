//! What a program that runs for months asks: no allocation for an answer, through the C interface.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ffi::{CStr, CString, c_char},
    path::Path,
    ptr,
};

use nimbert::ffi::{
    Handle, Options, Precision, Status, nimbert_classify, nimbert_classify_ids, nimbert_dimensions,
    nimbert_embed_ids, nimbert_free, nimbert_last_error, nimbert_load, nimbert_options_init,
};
use nimbert::{OnLong, Tokenizer};
use nimbert_test_support::data;

/// Counts each thread's allocations.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

fn count(size: usize) {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
    BYTES.set(BYTES.get() + size);
}

// SAFETY: everything is the system allocator's; counting in a constant thread-local allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the trait's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` allocates on this thread.
fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// An engine on one thread.
struct Engine(*mut Handle);

impl Engine {
    fn load(path: &Path, isa: Option<&str>, precision: Precision) -> Self {
        let path = CString::new(path.to_str().unwrap()).unwrap();
        let isa = isa.map(|isa| CString::new(isa).unwrap());
        let (mut options, mut handle) = (std::mem::MaybeUninit::<Options>::uninit(), ptr::null_mut());
        // SAFETY: all pointers are to variables of this function; the options are set before they are read.
        let status = unsafe {
            nimbert_options_init(options.as_mut_ptr(), size_of::<Options>());
            let options = options.assume_init_mut();
            options.isa = isa.as_ref().map_or(ptr::null(), |isa| isa.as_ptr());
            options.threads = 1;
            options.precision = precision as u32;
            nimbert_load(path.as_ptr(), options, &raw mut handle)
        };
        done(status);
        Self(handle)
    }

    fn classify(&self, text: &str, scores: &mut [f32]) {
        let (pointer, length) = (text.as_ptr().cast::<c_char>(), text.len());
        let (scores, capacity) = (scores.as_mut_ptr(), scores.len());
        let (pointer, length) = (&raw const pointer, &raw const length);
        // SAFETY: the engine lives, the text has that length, and the scores that capacity.
        done(unsafe { nimbert_classify(self.0, pointer, length, 1, scores, ptr::null_mut(), capacity) });
    }

    fn classify_ids(&self, ids: &[u32], rows: &[usize], scores: &mut [f32], logits: &mut [f32]) {
        let (ids, starts, count) = (ids.as_ptr(), rows.as_ptr(), rows.len() - 1);
        let capacity = scores.len();
        let (scores, logits) = (scores.as_mut_ptr(), logits.as_mut_ptr());
        // SAFETY: as above; the last of the rows is not beyond the ids.
        done(unsafe {
            nimbert_classify_ids(self.0, ids, ptr::null(), starts, count, scores, logits, capacity)
        });
    }
}

impl Engine {
    fn embed_ids(&self, ids: &[u32], rows: &[usize], vectors: &mut [f32]) {
        let (ids, starts, count) = (ids.as_ptr(), rows.as_ptr(), rows.len() - 1);
        let (capacity, vectors) = (vectors.len(), vectors.as_mut_ptr());
        // SAFETY: as above.
        done(unsafe { nimbert_embed_ids(self.0, ids, ptr::null(), starts, count, vectors, capacity) });
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: the engine lives until now.
        unsafe { nimbert_free(&raw mut self.0) }
    }
}

fn done(status: Status) {
    if status != Status::Ok {
        // SAFETY: a call on this thread has just failed.
        panic!("{status:?}: {:?}", unsafe { CStr::from_ptr(nimbert_last_error()) });
    }
}

/// Numbers that are the same in every run.
fn random() -> impl FnMut(usize) -> usize {
    let mut state = 7_u32;
    move |below| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    }
}

#[test]
fn no_allocation_once_buffers_have_grown() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/model.nimbert");
    let ids = vec![7; 4 * 16];
    for isa in nimbert::Isa::available() {
        for precision in [Precision::Int8, Precision::F16, Precision::F32] {
            let engine = Engine::load(&demo, Some(isa.name()), precision);
            let (mut random, mut scores, mut logits) = (random(), [0.0; 20], [0.0; 20]);
            // The longest row, the most tokens and the most rows that are to come.
            engine.classify_ids(&ids, &[0, 31], &mut scores[..5], &mut logits[..5]);
            engine.classify_ids(&ids, &[0, 16, 32, 48, 64], &mut scores, &mut logits);
            engine.classify_ids(&ids, &[0, 1, 2, 3, 4], &mut scores, &mut logits);
            let found = allocations(|| {
                for _ in 0..3 {
                    let ends = [1 + random(16), 17 + random(16), 33 + random(16), 49 + random(16)];
                    engine.classify_ids(
                        &ids,
                        &[0, ends[0], ends[1], ends[2], ends[3]],
                        &mut scores,
                        &mut logits,
                    );
                    engine.classify_ids(&ids, &[0, ends[0]], &mut scores[..5], &mut logits[..5]);
                }
            });
            assert_eq!(found, 0, "{isa}, {precision:?}");
        }
    }
}

/// The same of vectors, from all rows of the last layer.
#[test]
fn no_allocation_for_vectors() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/model.nimbert");
    let ids = vec![7; 4 * 16];
    for precision in [Precision::Int8, Precision::F16, Precision::F32] {
        let engine = Engine::load(&demo, None, precision);
        // SAFETY: the engine lives.
        let width = unsafe { nimbert_dimensions(engine.0) };
        let mut vectors = vec![0.0; 4 * width];
        engine.embed_ids(&ids, &[0, 31], &mut vectors[..width]);
        engine.embed_ids(&ids, &[0, 16, 32, 48, 64], &mut vectors);
        let found = allocations(|| {
            for ends in [[16, 32, 48, 64], [1, 17, 18, 34], [9, 16, 30, 40]] {
                engine.embed_ids(&ids, &[0, ends[0], ends[1], ends[2], ends[3]], &mut vectors);
                engine.embed_ids(&ids, &[0, ends[0]], &mut vectors[..width]);
            }
        });
        assert_eq!(found, 0, "{precision:?}");
    }
}

/// A text's tokens do need memory. How often is told here, and that it does not grow from call to call.
#[test]
fn a_text_allocates_for_its_tokens_alone() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo/model.nimbert");
    let engine = Engine::load(&demo, None, Precision::Auto);
    let text = "剧情不错，但是太长了。演员很好，特效一般，看了三遍，每次都哭";
    let mut scores = [0.0; 5];
    let mut call = || allocations(|| engine.classify(text, &mut scores));
    let (_warm, second, third) = (call(), call(), call());
    println!("{second} allocations for a text of {} characters", text.chars().count());
    assert_eq!(second, third);
    assert!(second < 500, "{second}");
}

/// However long a text or one of its words is: memory is taken for the tokens that are kept.
#[test]
fn a_text_that_is_cut_takes_memory_for_what_is_kept() {
    let tokenizer = Tokenizer::from_dir(&data("tokenizer")).unwrap();
    let bytes_of = |text: &str, pair: Option<&str>, expected: usize| {
        let before = BYTES.get();
        let encoding = tokenizer.encode(text, pair, 512, OnLong::Truncate).unwrap();
        assert_eq!(encoding.token_ids.len(), expected);
        BYTES.get() - before
    };
    let repeated = |part: &str, megabytes: usize| part.repeat((megabytes << 20) / part.len());
    // One word, words without a space, punctuation, marks, what leaves nothing, and white space.
    for (part, tokens) in [("a", 3), ("好", 512), ("[", 512), ("a\u{301}", 3), ("\u{1}", 2), (" \u{3000}", 2)]
    {
        let [short, long] = [1, 8].map(|megabytes| bytes_of(&repeated(part, megabytes), None, tokens));
        assert_eq!(short, long, "{part:?}");
        assert!(long < 1 << 16, "{part:?}: {long} bytes");
    }
    let long = repeated("好", 8);
    assert!(bytes_of(&long, Some(&long), 512) < 1 << 16);
    assert!(bytes_of("好", Some(&long), 512) < 1 << 16);
}
