//! A model with everything that it can do, for who loads it without saying what for.

use std::path::Path;

use super::{
    EmbedOptions, Embedder, MaskFiller, Reader, Reranker, Tagger, Task, ZeroShot,
    kind::{of_cross_encoder, of_model},
};
use crate::{
    checkpoint::opened::Opened,
    engine::{Engine, Purpose},
    error::Result,
    options::Options,
};

/// One model, by each of its tasks: what it does not do says why. The weights are there once.
///
/// ```
/// use nimbert::{AnyTask, EmbedOptions, Options, Task};
///
/// let model = AnyTask::load("src/demo/model.nimbert", Options::default(), EmbedOptions::default())?;
/// assert_eq!(model.tasks, [Task::Classify, Task::Embed]);
/// assert_eq!(model.embedder?.embed(&["太好看了"]).remove(0)?.values.len(), 384);
/// assert!(model.tagger.is_err());
/// # Ok::<(), nimbert::Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AnyTask {
    /// The model itself, with its labels if it is a classifier of texts.
    pub engine: Engine,
    /// What it can do, what it was made for first.
    pub tasks: Vec<Task>,
    /// Or why it makes no vectors.
    pub embedder: Result<Embedder>,
    /// Or why it ranks nothing.
    pub reranker: Result<Reranker>,
    /// Or why it ranks no labels.
    pub zero_shot: Result<ZeroShot>,
    /// Or why it finds no entities.
    pub tagger: Result<Tagger>,
    /// Or why it finds no answers.
    pub reader: Result<Reader>,
    /// Or why it fills no masks.
    pub filler: Result<MaskFiller>,
}

impl AnyTask {
    /// Loads a checkpoint directory or a packed file.
    ///
    /// # Errors
    /// As [`Engine::load`]; when an option does not fit the model.
    pub fn load(path: impl AsRef<Path>, options: Options, how: EmbedOptions) -> Result<Self> {
        let path = path.as_ref();
        Self::of(Opened::at(path)?, path, options, how, Purpose::Every)
    }

    /// The demo model: see [`Engine::demo`].
    ///
    /// # Errors
    /// When an option does not fit the machine, or the model.
    #[cfg(feature = "demo")]
    pub fn demo(options: Options, how: EmbedOptions) -> Result<Self> {
        let opened = Opened::in_memory(crate::demo::MODEL)?;
        Self::of(opened, Path::new("demo model"), options, how, Purpose::Every)
    }

    /// Of files that are open, with as much of the head as `purpose` says.
    ///
    /// # Errors
    /// As [`Engine::load`]; when an option does not fit the model.
    pub(crate) fn of(
        opened: Opened,
        path: &Path,
        options: Options,
        how: EmbedOptions,
        purpose: Purpose,
    ) -> Result<Self> {
        let window = options.max_tokens;
        if opened.is_cross_encoder() {
            let (said, config) = (opened.cross_encoder(), opened.config()?);
            let tasks = of_cross_encoder(&said, &config);
            let own = said.as_ref().ok().and_then(|said| said.max_tokens);
            let engine = Engine::of(opened, path, options.or_max_tokens(own), purpose)?;
            let embedder = Embedder::new(engine.clone(), how)?;
            let reranker = said.and_then(|said| Reranker::of(engine.clone(), said, path));
            return Ok(Self { reranker, ..Self::with(engine, tasks, Ok(embedder), window, path) });
        }
        let is_classifier = opened.is_classifier();
        let (encoder, sentence) = match opened.sentence() {
            // What is said of vectors is not computed here. Labels are.
            Err(error) if is_classifier => {
                let engine = Engine::of(Opened::at(path)?, path, options, Purpose::Classify)?;
                return Ok(Self::with(engine, vec![Task::Classify], Err(error), window, path));
            }
            found => found?,
        };
        let tasks = of_model(&encoder.config()?, sentence.is_some());
        let own = sentence.as_ref().and_then(|sentence| sentence.max_tokens);
        // A directory that was made for vectors need not have the weights of the head that its class names.
        let purpose = if sentence.is_some() { Purpose::Embed } else { purpose };
        let engine = Engine::of(encoder, path, options.or_max_tokens(own), purpose)?;
        let embedder = Embedder::of(engine.clone(), sentence, how)?;
        Ok(Self::with(engine, tasks, Ok(embedder), window, path))
    }

    /// What a model can do that ranks nothing. `window` is how many tokens one has, where the user says so.
    fn with(
        engine: Engine,
        tasks: Vec<Task>,
        embedder: Result<Embedder>,
        window: Option<usize>,
        path: &Path,
    ) -> Self {
        Self {
            tasks,
            embedder,
            reranker: Err(Reranker::none(&engine, path)),
            zero_shot: ZeroShot::new(engine.clone(), None),
            tagger: Tagger::new(engine.clone()),
            reader: Reader::of(engine.clone(), window),
            filler: MaskFiller::new(engine.clone()),
            engine,
        }
    }
}
