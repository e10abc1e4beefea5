//! How well documents answer a query, by a cross-encoder: a sequence classifier of one label that reads the pair.

use std::{collections::BTreeSet, path::Path};

use super::{Classification, Scoring};
use crate::{
    checkpoint::{opened::Opened, sentence::CrossEncoder},
    engine::{Engine, Purpose},
    error::{Error, Result},
    options::Options,
};

/// A cross-encoder. Cloning shares it; any number of threads may use one at a time.
///
/// ```no_run
/// use nimbert::{Options, Reranker};
///
/// let reranker = Reranker::load("ms-marco-MiniLM-L6-v2", Options::default())?;
/// let documents = ["a film about Ghent", "how to bake bread"];
/// for found in reranker.rank("what is the film about?", &documents)? {
///     println!("{:.3} {}", found.score, documents[found.index]);
/// }
/// # Ok::<(), nimbert::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Reranker {
    engine: Engine,
    scoring: Scoring,
}

/// A document's score.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Ranked {
    /// Its place among those that were given, from 0.
    pub index: usize,
    /// The larger, the better it answers.
    pub score: f32,
    /// Tokens of the pair that were read, special ones included.
    pub tokens: usize,
    /// Whether the pair was cut to the allowed tokens.
    pub truncated: bool,
}

impl Reranker {
    /// Loads a checkpoint directory, of sentence-transformers or not, or a packed file. A logit becomes a score by the
    /// activation that the directory names, or by the sigmoid.
    ///
    /// # Errors
    /// As [`Engine::load`]; when the model has not one label, or the activation is not known here.
    pub fn load(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        let path = path.as_ref();
        let opened = Opened::at(path)?;
        let said = opened.cross_encoder()?;
        let options = options.or_max_tokens(said.max_tokens);
        Self::of(Engine::of(opened, path, options, Purpose::Classify)?, said, path)
    }

    pub(super) fn of(engine: Engine, said: CrossEncoder, path: &Path) -> Result<Self> {
        if engine.labels().len() != 1 {
            return Err(Self::none(&engine, path));
        }
        let named =
            said.activation.or_else(|| engine.config().sequence().and_then(|head| head.activation.clone()));
        let scoring = match named.as_deref() {
            None | Some("torch.nn.modules.activation.Sigmoid") => Scoring::Sigmoid,
            Some("torch.nn.modules.linear.Identity") => Scoring::Identity,
            Some(other) => {
                let reason = format!("{other:?} is not supported, only Sigmoid and Identity");
                return Err(Error::config(path, "activation_fn", reason));
            }
        };
        Ok(Self { engine, scoring })
    }

    /// What a model is told that is no cross-encoder.
    pub(super) fn none(engine: &Engine, path: &Path) -> Error {
        let labels = engine.labels().len();
        if engine.config().sequence().is_none() {
            return Purpose::Classify.refuse(path, engine.config());
        }
        Error::Task {
            path: path.to_owned(),
            class: format!("{} with {labels} labels", engine.config().class()),
            wanted: "single label, as a cross-encoder has it",
            advice: "`nimbert classify` scores pairs by each label",
        }
    }

    /// The score of each document, in their order, or an error for a document that has none. A document's are the same bits whatever
    /// the others are.
    ///
    /// # Errors
    /// Of a document: that the pair is longer than allowed and [`Options::on_long`] says so, or its score is not finite. Of every
    /// document: that there is no memory.
    pub fn scores(&self, query: &str, documents: &[&str]) -> Vec<Result<Ranked>> {
        self.scores_of_pairs(&documents.iter().map(|document| (query, *document)).collect::<Vec<_>>())
    }

    /// The same of documents with a query each.
    ///
    /// # Errors
    /// As [`Reranker::scores`].
    pub fn scores_of_pairs(&self, pairs: &[(&str, &str)]) -> Vec<Result<Ranked>> {
        let answers = self.engine.classify_pairs(pairs).into_iter().enumerate();
        let ranked = |(index, answer): (usize, Result<Classification>)| {
            let Classification { logits, tokens, truncated, .. } = answer?;
            Ok(Ranked { index, score: self.scoring.scores(&logits)[0], tokens, truncated })
        };
        answers.map(ranked).collect()
    }

    /// The documents, the best first. Of equals, the first.
    ///
    /// # Errors
    /// The first of [`Reranker::scores`].
    pub fn rank(&self, query: &str, documents: &[&str]) -> Result<Vec<Ranked>> {
        let mut ranked = self.scores(query, documents).into_iter().collect::<Result<Vec<_>>>()?;
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(ranked)
    }

    /// The same with some parts of the model as `other` has them: see [`Engine::with_parts_of`].
    ///
    /// # Errors
    /// As there.
    pub fn with_parts_of(&self, other: &Self, names: &BTreeSet<String>) -> Result<Self> {
        Ok(Self { engine: self.engine.with_parts_of(&other.engine, names)?, scoring: self.scoring })
    }

    /// How a logit becomes a score.
    pub fn scoring(&self) -> Scoring {
        self.scoring
    }

    /// The model below: its configuration, precision and limits.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }
}
