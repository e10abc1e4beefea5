//! Errors as exceptions: of the classes in `nimbert.errors`, by who can mend them.

use nimbert::Error;
use pyo3::{exceptions::PyMemoryError, prelude::*};

/// The exception for an error, of the texts of a call if it is of one of those that begin at `start`.
pub(crate) fn raise(py: Python<'_>, error: Error, start: usize) -> PyErr {
    match error {
        Error::Text { index, reason } => input(py, start + index, &reason),
        Error::Option { .. } => new(py, "OptionError", &error.to_string()),
        Error::Task { .. } => new(py, "TaskError", &error.to_string()),
        Error::Memory { .. } => PyMemoryError::new_err(error.to_string()),
        _ => new(py, "ModelError", &error.to_string()),
    }
}

/// An option that is none.
pub(crate) fn option(py: Python<'_>, message: &str) -> PyErr {
    new(py, "OptionError", message)
}

/// What is wrong with one of the inputs of a call.
pub(crate) fn input(py: Python<'_>, index: usize, reason: &str) -> PyErr {
    class(py, "InputError")
        .and_then(|class| class.call1((index, reason)))
        .map_or_else(|error| error, PyErr::from_value)
}

fn new(py: Python<'_>, name: &str, message: &str) -> PyErr {
    class(py, name).and_then(|class| class.call1((message,))).map_or_else(|error| error, PyErr::from_value)
}

fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("nimbert.errors")?.getattr(name)
}
