//! nimbert for Python: what the package `nimbert` is made on. Texts come in as Python has them, are computed without the interpreter's
//! lock, and go out as NumPy arrays, or as tuples of which the package makes the dictionaries that people know.

mod arrays;
mod each;
mod engine;
mod errors;
mod input;
mod packing;
mod run;
mod tasks;

use pyo3::pymodule;

/// See the package's own documentation.
#[pymodule]
mod _nimbert {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::{
        engine::Engine,
        packing::{pack, verify},
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
