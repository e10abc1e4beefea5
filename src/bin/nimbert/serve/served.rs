//! A model in the service: what it can do, and its ways through the queue.

mod read;
mod steps;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Instant};

use anyhow::{Result, bail};
use nimbert::{
    EmbedOptions, Embedder, Engine, MaskFiller, Options, Prompt, Reader, Reranker, Tagger, Task, ZeroShot,
};

pub(super) use self::read::{Input, Truncation, Vectors, aside};
use super::queue::{Lane, LaneId, Queue};

/// A model that can be asked.
pub(super) struct Served {
    pub(super) name: String,
    pub(super) engine: Engine,
    /// What it was made for first.
    pub(super) tasks: Vec<Task>,
    head: Head,
    zero_shot: Option<ZeroShot>,
    reranker: Option<Reranker>,
    /// By the name of the prompt; under an empty one what goes before a text unless something else is said.
    embedders: BTreeMap<String, (Embedder, LaneId)>,
    /// Outputs of the head.
    outputs: LaneId,
    /// A vector for each token.
    tokens: LaneId,
    queue: Option<Arc<Queue>>,
}

/// What a checkpoint has on its encoder.
enum Head {
    Classifier,
    Tagger(Tagger),
    Reader(Reader),
    Filler(MaskFiller),
    None,
}

impl Served {
    /// Loads the model at `path`, or the demo, and adds its ways through the queue to `lanes`.
    pub(super) fn load(
        name: String,
        path: Option<&Path>,
        options: Options,
        lanes: &mut Vec<Lane>,
    ) -> Result<Self> {
        let tasks = path.map_or(Ok(vec![Task::Classify, Task::Embed]), nimbert::tasks)?;
        let how = EmbedOptions::default;
        let (mut reranker, mut embedder) = (None, None);
        let (engine, head) = match (path, tasks[0]) {
            (Some(path), Task::Tag) => {
                let tagger = Tagger::load(path, options)?;
                (tagger.engine().clone(), Head::Tagger(tagger))
            }
            (Some(path), Task::Answer) => {
                let reader = Reader::load(path, options)?;
                (reader.engine().clone(), Head::Reader(reader))
            }
            (Some(path), Task::FillMask) => {
                let filler = MaskFiller::load(path, options)?;
                (filler.engine().clone(), Head::Filler(filler))
            }
            (Some(path), Task::Embed) => {
                let found = Embedder::load(path, options, how())?;
                let engine = found.engine().clone();
                embedder = Some(found);
                (engine, Head::None)
            }
            (Some(path), _) if tasks.contains(&Task::Rerank) => {
                let found = Reranker::load(path, options)?;
                let engine = found.engine().clone();
                reranker = Some(found);
                (engine, Head::Classifier)
            }
            (path, _) => (crate::model::load(path, options)?, Head::Classifier),
        };
        if embedder.is_none() && tasks.contains(&Task::Embed) {
            embedder = Some(Embedder::new(engine.clone(), how())?);
        }
        let zero_shot = tasks.contains(&Task::ZeroShot).then(|| ZeroShot::new(engine.clone(), None));
        let zero_shot = zero_shot.transpose()?;
        let mut add = |lane| {
            lanes.push(lane);
            LaneId::from(lanes.len() - 1)
        };
        let outputs = add(head.lane(&engine));
        let mut embedders = BTreeMap::new();
        let mut tokens = outputs;
        if let Some(default) = embedder {
            let batch = engine.batch_tokens();
            let states = default.clone();
            tokens = add(Lane::new(batch, move |rows| states.token_vectors(rows)));
            let names: Vec<_> = default.prompts().map(str::to_owned).collect();
            let named = |name: String| Ok((name.clone(), default.with_prompt(Prompt::Named(name))?));
            let mut all = names.into_iter().map(named).collect::<Result<Vec<_>>>()?;
            all.push((String::new(), default));
            for (name, embedder) in all {
                let compute = embedder.clone();
                let lane = add(Lane::new(batch, move |rows| compute.pooled(rows)));
                embedders.insert(name, (embedder, lane));
            }
        }
        Ok(Self { name, engine, tasks, head, zero_shot, reranker, embedders, outputs, tokens, queue: None })
    }

    /// From now on it can be asked. Something is computed before that, so that the first request need not wait for memory, and so that
    /// the queue knows how long that takes.
    pub(super) fn connect(&mut self, queue: &Arc<Queue>) -> Result<()> {
        let rows = [self.engine.encode(&"一 a ".repeat(40), None)?];
        let compute = || match self.embedders.get("") {
            Some((embedder, _)) => embedder.pooled(&rows).remove(0),
            None => self.engine.logits(&rows).remove(0),
        };
        compute()?;
        let start = Instant::now();
        compute()?;
        let took = start.elapsed();
        let lanes = self.embedders.values().map(|(_, lane)| *lane).chain([self.outputs, self.tokens]);
        lanes.for_each(|lane| queue.learn(lane, rows[0].token_ids.len(), took));
        self.queue = Some(Arc::clone(queue));
        Ok(())
    }

    /// The most tokens of a text, special ones included.
    pub(super) fn max_tokens(&self) -> usize {
        self.engine.max_tokens()
    }

    /// What the model was made for.
    pub(super) fn task(&self) -> Task {
        self.tasks[0]
    }
}

impl Head {
    /// Its outputs for rows of tokens.
    fn lane(&self, engine: &Engine) -> Lane {
        let batch = engine.batch_tokens();
        match self {
            Self::Tagger(tagger) => {
                let tagger = tagger.clone();
                Lane::new(batch, move |rows| tagger.logits(rows))
            }
            Self::Reader(reader) => {
                let reader = reader.clone();
                Lane::new(batch, move |rows| reader.logits(rows))
            }
            Self::Filler(filler) => {
                let filler = filler.clone();
                Lane::new(batch, move |rows| filler.logits(rows))
            }
            Self::Classifier | Self::None => {
                let engine = engine.clone();
                Lane::new(batch, move |rows| engine.logits(rows))
            }
        }
    }
}

/// A model's name, and where it is: `NAME=PATH`, or a path whose last part is the name.
pub(super) fn named(argument: &str) -> Result<(String, &Path)> {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_name = |name: &str| {
        !name.is_empty() && name.len() <= 96 && !name.starts_with('.') && name.chars().all(is_known)
    };
    if let Some((name, path)) = argument.split_once('=').filter(|_| !Path::new(argument).exists()) {
        if !is_name(name) {
            bail!(
                "--model {argument}: a name has letters, digits, '.', '_' and '-', and does not begin with '.'"
            );
        }
        return Ok((name.to_owned(), Path::new(path)));
    }
    let path = Path::new(argument);
    let last = path.canonicalize().ok().and_then(|whole| whole.file_name().map(|name| name.to_owned()));
    let last = last.unwrap_or_default().to_string_lossy().into_owned();
    let stem = last.strip_suffix(".nimbert").unwrap_or(&last);
    let name = stem.chars().map(|c| if is_known(c) { c } else { '-' }).collect::<String>();
    let name = name.trim_start_matches('.');
    Ok((if name.is_empty() { "model".to_owned() } else { name.to_owned() }, path))
}
