//! Loads any bytes as a packed file in memory, through the C interface, and reads a text with what loads.
//!
//! It takes a nightly compiler and `cargo install cargo-fuzz --locked`. From the project's root, with a small model as a
//! start:
//!
//! ```sh
//! mkdir -p fuzz/corpus/packed
//! cargo run --release -- pack tests/data/pytorch/classifier -o fuzz/corpus/packed/small.nimbert
//! cargo +nightly fuzz run packed fuzz/corpus/packed -- -max_len=65536 -max_total_time=300
//! ```

#![no_main]

use std::ptr;

use libfuzzer_sys::fuzz_target;
use nimbert::ffi::{
    Options, Status, nimbert_answer, nimbert_classify, nimbert_dimensions, nimbert_embed, nimbert_free,
    nimbert_label_count, nimbert_load_memory, nimbert_tag,
};

/// Memory as the library asks for it.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u8; 64]);

fuzz_target!(|file: &[u8]| {
    let mut lines = vec![Line([0; 64]); file.len().div_ceil(64)];
    for (line, bytes) in lines.iter_mut().zip(file.chunks(64)) {
        line.0[..bytes.len()].copy_from_slice(bytes);
    }
    let options = Options { threads: 1, ..Options::default() };
    let mut engine = ptr::null_mut();
    // SAFETY: the lines live until the engine is freed; every pointer is to a variable of this function.
    unsafe {
        let status = nimbert_load_memory(lines.as_ptr().cast(), file.len(), &options, &mut engine);
        assert!(status != Status::Internal);
        if status == Status::Ok {
            let text = c"a b".as_ptr();
            let mut scores = vec![0.0_f32; nimbert_label_count(engine)];
            let (out, capacity) = (scores.as_mut_ptr(), scores.len());
            let status = nimbert_classify(engine, &text, ptr::null(), 1, out, ptr::null_mut(), capacity);
            assert!(status != Status::Internal);
            let mut vector = vec![0.0_f32; nimbert_dimensions(engine)];
            let status = nimbert_embed(engine, &text, ptr::null(), 1, vector.as_mut_ptr(), vector.len());
            assert!(status != Status::Internal);
            let (none, spans, mut found) = (ptr::null(), ptr::null_mut(), 0);
            let status = nimbert_tag(engine, &text, none, 1, spans, 0, &mut found);
            assert!(status != Status::Internal);
            let status = nimbert_answer(engine, &text, none, &text, none, 1, 3, spans, 0, &mut found);
            assert!(status != Status::Internal);
        }
        nimbert_free(&mut engine);
    }
});
