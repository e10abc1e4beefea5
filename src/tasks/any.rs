//! A model with everything that it can do, for who loads it without saying what for.

use std::path::Path;

use super::{EmbedOptions, Embedder, Reader, Reranker, Tagger};
use crate::{
    checkpoint::opened::Opened,
    engine::{Engine, Purpose},
    error::Result,
    options::Options,
};

/// One model, by each of its tasks. The weights are there once.
#[derive(Debug)]
pub(crate) struct AnyTask {
    pub(crate) engine: Engine,
    /// Or why it makes no vectors.
    pub(crate) embedder: Result<Embedder>,
    /// Or why it ranks nothing.
    pub(crate) reranker: Result<Reranker>,
    /// Or why it finds no entities.
    pub(crate) tagger: Result<Tagger>,
    /// Or why it finds no answers.
    pub(crate) reader: Result<Reader>,
}

impl AnyTask {
    /// # Errors
    /// As [`Engine::load`]; when an option does not fit the model.
    pub(crate) fn load(opened: Opened, path: &Path, options: Options, how: EmbedOptions) -> Result<Self> {
        let window = options.max_tokens;
        if opened.is_cross_encoder() {
            let said = opened.cross_encoder();
            let own = said.as_ref().ok().and_then(|said| said.max_tokens);
            let engine = Engine::of(opened, path, options.or_max_tokens(own), Purpose::Any)?;
            let embedder = Embedder::new(engine.clone(), how)?;
            let reranker = said.and_then(|said| Reranker::of(engine.clone(), said, path));
            return Ok(Self { reranker, ..Self::of(engine, Ok(embedder), window, path) });
        }
        let is_classifier = opened.is_classifier();
        let (encoder, sentence) = match opened.sentence() {
            // What is said of vectors is not computed here. Labels are.
            Err(error) if is_classifier => {
                let engine = Engine::of(Opened::at(path)?, path, options, Purpose::Classify)?;
                return Ok(Self::of(engine, Err(error), window, path));
            }
            found => found?,
        };
        let own = sentence.as_ref().and_then(|sentence| sentence.max_tokens);
        // A directory that was made for vectors need not have the weights of the head that its class names.
        let purpose = if sentence.is_some() { Purpose::Embed } else { Purpose::Any };
        let engine = Engine::of(encoder, path, options.or_max_tokens(own), purpose)?;
        let embedder = Embedder::of(engine.clone(), sentence, how)?;
        Ok(Self::of(engine, Ok(embedder), window, path))
    }

    /// What a model can do that ranks nothing. `window` is how many tokens one has, where the user says so.
    fn of(engine: Engine, embedder: Result<Embedder>, window: Option<usize>, path: &Path) -> Self {
        Self {
            embedder,
            reranker: Err(Reranker::none(&engine, path)),
            tagger: Tagger::new(engine.clone()),
            reader: Reader::of(engine.clone(), window),
            engine,
        }
    }
}
