//! A model, and what it makes of texts.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    mem,
    path::PathBuf,
    process,
    sync::{Arc, Mutex, PoisonError},
};

use nimbert::{
    AnyTask, EmbedOptions, Embedder, Hypotheses, Options, Precision, Prompt, ReadOptions, Result, Scoring,
};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::{prelude::*, sync::MutexExt, types::PyDict};

use crate::{
    arrays::{logits_of, of_ids, rows, vectors},
    each::{self, Each, Reading},
    errors::{option, raise},
    input,
    run::{encode, in_turns},
    tasks::{self, Answer, Entity, Word},
};

/// A model: a checkpoint directory, a packed file, or with no path the built-in demo, which rates Chinese film comments.
///
/// `precision` is auto (f32 for a directory, a packed file's own), f32, f16 or int8; `threads` how many compute, one for
/// each CPU that the process may use, of large and small ones the large, if it is None. `max_tokens` is less than the model allows, or None. `pooling` (mean, cls, max, ...) is for models that say nothing of
/// vectors. `verify` compares a packed file with its checksums, `copy_weights` copies it to memory.
///
/// Threads may share an engine; each call computes without the interpreter's lock, and Ctrl-C ends it after some batches. It is pickled by
/// its path, and in the child of a fork it loads the model again.
///
/// Raises ModelError for what is no model, OptionError for an option that makes no sense.
#[pyclass(frozen, module = "nimbert")]
pub(crate) struct Engine {
    path: Option<PathBuf>,
    options: Options,
    pooling: Option<String>,
    held: Mutex<Held>,
}

/// The model, and the process that its threads belong to.
struct Held {
    process: u32,
    model: Arc<AnyTask>,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (path=None, *, precision="auto", threads=None, max_tokens=None, pooling=None, copy_weights=false, verify=false))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn new(
        py: Python<'_>,
        path: Option<PathBuf>,
        precision: &str,
        threads: Option<usize>,
        max_tokens: Option<usize>,
        pooling: Option<String>,
        copy_weights: bool,
        verify: bool,
    ) -> PyResult<Self> {
        let precision: Precision =
            precision.parse().map_err(|reason: String| option(py, &format!("precision: {reason}")))?;
        for (name, count) in [("threads", threads), ("max_tokens", max_tokens)] {
            if count == Some(0) {
                return Err(option(py, &format!("{name}: 0 is not at least 1")));
            }
        }
        let options = Options::default()
            .precision(precision)
            .threads(threads)
            .max_tokens(max_tokens)
            .copy_weights(copy_weights)
            .verify(verify);
        let model = load(py, path.as_ref(), options, pooling.as_deref())?;
        // Where it is loaded again, in another process or directory, it is the same.
        let path = path.map(std::path::absolute).transpose()?;
        Ok(Self { path, options, pooling, held: Mutex::new(Held { process: process::id(), model }) })
    }

    /// For pickle: what to load, not what is loaded.
    fn __getnewargs_ex__<'py>(&self, py: Python<'py>) -> PyResult<((Option<PathBuf>,), Bound<'py, PyDict>)> {
        let Options { threads, precision, max_tokens, copy_weights, verify, .. } = self.options;
        let how = PyDict::new(py);
        how.set_item("precision", precision.to_string())?;
        how.set_item("threads", threads)?;
        how.set_item("max_tokens", max_tokens)?;
        how.set_item("pooling", &self.pooling)?;
        how.set_item("copy_weights", copy_weights)?;
        how.set_item("verify", verify)?;
        Ok(((self.path.clone(),), how))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let model = self.model(py)?;
        let engine = &model.engine;
        let name = self.path.as_ref().map_or_else(|| "demo".to_owned(), |path| path.display().to_string());
        Ok(format!(
            "<nimbert.Engine {name:?}: {}, {} on {}, threads={}>",
            engine.config().class(),
            engine.precision(),
            engine.isa(),
            engine.threads()
        ))
    }

    /// The directory or file; None: the demo.
    #[getter]
    fn path(&self) -> Option<&PathBuf> {
        self.path.as_ref()
    }

    /// What the model can do, what it was made for first: classify, embed, rerank, zero-shot, tag, answer, fill-mask.
    #[getter]
    fn tasks(&self, py: Python<'_>) -> PyResult<Vec<&'static str>> {
        Ok(self.model(py)?.tasks.iter().map(|task| task.name()).collect())
    }

    /// The labels' names, by index: of a classifier of texts or of tokens.
    #[getter]
    fn labels(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let model = self.model(py)?;
        Ok(model.tagger.as_ref().map_or_else(|_| model.engine.labels(), |tagger| tagger.labels()).to_vec())
    }

    /// What the matrix products are computed in: f32, f16 or int8.
    #[getter]
    fn precision(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.model(py)?.engine.precision().to_string())
    }

    /// The instruction set in use.
    #[getter]
    fn isa(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.model(py)?.engine.isa().to_string())
    }

    /// Threads of one call, the caller's included.
    #[getter]
    fn threads(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.model(py)?.engine.threads())
    }

    /// The most tokens of a text, special ones included.
    #[getter]
    fn max_tokens(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.model(py)?.engine.max_tokens())
    }

    /// How many numbers the hidden state of a token has.
    #[getter]
    fn hidden_size(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.model(py)?.engine.config().encoder.hidden_size)
    }

    /// How many numbers a vector has. Raises ModelError if the model makes none.
    #[getter]
    fn dimensions(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.embedder(py, None, None)?.dimensions())
    }

    /// The model's prompts by their names.
    #[getter]
    fn prompts(&self, py: Python<'_>) -> PyResult<BTreeMap<String, String>> {
        let embedder = self.embedder(py, None, None)?;
        Ok(embedder.prompts().map(|(name, text)| (name.to_owned(), text.to_owned())).collect())
    }

    /// How the model's vectors are meant to be compared: cosine, dot, euclidean or manhattan. Raises ModelError if the model makes none.
    #[getter]
    fn similarity(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(self.embedder(py, None, None)?.similarity().name())
    }

    /// What stands in a text for a word that is to be filled in, or None.
    #[getter]
    fn mask_token(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let model = self.model(py)?;
        let tokenizer = model.engine.tokenizer();
        Ok(tokenizer.mask().and_then(|id| tokenizer.token(id)).map(str::to_owned))
    }

    /// How the model's own scores are made of its outputs: sigmoid, softmax or none.
    #[getter]
    fn scoring(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(match self.model(py)?.engine.scoring() {
            Scoring::Identity => "none",
            Scoring::Sigmoid => "sigmoid",
            Scoring::Softmax => "softmax",
        })
    }

    /// Of a cross-encoder: the class in PyTorch that makes scores of its outputs, if its configuration names one.
    #[getter]
    fn activation(&self, py: Python<'_>) -> PyResult<Option<String>> {
        Ok(self.model(py)?.engine.config().sequence().and_then(|head| head.activation.clone()))
    }

    /// The token ids of texts, or of pairs of `texts` and `pairs`, special ones included: a list for each.
    ///
    /// A text of more than `max_tokens` is cut, or with `truncation=False` an InputError.
    #[pyo3(signature = (texts, pairs=None, *, truncation=true))]
    fn tokenize(
        &self,
        py: Python<'_>,
        texts: &Bound<'_, PyAny>,
        pairs: Option<&Bound<'_, PyAny>>,
        truncation: bool,
    ) -> PyResult<Vec<Vec<u32>>> {
        let model = self.model(py)?;
        let rows = rows(py, &model, texts, pairs, None, truncation)?;
        Ok(rows.into_iter().map(|row| row.token_ids).collect())
    }

    /// The text of each row of token ids.
    #[pyo3(signature = (ids, *, skip_special_tokens=true))]
    fn decode(
        &self,
        py: Python<'_>,
        ids: &Bound<'_, PyAny>,
        skip_special_tokens: bool,
    ) -> PyResult<Vec<String>> {
        let model = self.model(py)?;
        let tokenizer = model.engine.tokenizer();
        Ok(input::ids(ids)?.iter().map(|ids| tokenizer.decode(ids, skip_special_tokens)).collect())
    }

    /// The raw outputs of a classifier of texts: float32[n, labels]. `pairs` has as many second texts.
    ///
    /// Raises InputError with the `index` of a text that is none or has no answer, TaskError if the model is no such classifier.
    #[pyo3(signature = (texts, pairs=None, *, truncation=true))]
    fn logits<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        pairs: Option<&Bound<'py, PyAny>>,
        truncation: bool,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let model = self.model(py)?;
        let rows = rows(py, &model, texts, pairs, None, truncation)?;
        logits_of(py, &model, &rows, None)
    }
    /// The same of rows of token ids, special ones included.
    fn logits_of_ids<'py>(
        &self,
        py: Python<'py>,
        ids: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let model = self.model(py)?;
        let rows = of_ids(input::ids(ids)?);
        logits_of(py, &model, &rows, None)
    }

    /// The same as scores, which are made as the model's configuration says, or by `function_to_apply`: sigmoid, softmax, none.
    /// `max_tokens` is less than what the model allows, for this call.
    #[pyo3(signature = (texts, pairs=None, *, function_to_apply=None, truncation=true, max_tokens=None))]
    fn scores<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        pairs: Option<&Bound<'py, PyAny>>,
        function_to_apply: Option<&str>,
        truncation: bool,
        max_tokens: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let model = self.model(py)?;
        let scoring = scoring(py, &model, function_to_apply)?;
        let rows = rows(py, &model, texts, pairs, max_tokens, truncation)?;
        logits_of(py, &model, &rows, Some(scoring))
    }

    /// As scores(), but a text that has no answer does not stop the others: float32[n, labels] with a row of NaN for it, and a
    /// dictionary from its index to the reason.
    #[pyo3(signature = (texts, *, function_to_apply=None, truncation=true, max_tokens=None))]
    fn scores_each<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        function_to_apply: Option<&str>,
        truncation: bool,
        max_tokens: Option<usize>,
    ) -> PyResult<Each<'py>> {
        let model = self.model(py)?;
        let scoring = scoring(py, &model, function_to_apply)?;
        each::scores(py, &model, texts, Reading { max_tokens, truncation }, scoring)
    }

    /// How well documents answer queries, one for one: float32[n], of a model with one label. `raw` gives its outputs.
    #[pyo3(signature = (queries, documents, *, raw=false))]
    fn rank<'py>(
        &self,
        py: Python<'py>,
        queries: &Bound<'py, PyAny>,
        documents: &Bound<'py, PyAny>,
        raw: bool,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let model = self.model(py)?;
        let reranker = model.reranker.as_ref().map_err(|error| raise(py, error.clone(), 0))?;
        let scoring = if raw { Scoring::Identity } else { reranker.scoring() };
        let rows = rows(py, &model, queries, Some(documents), None, true)?;
        logits_of(py, &model, &rows, Some(scoring))?.reshape([rows.len()])
    }

    /// Vectors of texts: float32[n, d].
    ///
    /// `prompt_name` is one of the model's prompts, `prompt` any text that goes before each. `normalize` makes their lengths 1, or leaves them; None: as
    /// the model says. `dimensions` keeps so many numbers of each.
    #[pyo3(signature = (texts, *, prompt_name=None, prompt=None, normalize=None, dimensions=None))]
    fn embed<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        prompt_name: Option<String>,
        prompt: Option<String>,
        normalize: Option<bool>,
        dimensions: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (model, embedder) = (self.model(py)?, self.embedder(py, prompt_name, prompt)?);
        let texts = input::texts(texts)?;
        let rows = encode(py, &model, &texts, None, None, true, |text| embedder.prepare(text))?;
        vectors(py, &model, &embedder, &rows, normalize, dimensions)
    }

    /// As embed(), but a text that has no vector does not stop the others: float32[n, d] with a row of NaN for it, and a dictionary from
    /// its index to the reason.
    #[pyo3(signature = (texts, *, prompt_name=None, prompt=None, normalize=None, dimensions=None, truncation=true))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn embed_each<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        prompt_name: Option<String>,
        prompt: Option<String>,
        normalize: Option<bool>,
        dimensions: Option<usize>,
        truncation: bool,
    ) -> PyResult<Each<'py>> {
        let (model, embedder) = (self.model(py)?, self.embedder(py, prompt_name, prompt)?);
        let reading = Reading { max_tokens: None, truncation };
        each::vectors(py, &model, &embedder, texts, reading, normalize, dimensions)
    }

    /// The same of rows of token ids, special ones included.
    #[pyo3(signature = (ids, *, normalize=None, dimensions=None))]
    fn embed_ids<'py>(
        &self,
        py: Python<'py>,
        ids: &Bound<'py, PyAny>,
        normalize: Option<bool>,
        dimensions: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (model, embedder) = (self.model(py)?, self.embedder(py, None, None)?);
        vectors(py, &model, &embedder, &of_ids(input::ids(ids)?), normalize, dimensions)
    }

    /// The hidden states of every token, special ones included: float32[tokens, hidden_size] for each text.
    /// With `prepare`, of what embed() reads: the text with the model's prompt or the one that is named.
    #[pyo3(signature = (texts, *, prompt_name=None, prompt=None, prepare=false, truncation=true))]
    fn token_vectors<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        prompt_name: Option<String>,
        prompt: Option<String>,
        prepare: bool,
        truncation: bool,
    ) -> PyResult<Vec<Bound<'py, PyArray2<f32>>>> {
        let (model, embedder) = (self.model(py)?, self.embedder(py, prompt_name, prompt)?);
        let texts = input::texts(texts)?;
        let rows = encode(py, &model, &texts, None, None, truncation, |text| {
            if prepare { embedder.prepare(text) } else { Cow::Borrowed(text) }
        })?;
        let mut all = Vec::with_capacity(rows.len());
        in_turns(py, &model, &rows, |_, rows| {
            all.extend(embedder.token_vectors(rows).into_iter().collect::<Result<Vec<_>>>()?);
            Ok(())
        })?;
        let size = model.engine.config().encoder.hidden_size;
        let array = |values: Vec<f32>| {
            let tokens = values.len() / size;
            values.into_pyarray(py).reshape([tokens, size])
        };
        all.into_iter().map(array).collect()
    }

    /// Entities of texts: for each a list of (label, score, index, word, start, end), where index is that of a token or None. Places are in
    /// characters.
    #[pyo3(signature = (texts, *, aggregation="simple", ignore_labels=None, stride=None))]
    fn tag(
        &self,
        py: Python<'_>,
        texts: &Bound<'_, PyAny>,
        aggregation: &str,
        ignore_labels: Option<Vec<String>>,
        stride: Option<usize>,
    ) -> PyResult<Vec<Vec<Entity>>> {
        tasks::tag(py, &*self.model(py)?, texts, aggregation, ignore_labels, stride)
    }

    /// Answers to questions, each in its context: for each a list of (score, start, end, text). Places are in characters of the context.
    #[pyo3(signature = (questions, contexts, *, top_k=1, doc_stride=None, max_answer_len=15, max_seq_len=None, max_question_len=64, handle_impossible_answer=false, align_to_words=true))]
    #[expect(clippy::too_many_arguments, reason = "keywords of Python")]
    fn answer(
        &self,
        py: Python<'_>,
        questions: &Bound<'_, PyAny>,
        contexts: &Bound<'_, PyAny>,
        top_k: usize,
        doc_stride: Option<usize>,
        max_answer_len: usize,
        max_seq_len: Option<usize>,
        max_question_len: usize,
        handle_impossible_answer: bool,
        align_to_words: bool,
    ) -> PyResult<Vec<Vec<Answer>>> {
        let options = ReadOptions::default()
            .top_k(top_k)
            .stride(doc_stride)
            .max_answer_tokens(max_answer_len)
            .max_question_tokens(max_question_len)
            .handle_impossible(handle_impossible_answer)
            .align_to_words(align_to_words);
        tasks::answer(py, &*self.model(py)?, questions, contexts, max_seq_len, &options)
    }

    /// Words for masks: for each text, for each of its masks, a list of (score, id, token, sequence), the best first.
    #[pyo3(signature = (texts, *, top_k=5, targets=None))]
    fn fill(
        &self,
        py: Python<'_>,
        texts: &Bound<'_, PyAny>,
        top_k: usize,
        targets: Option<Vec<String>>,
    ) -> PyResult<Vec<Vec<Vec<Word>>>> {
        tasks::fill(py, &*self.model(py)?, texts, top_k, targets)
    }

    /// Labels that the model was not trained on: for each text a list of (index of the label, score), the best first.
    #[pyo3(signature = (texts, labels, *, hypothesis_template="This example is {}.", multi_label=false))]
    fn rank_labels(
        &self,
        py: Python<'_>,
        texts: &Bound<'_, PyAny>,
        labels: Vec<String>,
        hypothesis_template: &str,
        multi_label: bool,
    ) -> PyResult<Vec<Vec<(usize, f32)>>> {
        let names: Vec<_> = labels.iter().map(String::as_str).collect();
        let hypotheses = Hypotheses::new(&names, hypothesis_template, multi_label);
        let hypotheses = hypotheses.map_err(|error| raise(py, error, 0))?;
        tasks::rank_labels(py, &*self.model(py)?, texts, &hypotheses)
    }
}

impl Engine {
    /// The model, in this process. A fork's child has none of its parent's threads: it loads the model again, which a packed file makes
    /// cheap.
    fn model(&self, py: Python<'_>) -> PyResult<Arc<AnyTask>> {
        // Who waits for the one that loads lets go of the interpreter, which that one needs.
        let mut held = self.held.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        if held.process != process::id() {
            let model = load(py, self.path.as_ref(), self.options, self.pooling.as_deref())?;
            // To end threads that are not there would be to wait for ever.
            mem::forget(mem::replace(&mut *held, Held { process: process::id(), model }));
        }
        Ok(Arc::clone(&held.model))
    }

    fn embedder(&self, py: Python<'_>, name: Option<String>, text: Option<String>) -> PyResult<Embedder> {
        let model = self.model(py)?;
        let embedder = model.embedder.as_ref().map_err(|error| raise(py, error.clone(), 0))?;
        let prompt = match (name, text) {
            (None, None) => return Ok(embedder.clone()),
            (_, Some(text)) => Prompt::Text(text),
            (Some(name), None) => Prompt::Named(name),
        };
        embedder.with_prompt(prompt).map_err(|error| raise(py, error, 0))
    }
}

/// How scores are made of outputs: as the model says, or as its user does.
fn scoring(py: Python<'_>, model: &AnyTask, function_to_apply: Option<&str>) -> PyResult<Scoring> {
    let scoring = function_to_apply.map_or(Ok(model.engine.scoring()), str::parse);
    scoring.map_err(|reason: String| option(py, &format!("function_to_apply: {reason}")))
}

fn load(
    py: Python<'_>,
    path: Option<&PathBuf>,
    options: Options,
    pooling: Option<&str>,
) -> PyResult<Arc<AnyTask>> {
    let pooling = pooling
        .map(str::parse)
        .transpose()
        .map_err(|reason: String| option(py, &format!("pooling: {reason}")))?;
    let how = EmbedOptions::default().pooling(pooling);
    let model = py.detach(|| match path {
        Some(path) => AnyTask::load(path, options, how),
        None => AnyTask::demo(options, how),
    });
    model.map(Arc::new).map_err(|error| raise(py, error, 0))
}
