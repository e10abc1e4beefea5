//! A model in the service: what it can do, and its ways through the queue.

mod read;
mod steps;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Instant};

use anyhow::{Result, bail};
use nimbert::{AnyTask, Embedder, Engine, Options, Prompt, Task};

pub(super) use self::read::{Input, Truncation, Vectors};
use super::queue::{Lane, LaneId, Queue};

/// A model that can be asked.
pub(super) struct Served {
    pub(super) name: String,
    pub(super) model: AnyTask,
    /// By the name of the prompt; under an empty one what goes before a text unless something else is said.
    embedders: BTreeMap<String, (Embedder, LaneId)>,
    /// Outputs of the head.
    outputs: LaneId,
    /// A vector for each token.
    tokens: LaneId,
    queue: Option<Arc<Queue>>,
}

impl Served {
    /// Loads the model at `path`, or the demo, and adds its ways through the queue to `lanes`.
    pub(super) fn load(
        name: String,
        path: Option<&Path>,
        options: Options,
        lanes: &mut Vec<Lane>,
    ) -> Result<Self> {
        let model = crate::model::load_any(path, options)?;
        let mut add = |lane| {
            lanes.push(lane);
            LaneId::from(lanes.len() - 1)
        };
        let outputs = add(outputs(&model));
        let mut embedders = BTreeMap::new();
        let mut tokens = outputs;
        if let Ok(default) = &model.embedder {
            let batch = model.engine.batch_tokens();
            let states = default.clone();
            tokens = add(Lane::new(batch, move |rows| states.token_vectors(rows)));
            let names: Vec<_> = default.prompts().map(|(name, _)| name.to_owned()).collect();
            let named = |name: String| Ok((name.clone(), default.with_prompt(Prompt::Named(name))?));
            let mut all = names.into_iter().map(named).collect::<Result<Vec<_>>>()?;
            all.push((String::new(), default.clone()));
            for (name, embedder) in all {
                let compute = embedder.clone();
                let lane = add(Lane::new(batch, move |rows| compute.pooled(rows)));
                embedders.insert(name, (embedder, lane));
            }
        }
        Ok(Self { name, model, embedders, outputs, tokens, queue: None })
    }

    /// From now on it can be asked. Something is computed before that, so that the first request need not wait for memory, and so that
    /// the queue knows how long that takes.
    pub(super) fn connect(&mut self, queue: &Arc<Queue>) -> Result<()> {
        let rows = [self.model.engine.encode(&"一 a ".repeat(40), None)?];
        let compute = || match self.embedders.get("") {
            Some((embedder, _)) => embedder.pooled(&rows).remove(0),
            None => self.model.engine.logits(&rows).remove(0),
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
        self.model.engine.max_tokens()
    }

    /// The model, without what it is used for.
    pub(super) fn engine(&self) -> &Engine {
        &self.model.engine
    }

    /// What the model was made for.
    pub(super) fn task(&self) -> Task {
        self.model.tasks[0]
    }
}

/// The way to the outputs of a model's head.
fn outputs(model: &AnyTask) -> Lane {
    let batch = model.engine.batch_tokens();
    match model.clone() {
        AnyTask { tagger: Ok(tagger), .. } => Lane::new(batch, move |rows| tagger.logits(rows)),
        AnyTask { reader: Ok(reader), .. } => Lane::new(batch, move |rows| reader.logits(rows)),
        AnyTask { filler: Ok(filler), .. } => Lane::new(batch, move |rows| filler.logits(rows)),
        AnyTask { engine, .. } => Lane::new(batch, move |rows| engine.logits(rows)),
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
