//! Loads any bytes as a packed file in memory, through the C interface, and scores a text with what loads.
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
    Options, Status, nimbert_classify, nimbert_dimensions, nimbert_embed, nimbert_free, nimbert_label_count,
    nimbert_load_memory,
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
    let options = Options {
        size: size_of::<Options>(),
        isa: ptr::null(),
        max_tokens: 0,
        threads: 1,
        precision: 0,
        on_long: 0,
        flags: 0,
        prompt: ptr::null(),
        prompt_name: ptr::null(),
        pooling: 0,
        dimensions: 0,
    };
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
            let status =
                nimbert_embed(engine, &text, ptr::null(), 1, vector.as_mut_ptr(), vector.len());
            assert!(status != Status::Internal);
        }
        nimbert_free(&mut engine);
    }
});
