//! What a call returns, and why it failed.

use std::{
    any::Any,
    cell::RefCell,
    ffi::{CString, c_char},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
};

use crate::error::Error;

/// What a call returns. The numbers do not change between versions; new ones may come.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// A pointer is NULL or misaligned, or a count is impossible.
    Argument = 1,
    /// A text is not UTF-8.
    Utf8 = 2,
    /// A file could not be opened or read.
    Io = 3,
    /// A model is damaged, incomplete, or of a kind that is not computed.
    Model = 4,
    /// An option makes no sense, for this model or on this machine.
    Option = 5,
    /// A text cannot be scored as asked: too long, or with a token that the model does not know.
    Text = 6,
    /// The caller's memory is too small for the answer.
    Capacity = 7,
    /// A mistake in this library. The engine may be used further.
    Internal = 8,
    /// The model or the texts need more memory than the system gives. The engine may be used further.
    Memory = 9,
}

/// A status other than [`Status::Ok`], and a line for people.
#[derive(Debug)]
pub(super) struct Failure {
    status: Status,
    message: String,
}

impl Failure {
    pub(super) fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn argument(message: impl Into<String>) -> Self {
        Self::new(Status::Argument, message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Io { .. } => Status::Io,
            Error::Json { .. }
            | Error::Config { .. }
            | Error::Task { .. }
            | Error::Weights { .. }
            | Error::Tokenizer { .. } => Status::Model,
            Error::Text { .. } => Status::Text,
            Error::Option { .. } => Status::Option,
            Error::Memory { .. } => Status::Memory,
        };
        Self::new(status, error.to_string())
    }
}

thread_local! {
    static LAST_ERROR: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// Why the last call on this thread that failed did so: one line in UTF-8, or NULL when none has failed.
///
/// Valid until the next call on this thread that fails.
#[cfg_attr(feature = "capi", unsafe(no_mangle))]
pub extern "C" fn nimbert_last_error() -> *const c_char {
    // A thread that is about to end has no last error any more.
    LAST_ERROR
        .try_with(|last| last.borrow().as_ref().map_or(ptr::null(), |text| text.as_ptr()))
        .unwrap_or(ptr::null())
}

/// Does `work` and notes why it failed. A panic ends here: what lies above are frames of C.
pub(super) fn guard(work: impl FnOnce() -> Result<(), Failure>) -> Status {
    // Nothing that is broken halfway is seen again: an engine is immutable, and a workspace in use is lost with a panic.
    let result = catch_unwind(AssertUnwindSafe(work));
    let failed = result.unwrap_or_else(|panic| Err(Failure::new(Status::Internal, describe(&*panic)))).err();
    let Some(Failure { status, message }) = failed else { return Status::Ok };
    let line = message.replace('\0', "\u{fffd}").replace(['\n', '\r'], " ");
    let text = CString::new(line).unwrap_or_default();
    let _ = LAST_ERROR.try_with(|last| last.replace(Some(text)));
    status
}

fn describe(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a mistake in nimbert: {}", text.unwrap_or("it panicked"))
}
