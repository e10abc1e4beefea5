//! Reads any bytes as a PyTorch file, and every byte of the tensors that are in it.
//!
//! It takes a nightly compiler and `cargo install cargo-fuzz --locked`. From the project's root, with the committed
//! files as a start (new ones go to the first directory, which git does not see):
//!
//! ```sh
//! mkdir -p fuzz/corpus/pytorch
//! cargo +nightly fuzz run pytorch fuzz/corpus/pytorch tests/data/pytorch \
//!     -- -max_len=8192 -max_total_time=300
//! ```

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    // Being refused is fine; a panic, an endless loop and a read outside are not.
    let _ = nimbert::fuzz_pytorch(file);
});
