//! A model with everything that it can do, for who loads it without saying what for.

use std::path::Path;

use super::{EmbedOptions, Embedder, Reranker};
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
}

impl AnyTask {
    /// # Errors
    /// As [`Engine::load`]; when an option does not fit the model.
    pub(crate) fn load(opened: Opened, path: &Path, options: Options, how: EmbedOptions) -> Result<Self> {
        if opened.is_cross_encoder() {
            let said = opened.cross_encoder();
            let own = said.as_ref().ok().and_then(|said| said.max_tokens);
            let engine = Engine::of(opened, path, options.or_max_tokens(own), Purpose::Any)?;
            let reranker = said.and_then(|said| Reranker::of(engine.clone(), said, path));
            return Ok(Self { embedder: Ok(Embedder::new(engine.clone(), how)?), engine, reranker });
        }
        let is_classifier = opened.is_classifier();
        let (encoder, sentence) = match opened.sentence() {
            // What is said of vectors is not computed here. Labels are.
            Err(error) if is_classifier => {
                let engine = Engine::of(Opened::at(path)?, path, options, Purpose::Classify)?;
                return Ok(Self {
                    embedder: Err(error),
                    reranker: Err(Reranker::none(&engine, path)),
                    engine,
                });
            }
            found => found?,
        };
        let own = sentence.as_ref().and_then(|sentence| sentence.max_tokens);
        // A directory that was made for vectors need not have the weights of the head that its class names.
        let purpose = if sentence.is_some() { Purpose::Embed } else { Purpose::Any };
        let engine = Engine::of(encoder, path, options.or_max_tokens(own), purpose)?;
        let embedder = Embedder::of(engine.clone(), sentence, how)?;
        Ok(Self { embedder: Ok(embedder), reranker: Err(Reranker::none(&engine, path)), engine })
    }
}
