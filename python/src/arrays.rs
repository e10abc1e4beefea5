//! From texts or ids to NumPy arrays: nothing is copied row by row.

use std::borrow::Cow;

use nimbert::{AnyTask, Embedder, Encoding, Row, Scoring};
use numpy::{IntoPyArray, PyArray2, PyArrayMethods};
use pyo3::prelude::*;

use crate::{
    errors::raise,
    input,
    run::{encode, in_turns},
};

/// `[rows, labels]`, as scores if it is said of which kind.
pub(crate) fn logits_of<'py>(
    py: Python<'py>,
    model: &AnyTask,
    rows: &[Encoding],
    scoring: Option<Scoring>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    let labels = model.engine.labels().len();
    let mut all = vec![0.0; rows.len() * labels];
    in_turns(py, model, rows, |start, rows| {
        let out = &mut all[start * labels..(start + rows.len()) * labels];
        model.engine.logits_into(rows.iter().map(Row::from), out)?;
        if let Some(scoring) = scoring {
            out.chunks_exact_mut(labels).for_each(|row| row.copy_from_slice(&scoring.scores(row)));
        }
        Ok(())
    })?;
    if rows.is_empty() {
        // What is wrong with the model is said even so.
        model.engine.logits_into([].into_iter(), &mut []).map_err(|error| raise(py, error, 0))?;
    }
    all.into_pyarray(py).reshape([rows.len(), labels])
}

/// The tokens of what Python gave.
pub(crate) fn rows(
    py: Python<'_>,
    model: &AnyTask,
    texts: &Bound<'_, PyAny>,
    pairs: Option<&Bound<'_, PyAny>>,
    max_tokens: Option<usize>,
    truncation: bool,
) -> PyResult<Vec<Encoding>> {
    let texts = input::texts(texts)?;
    let pairs = input::pairs(pairs, &texts)?;
    encode(py, model, &texts, pairs.as_ref(), max_tokens, truncation, |text| Cow::Borrowed(text))
}

/// Rows of tokens of one type.
pub(crate) fn of_ids(ids: Vec<Vec<u32>>) -> Vec<Encoding> {
    let row = |token_ids: Vec<u32>| {
        let token_type_ids = vec![0; token_ids.len()];
        Encoding { token_ids, token_type_ids, truncated: false }
    };
    ids.into_iter().map(row).collect()
}

/// `[rows, dimensions]`
pub(crate) fn vectors<'py>(
    py: Python<'py>,
    model: &AnyTask,
    embedder: &Embedder,
    rows: &[Encoding],
    normalize: Option<bool>,
    dimensions: Option<usize>,
) -> PyResult<Bound<'py, PyArray2<f32>>> {
    // What cannot be given is said before anything is computed.
    let first = embedder.finish(vec![0.0; embedder.dimensions()], dimensions, normalize);
    let width = first.map_err(|error| raise(py, error, 0))?.len();
    let mut all = vec![0.0; rows.len() * width];
    in_turns(py, model, rows, |start, rows| {
        let out = &mut all[start * width..(start + rows.len()) * width];
        if normalize.is_none() && dimensions.is_none() {
            return embedder.vectors_into(rows.iter().map(Row::from), out);
        }
        for (pooled, out) in embedder.pooled(rows).into_iter().zip(out.chunks_exact_mut(width)) {
            out.copy_from_slice(&embedder.finish(pooled?, dimensions, normalize)?);
        }
        Ok(())
    })?;
    all.into_pyarray(py).reshape([rows.len(), width])
}
