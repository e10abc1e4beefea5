//! What Python hands over: texts, pairs and token ids, each checked before anything is computed.

use pyo3::{prelude::*, pybacked::PyBackedStr, types::PyString};

use crate::errors;

/// Texts, where Python has them.
pub(crate) type Texts = Vec<PyBackedStr>;

/// One text, or any that can be gone through.
pub(crate) fn texts(given: &Bound<'_, PyAny>) -> PyResult<Texts> {
    let text = |(index, found): (usize, Result<PyBackedStr, String>)| {
        found.map_err(|reason| errors::input(given.py(), index, &reason))
    };
    texts_or_reasons(given)?.into_iter().enumerate().map(text).collect()
}

/// The same, where one that is no text has its reason in its place.
pub(crate) fn texts_or_reasons(given: &Bound<'_, PyAny>) -> PyResult<Vec<Result<PyBackedStr, String>>> {
    if given.is_instance_of::<PyString>() {
        return Ok(vec![text(given)]);
    }
    given.try_iter()?.map(|item| Ok(text(&item?))).collect()
}

fn text(item: &Bound<'_, PyAny>) -> Result<PyBackedStr, String> {
    let Ok(string) = item.cast::<PyString>() else {
        let kind = item.get_type().name().map_or_else(|_| "an object".to_owned(), |name| name.to_string());
        return Err(format!("is {kind}, expected str"));
    };
    // A half of a surrogate pair is no character.
    string.clone().try_into().map_err(|error: PyErr| format!("is not Unicode: {error}"))
}

/// The second texts of as many pairs as there are first ones.
pub(crate) fn pairs(given: Option<&Bound<'_, PyAny>>, first: &Texts) -> PyResult<Option<Texts>> {
    let Some(given) = given else { return Ok(None) };
    let second = texts(given)?;
    if second.len() == first.len() {
        return Ok(Some(second));
    }
    let message = format!("pairs: {} second texts for {} first ones", second.len(), first.len());
    Err(errors::option(given.py(), &message))
}

/// Rows of token ids: lists, or arrays of whole numbers.
pub(crate) fn ids(given: &Bound<'_, PyAny>) -> PyResult<Vec<Vec<u32>>> {
    let row = |(index, item): (usize, PyResult<Bound<'_, PyAny>>)| {
        let item = item?;
        let found =
            item.try_iter().and_then(|ids| ids.map(|id| id?.extract::<u32>()).collect::<PyResult<Vec<_>>>());
        found.map_err(|_| errors::input(given.py(), index, "is no list of token ids"))
    };
    given.try_iter()?.enumerate().map(row).collect()
}
