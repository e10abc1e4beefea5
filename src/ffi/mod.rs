//! The C interface, declared in `src/ffi/nimbert.h`: a model is loaded, texts or token ids go in, scores come out.
//!
//! Every function checks what can be checked of its arguments, catches panics, and returns a [`Status`]; what was wrong
//! is told by [`nimbert_last_error`]. The header is made from this module (`cargo test --test library header`); how to build and
//! link the library is in `docs/c.md`.
//!
//! The functions have these names for a linker with the feature `capi` alone: a Rust program shows none of them.
//!
//! The files: `choices` and `options` what a program may choose, `status` codes and the last error, `arguments` from pointers
//! to slices, `rows` from these to texts and ids, `score`, `embed`, `rerank`, `tag` and `answer` to answers, `spans` where the
//! last two put theirs, and here the life of an engine.

// With `kernels/` and `checkpoint/weights/bytes.rs` one of the places for unsafe code: it comes from pointers and nothing else.
#![allow(unsafe_code)]
// One contract for all of them, stated at the header's top: a pointer is NULL or valid for what it is said to point to.
#![allow(clippy::missing_safety_doc)]

mod answer;
mod arguments;
mod choices;
mod embed;
mod options;
mod rerank;
mod rows;
mod score;
mod spans;
mod status;
mod tag;
#[cfg(test)]
mod tests;

use std::{
    ffi::{CString, c_char, c_void},
    path::Path,
    ptr,
};

pub use self::{
    answer::nimbert_answer,
    choices::{Aggregation, Flags, OnLong, Pooling, Precision},
    embed::{nimbert_dimensions, nimbert_embed, nimbert_embed_ids},
    options::{Options, nimbert_options_init},
    rerank::nimbert_rerank,
    score::{nimbert_classify, nimbert_classify_ids, nimbert_classify_pairs, nimbert_tokenize},
    spans::Span,
    status::{Status, nimbert_last_error},
    tag::nimbert_tag,
};
use self::{
    arguments::{out, path, reference, slice},
    options::Chosen,
    status::{Failure, guard},
};
use crate::{
    checkpoint::opened::{IN_MEMORY, Opened},
    engine::{Engine, Purpose},
    error::Error,
    tasks::{AnyTask, Embedder, ReadOptions, Reader, Reranker, TagOptions, Tagger},
};

/// Where a model in memory has to start: its weights are used where they lie, in whole cache lines.
pub const NIMBERT_ALIGNMENT: usize = 64;

/// A loaded model. Any number of threads may use one at the same time.
#[derive(Debug)]
pub struct Handle {
    engine: Engine,
    embedder: Result<Embedder, Error>,
    reranker: Result<Reranker, Error>,
    tagger: Result<Tagger, Error>,
    tag: TagOptions,
    reader: Result<Reader, Error>,
    read: ReadOptions,
    labels: Vec<CString>,
    /// What entities are called that are no labels.
    kinds: Vec<CString>,
    isa: CString,
}

impl Handle {
    fn load(
        opened: Opened,
        path: &Path,
        Chosen { run, embed, tag, read }: Chosen,
    ) -> Result<Box<Self>, Failure> {
        let AnyTask { engine, embedder, reranker, tagger, reader, .. } =
            AnyTask::of(opened, path, run, embed, Purpose::Any)?;
        let name = |(index, name): (usize, &str)| {
            CString::new(name)
                .map_err(|_| Failure::new(Status::Model, format!("label {index} has a NUL in it: {name:?}")))
        };
        let labels = engine.labels().iter().map(String::as_str).enumerate().map(name);
        let labels = labels.collect::<Result<_, _>>()?;
        let kinds = tagger.iter().flat_map(|tagger| tagger.kinds().enumerate()).map(name);
        let kinds = kinds.collect::<Result<_, _>>()?;
        let isa = CString::new(engine.isa().name()).expect("a name has no NUL in it");
        Ok(Box::new(Self { engine, embedder, reranker, tagger, tag, reader, read, labels, kinds, isa }))
    }
}

/// With a NUL at its end.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// The library's version, such as "0.1.0".
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub extern "C" fn nimbert_version() -> *const c_char {
    VERSION.as_ptr().cast()
}

/// Loads a model from a packed file or a Hugging Face checkpoint directory, which may be one of sentence-transformers.
///
/// What it can be used for depends on the model: any gives vectors (nimbert_embed), a sequence classifier scores
/// (nimbert_classify), and one of a single label ranks, too (nimbert_rerank); a token classifier finds entities
/// (nimbert_tag), and a model for questions answers (nimbert_answer). `path` ends with a NUL. `options` may be NULL: the
/// defaults. On success `*engine` is the model, to be given back with nimbert_free; on failure it is NULL.
///
/// A packed file is mapped, not read: nothing may change it while the engine lives. To replace it, rename a new one over
/// it.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_load(
    path: *const c_char,
    options: *const Options,
    engine: *mut *mut Handle,
) -> Status {
    // SAFETY: the caller keeps this function's contract.
    unsafe {
        load(engine, || {
            let (path, chosen) = (self::path(path)?, Options::read(options)?);
            Handle::load(Opened::at(path)?, path, chosen)
        })
    }
}

/// Loads a packed file that is in memory: linked into the program, mapped, or read.
///
/// `data` starts on a 64-byte boundary (NIMBERT_ALIGNMENT) and has `size` bytes. Nothing is copied: the bytes must stay
/// as and where they are until nimbert_free. `options` and `engine` are as in nimbert_load.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_load_memory(
    data: *const c_void,
    size: usize,
    options: *const Options,
    engine: *mut *mut Handle,
) -> Status {
    let load_it = || {
        if !data.is_null() && !data.addr().is_multiple_of(NIMBERT_ALIGNMENT) {
            let past = data.addr() % NIMBERT_ALIGNMENT;
            let reason = format!(
                "data: {past} bytes past a {NIMBERT_ALIGNMENT}-byte boundary, but has to start on one"
            );
            return Err(Failure::argument(reason));
        }
        // SAFETY: the caller keeps this function's contract: the bytes stay while the engine lives, which is the only one
        // to hold them, so for it they are there for ever.
        let (bytes, chosen) = unsafe { (slice("data", data.cast::<u8>(), size)?, Options::read(options)?) };
        Handle::load(Opened::in_memory(bytes)?, Path::new(IN_MEMORY), chosen)
    };
    // SAFETY: as above.
    unsafe { load(engine, load_it) }
}

/// # Safety
/// `engine` is NULL or valid.
unsafe fn load(engine: *mut *mut Handle, load: impl FnOnce() -> Result<Box<Handle>, Failure>) -> Status {
    guard(|| {
        // SAFETY: as the caller promises. No reference is kept while what the other arguments point to is read.
        unsafe {
            out("engine", engine, ptr::null_mut())?;
            engine.write(Box::into_raw(load()?));
        }
        Ok(())
    })
}

/// Gives an engine back and sets `*engine` to NULL, so that doing it twice does no harm. NULL is ignored, here and there.
///
/// No other thread may be using the engine.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_free(engine: *mut *mut Handle) {
    guard(|| {
        if engine.is_null() {
            return Ok(());
        }
        if !engine.is_aligned() {
            return Err(Failure::argument("engine: not a pointer to an engine's pointer"));
        }
        // SAFETY: not NULL and aligned, and the caller keeps this function's contract.
        let handle = unsafe { engine.read() };
        if !handle.is_aligned() {
            return Err(Failure::argument("engine: no engine comes at such an address"));
        }
        // SAFETY: as above.
        unsafe { engine.write(ptr::null_mut()) };
        if !handle.is_null() {
            // SAFETY: made by `Box::into_raw` in `load`, and nobody has it any more.
            drop(unsafe { Box::from_raw(handle) });
        }
        Ok(())
    });
}

/// How many labels the model has: the scores of each text, or what each token may be. 0 for NULL, and for a model that is no
/// classifier.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_label_count(engine: *const Handle) -> usize {
    // SAFETY: as the caller promises.
    unsafe { reference("engine", engine) }.map_or(0, |handle| handle.labels.len())
}

/// The name of label `index`, in UTF-8; valid as long as the engine. NULL when there is no such label.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_label(engine: *const Handle, index: usize) -> *const c_char {
    // SAFETY: as the caller promises.
    let handle = unsafe { reference("engine", engine) };
    handle.ok().and_then(|handle| handle.labels.get(index)).map_or(ptr::null(), |label| label.as_ptr())
}

/// The most tokens of a text, special ones included. 0 for NULL.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_max_tokens(engine: *const Handle) -> usize {
    // SAFETY: as the caller promises.
    unsafe { reference("engine", engine) }.map_or(0, |handle| handle.engine.max_tokens())
}

/// The instruction set in use, such as "avx512-vnni"; valid as long as the engine. NULL for NULL.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub unsafe extern "C" fn nimbert_isa(engine: *const Handle) -> *const c_char {
    // SAFETY: as the caller promises.
    unsafe { reference("engine", engine) }.map_or(ptr::null(), |handle| handle.isa.as_ptr())
}
