//! Reads any bytes as a safetensors file, here and by the `safetensors` crate: the same metadata and the same tensors, or an
//! error from both. What may differ is listed in `src/weights/header.rs`.
//!
//! It takes a nightly compiler and `cargo install cargo-fuzz --locked`. From the project's root, with the committed
//! files as a start (new ones go to the first directory, which git does not see):
//!
//! ```sh
//! mkdir -p fuzz/corpus/safetensors
//! cargo +nightly fuzz run safetensors fuzz/corpus/safetensors tests/data/pytorch \
//!     -- -max_len=4096 -max_total_time=300
//! ```
//!
//! Half of what is tried is a header alone: its length is put before it, so that few bytes are lost to a wrong one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use safetensors::SafeTensors;

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((b'H', rest)) => {
            // The header ends at the first NUL, which no JSON has.
            let len = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
            let data = rest.get(len + 1..).unwrap_or_default();
            compare(&[&(len as u64).to_le_bytes(), &rest[..len], data].concat());
        }
        _ => compare(input),
    }
});

fn compare(file: &[u8]) {
    let ours = nimbert::fuzz_safetensors(file);
    match (SafeTensors::read_metadata(file), ours) {
        (Err(_), Err(_)) => {}
        (Err(theirs), Ok(_)) => panic!("read here, but there: {theirs}"),
        // Sums that overflow, where they are let through.
        (Ok((_, theirs)), Err(_)) if theirs.data_len() > file.len() => {}
        (Ok(_), Err(reason)) if reason.contains("two entries are called") => {}
        (Ok(_), Err(reason)) => panic!("read there, but here: {reason}"),
        (Ok((_, theirs)), Ok((metadata, mut ours))) => {
            assert_eq!(metadata, theirs.metadata().clone().unwrap_or_default());
            let mut tensors = SafeTensors::deserialize(file).expect("as above").tensors();
            tensors.sort_by(|a, b| a.0.cmp(&b.0));
            ours.sort_by(|a, b| a.0.cmp(&b.0));
            assert!(ours == tensors, "other tensors: {ours:?} here, {tensors:?} there");
        }
    }
}
