//! Packed files: written, and looked at.

use std::path::PathBuf;

use nimbert::{PackOptions, Precision};
use pyo3::prelude::*;

use crate::errors::{option, raise};

/// Writes the checkpoint in a directory as one file.
#[pyfunction]
#[pyo3(signature = (source, out, *, precision="int8"))]
pub(crate) fn pack(py: Python<'_>, source: PathBuf, out: PathBuf, precision: &str) -> PyResult<PathBuf> {
    let precision: Precision =
        precision.parse().map_err(|reason: String| option(py, &format!("precision: {reason}")))?;
    let options = PackOptions::default().precision(precision);
    py.detach(|| nimbert::pack(&source, &out, &options, &mut |_, _| ()))
        .map_err(|error| raise(py, error, 0))?;
    Ok(out)
}

/// Reads a packed file whole, and compares it with the checksums in it.
#[pyfunction]
pub(crate) fn verify(py: Python<'_>, path: PathBuf) -> PyResult<()> {
    py.detach(|| nimbert::verify_packed(&path)).map_err(|error| raise(py, error, 0))?;
    Ok(())
}
