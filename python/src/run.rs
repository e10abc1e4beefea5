//! Rows through the model, some at a time: between them the interpreter has its turn, so that Ctrl-C ends a long call.

use std::borrow::Cow;

use nimbert::{AnyTask, Encoding, Error, OnLong, Result};
use pyo3::{prelude::*, pybacked::PyBackedStr};

use crate::{errors::raise, input::Texts};

/// So many batches are computed without a look at what the interpreter wants.
const BATCHES: usize = 8;

/// So many texts are tokenized without such a look.
const TEXTS: usize = 256;

/// The tokens of texts, or of pairs of texts; those of more than `max_tokens`, or than the model allows, are cut, or refused.
pub(crate) fn encode(
    py: Python<'_>,
    model: &AnyTask,
    texts: &Texts,
    pairs: Option<&Texts>,
    max_tokens: Option<usize>,
    truncate: bool,
    prepare: impl for<'a> Fn(&'a str) -> Cow<'a, str> + Sync,
) -> PyResult<Vec<Encoding>> {
    let tokens = tokenizing(model, max_tokens, truncate);
    in_parts(py, texts.len(), TEXTS, |part| {
        let encode = |(place, index): (usize, usize)| {
            let found = tokens(&prepare(&texts[index]), pairs.map(|pairs| &*pairs[index]));
            found.map_err(|reason| Error::Text { index: place, reason })
        };
        part.enumerate().map(encode).collect()
    })
}

/// The same, where a text that is refused has its reason in its place.
pub(crate) fn encode_each(
    py: Python<'_>,
    model: &AnyTask,
    texts: &[Result<PyBackedStr, String>],
    max_tokens: Option<usize>,
    truncate: bool,
    prepare: impl for<'a> Fn(&'a str) -> Cow<'a, str> + Sync,
) -> PyResult<Vec<Result<Encoding, String>>> {
    let tokens = tokenizing(model, max_tokens, truncate);
    let encode = |text: &Result<PyBackedStr, String>| match text {
        Ok(text) => tokens(&prepare(text), None),
        Err(reason) => Err(reason.clone()),
    };
    in_parts(py, texts.len(), TEXTS, |part| texts[part].iter().map(|text| Ok(encode(text))).collect())
}

/// From a text, or a pair of texts, to its tokens, or to why there are none.
fn tokenizing(
    model: &AnyTask,
    max_tokens: Option<usize>,
    truncate: bool,
) -> impl Fn(&str, Option<&str>) -> Result<Encoding, String> + Sync {
    let (tokenizer, most) = (model.engine.tokenizer(), model.engine.max_tokens());
    let most = max_tokens.map_or(most, |tokens| tokens.min(most));
    let on_long = if truncate { OnLong::Truncate } else { OnLong::Error };
    move |text, pair| tokenizer.encode(text, pair, most, on_long).map_err(|reason| advise(reason, truncate))
}

fn advise(reason: String, truncate: bool) -> String {
    if truncate { reason } else { format!("{reason}; truncation=True cuts it") }
}

/// Does `work` for some rows after the other, which are told by where they begin.
pub(crate) fn in_turns(
    py: Python<'_>,
    model: &AnyTask,
    rows: &[Encoding],
    mut work: impl FnMut(usize, &[Encoding]) -> Result<()> + Send,
) -> PyResult<()> {
    let most = model.engine.batch_tokens() * BATCHES;
    let mut start = 0;
    while start < rows.len() {
        let mut tokens = 0;
        let fits = |row: &&Encoding| {
            tokens += row.token_ids.len();
            tokens <= most
        };
        let end = start + rows[start..].iter().take_while(fits).count().max(1);
        py.detach(|| work(start, &rows[start..end])).map_err(|error| raise(py, error, start))?;
        py.check_signals()?;
        start = end;
    }
    Ok(())
}

/// The same of what is not rows yet: so many of `count` inputs at a time, each with a result.
pub(crate) fn in_parts<T: Send>(
    py: Python<'_>,
    count: usize,
    size: usize,
    mut work: impl FnMut(std::ops::Range<usize>) -> Vec<Result<T>> + Send,
) -> PyResult<Vec<T>> {
    let mut all = Vec::with_capacity(count);
    for start in (0..count).step_by(size.max(1)) {
        let found = py.detach(|| work(start..count.min(start + size)));
        let found = found.into_iter().collect::<Result<Vec<_>>>();
        all.extend(found.map_err(|error| raise(py, error, start))?);
        py.check_signals()?;
    }
    Ok(all)
}
