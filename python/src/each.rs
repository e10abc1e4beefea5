//! An answer or a reason for each text, where one that has no answer does not stop the others.

use std::{borrow::Cow, collections::BTreeMap};

use nimbert::{AnyTask, Embedder, Encoding, Error, Result, Scoring};
use numpy::{IntoPyArray, PyArray2, PyArrayMethods};
use pyo3::prelude::*;

use crate::{
    errors::raise,
    input,
    run::{encode_each, in_turns},
};

/// `[texts, numbers]`, NaN where a text has no answer, and why it has none by its index.
pub(crate) type Each<'py> = (Bound<'py, PyArray2<f32>>, BTreeMap<usize, String>);

/// How texts become tokens.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) max_tokens: Option<usize>,
    pub(crate) truncation: bool,
}

/// Scores of a classifier.
pub(crate) fn scores<'py>(
    py: Python<'py>,
    model: &AnyTask,
    texts: &Bound<'py, PyAny>,
    reading: Reading,
    scoring: Scoring,
) -> PyResult<Each<'py>> {
    // What is wrong with the model is said even if there are no texts.
    model.engine.logits_into([].into_iter(), &mut []).map_err(|error| raise(py, error, 0))?;
    let rows = Rows::new(py, model, texts, reading, |text| Cow::Borrowed(text))?;
    rows.answers(py, model, model.engine.labels().len(), |rows| {
        let scores = |logits: Result<Vec<f32>>| logits.map(|logits| scoring.scores(&logits));
        model.engine.logits(rows).into_iter().map(scores).collect()
    })
}

/// Vectors.
pub(crate) fn vectors<'py>(
    py: Python<'py>,
    model: &AnyTask,
    embedder: &Embedder,
    texts: &Bound<'py, PyAny>,
    reading: Reading,
    normalize: Option<bool>,
    dimensions: Option<usize>,
) -> PyResult<Each<'py>> {
    // What cannot be given is said before anything is computed.
    let first = embedder.finish(vec![0.0; embedder.dimensions()], dimensions, normalize);
    let width = first.map_err(|error| raise(py, error, 0))?.len();
    let rows = Rows::new(py, model, texts, reading, |text| embedder.prepare(text))?;
    rows.answers(py, model, width, |rows| {
        let plain = normalize.is_none() && dimensions.is_none();
        let finish = |pooled: Result<Vec<f32>>| embedder.finish(pooled?, dimensions, normalize);
        if plain { embedder.vectors(rows) } else { embedder.pooled(rows).into_iter().map(finish).collect() }
    })
}

/// The tokens of the texts that have some, and the places of these texts.
struct Rows {
    rows: Vec<Encoding>,
    places: Vec<usize>,
    reasons: BTreeMap<usize, String>,
    texts: usize,
}

impl Rows {
    fn new(
        py: Python<'_>,
        model: &AnyTask,
        texts: &Bound<'_, PyAny>,
        Reading { max_tokens, truncation }: Reading,
        prepare: impl for<'a> Fn(&'a str) -> Cow<'a, str> + Sync,
    ) -> PyResult<Self> {
        let texts = input::texts_or_reasons(texts)?;
        let encoded = encode_each(py, model, &texts, max_tokens, truncation, prepare)?;
        let (mut rows, mut places, mut reasons) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (index, found) in encoded.into_iter().enumerate() {
            match found {
                Ok(row) => {
                    rows.push(row);
                    places.push(index);
                }
                Err(reason) => {
                    reasons.insert(index, reason);
                }
            }
        }
        Ok(Self { rows, places, reasons, texts: texts.len() })
    }

    /// What `compute` finds for each row, as many numbers as `width` says.
    fn answers<'py>(
        self,
        py: Python<'py>,
        model: &AnyTask,
        width: usize,
        compute: impl Fn(&[Encoding]) -> Vec<Result<Vec<f32>>> + Sync,
    ) -> PyResult<Each<'py>> {
        let Self { rows, places, mut reasons, texts } = self;
        let mut all = vec![f32::NAN; texts * width];
        in_turns(py, model, &rows, |start, rows| {
            for (found, &place) in compute(rows).into_iter().zip(&places[start..]) {
                match found {
                    Ok(found) => all[place * width..(place + 1) * width].copy_from_slice(&found),
                    Err(Error::Text { reason, .. }) => {
                        reasons.insert(place, reason);
                    }
                    // That there is no memory, for example, is no text's fault.
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })?;
        Ok((all.into_pyarray(py).reshape([texts, width])?, reasons))
    }
}
