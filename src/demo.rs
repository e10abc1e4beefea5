//! The demo model, compiled into the program. Its card is `src/demo/README.md`.

/// Puts the file on a cache line, as its panels need.
#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("demo/model.nimbert"));

/// The packed file.
pub(crate) static MODEL: &[u8] = &FILE.0;
