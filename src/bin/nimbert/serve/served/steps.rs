//! Each task in its three steps: text to tokens, tokens through the queue, and what the task makes of the outputs.

use std::time::Instant;

use nimbert::{
    Answers, Classification, Embedder, Encoding, FillOptions, Filling, Hypotheses, OnLong, ReadOptions,
    TagOptions, Tagged, Task, ZeroShotAnswer,
};

use super::{Head, Served};
use crate::serve::{
    failure::{Failure, Kind},
    queue::LaneId,
    usage::Usage,
};

/// What a model reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::serve) enum Input {
    Text(String),
    Pair(String, String),
    /// Tokens as they are, special ones included.
    Ids(Vec<u32>),
}

/// What happens to an input of more tokens than the model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::serve) enum Truncation {
    /// It is refused.
    Refuse,
    /// Its start is read.
    #[default]
    KeepStart,
    /// Its end is read.
    KeepEnd,
}

/// Bytes of text from which on reading them would keep others waiting.
const MUCH: usize = 32 << 10;

/// Runs what takes its time where it keeps no other request waiting.
pub(in crate::serve) fn aside<R>(bytes: usize, work: impl FnOnce() -> R) -> R {
    if bytes > MUCH { tokio::task::block_in_place(work) } else { work() }
}

impl Input {
    pub(in crate::serve) fn characters(&self) -> usize {
        match self {
            Self::Text(text) => text.chars().count(),
            Self::Pair(first, second) => first.chars().count() + second.chars().count(),
            Self::Ids(_) => 0,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Pair(first, second) => first.len() + second.len(),
            Self::Ids(ids) => ids.len() * 4,
        }
    }
}

fn bytes(inputs: &[Input]) -> usize {
    inputs.iter().map(Input::bytes).sum()
}

impl Served {
    /// Labels of texts, with the raw outputs that they were made of.
    pub(in crate::serve) async fn classify(
        &self,
        inputs: &[Input],
        truncation: Truncation,
        usage: &mut Usage,
    ) -> Result<Vec<Classification>, Failure> {
        if !matches!(self.head, Head::Classifier) {
            return Err(self.cannot(Task::Classify));
        }
        let rows = self.read(inputs, truncation, usage, Self::encode)?;
        let logits = self.through(self.outputs, &rows, usage).await?;
        Ok(rows.iter().zip(logits).map(|(row, logits)| self.engine.classification(row, logits)).collect())
    }

    /// How well documents answer a query: raw outputs, or scores.
    pub(in crate::serve) async fn rerank(
        &self,
        inputs: &[Input],
        truncation: Truncation,
        raw: bool,
        usage: &mut Usage,
    ) -> Result<Vec<f32>, Failure> {
        let Some(reranker) = &self.reranker else { return Err(self.cannot(Task::Rerank)) };
        let found = self.classify(inputs, truncation, usage).await?;
        let score = |found: Classification| {
            if raw { found.logits[0] } else { reranker.scoring().scores(&found.logits)[0] }
        };
        Ok(found.into_iter().map(score).collect())
    }

    /// Vectors of texts.
    pub(in crate::serve) async fn embed(
        &self,
        inputs: &[Input],
        how: &Vectors,
        usage: &mut Usage,
    ) -> Result<Vec<Vec<f32>>, Failure> {
        let (embedder, lane) = self.embedder(how.prompt_name.as_deref())?;
        // What cannot be given is said before anything is computed.
        if let Some(dimensions) = how.dimensions {
            embedder.finish(vec![0.0; embedder.dimensions()], Some(dimensions), None)?;
        }
        let rows = self.read(inputs, how.truncation, usage, |served, input, truncation| {
            served.encode_for(embedder, input, truncation)
        })?;
        let pooled = self.through(lane, &rows, usage).await?;
        let finish = |pooled| embedder.finish(pooled, how.dimensions, how.normalize);
        Ok(pooled.into_iter().map(finish).collect::<Result<_, _>>()?)
    }

    /// Vectors of each token of texts.
    pub(in crate::serve) async fn embed_tokens(
        &self,
        inputs: &[Input],
        how: &Vectors,
        usage: &mut Usage,
    ) -> Result<Vec<Vec<Vec<f32>>>, Failure> {
        let (embedder, _) = self.embedder(how.prompt_name.as_deref())?;
        let rows = self.read(inputs, how.truncation, usage, |served, input, truncation| {
            served.encode_for(embedder, input, truncation)
        })?;
        if usage.tokens > MOST_STATES {
            let message = format!(
                "vectors of {} tokens in one request, and at most {MOST_STATES} are given",
                usage.tokens
            );
            return Err(Failure::new(Kind::PayloadTooLarge, message));
        }
        let states = self.through(self.tokens, &rows, usage).await?;
        let size = self.engine.config().encoder.hidden_size;
        Ok(states.iter().map(|row| row.chunks_exact(size).map(<[f32]>::to_vec).collect()).collect())
    }

    /// Entities in texts.
    pub(in crate::serve) async fn tag(
        &self,
        texts: &[String],
        options: &TagOptions,
        usage: &mut Usage,
    ) -> Result<Vec<Tagged>, Failure> {
        let Head::Tagger(tagger) = &self.head else { return Err(self.cannot(Task::Tag)) };
        let start = Instant::now();
        tagger.check(options)?;
        if let Some(stride) = options.stride {
            let room = self.max_tokens().saturating_sub(self.engine.tokenizer().special_tokens(false));
            texts.iter().try_for_each(|text| self.check_windows(text, room, stride, self.max_tokens()))?;
        }
        let length = texts.iter().map(String::len).sum();
        let windows = aside(length, || {
            texts.iter().map(|text| tagger.encode(text, options)).collect::<Result<Vec<_>, _>>()
        })?;
        let rows: Vec<Vec<Encoding>> = windows
            .iter()
            .map(|windows| windows.iter().map(|window| window.encoding.clone()).collect())
            .collect();
        for (text, rows) in texts.iter().zip(&rows) {
            usage.text(text.chars().count(), rows, options.stride.is_none() && rows[0].truncated);
        }
        usage.tokenized(start);
        let mut logits = self.through(self.outputs, &rows.concat(), usage).await?.into_iter();
        let tagged = |(text, windows): (&String, &Vec<_>)| {
            let logits: Vec<_> = logits.by_ref().take(windows.len()).collect();
            tagger.tagged(text, windows, &logits, options)
        };
        Ok(aside(length, || texts.iter().zip(&windows).map(tagged).collect()))
    }

    /// The answer to a question.
    pub(in crate::serve) async fn answer(
        &self,
        [question, context]: [&str; 2],
        window: Option<usize>,
        options: &ReadOptions,
        usage: &mut Usage,
    ) -> Result<Answers, Failure> {
        let Head::Reader(reader) = &self.head else { return Err(self.cannot(Task::Answer)) };
        let reader = window.map_or_else(|| Ok(reader.clone()), |tokens| reader.with_window(tokens))?;
        let start = Instant::now();
        let tokenizer = self.engine.tokenizer();
        // More of a question than a window has does not count: it is refused, or cut.
        let head = tokenizer
            .encode(question, None, reader.window(), OnLong::Truncate)
            .map_err(Failure::validation)?;
        let head = head.token_ids.len().min(options.max_question_tokens.saturating_add(2));
        let room = reader.window().saturating_sub(head + 1);
        self.check_windows(context, room, options.stride.unwrap_or(room / 2), reader.window())?;
        let asked = aside(context.len(), || reader.encode(question, context, options));
        let asked = asked.map_err(|error| Failure::validation(error.to_string()))?;
        let rows: Vec<_> = asked.windows.iter().map(|window| window.encoding.clone()).collect();
        usage.text(question.chars().count() + context.chars().count(), &rows, asked.truncated);
        usage.tokenized(start);
        let logits = self.through(self.outputs, &rows, usage).await?;
        Ok(aside(context.len(), || reader.answers(&asked, context, &logits, options)))
    }

    /// Words for the masks of texts.
    pub(in crate::serve) async fn fill(
        &self,
        texts: &[String],
        targets: Option<&[String]>,
        top_k: usize,
        usage: &mut Usage,
    ) -> Result<Vec<Filling>, Failure> {
        let Head::Filler(filler) = &self.head else { return Err(self.cannot(Task::FillMask)) };
        let targets =
            targets.map(|words| filler.targets(&words.iter().map(String::as_str).collect::<Vec<_>>()));
        let options = FillOptions::default().top_k(top_k).targets(targets.transpose()?);
        let start = Instant::now();
        let rows = texts.iter().map(|text| filler.encode(text)).collect::<Result<Vec<_>, _>>();
        let rows = rows.map_err(|error| Failure::validation(error.to_string()))?;
        for (text, row) in texts.iter().zip(&rows) {
            usage.text(text.chars().count(), std::slice::from_ref(row), row.truncated);
        }
        usage.tokenized(start);
        let masks = rows.iter().flat_map(|row| &row.token_ids).filter(|&&id| id == filler.mask()).count();
        if masks > MOST_MASKS {
            return Err(Failure::validation(format!(
                "{masks} masks in one request, and at most {MOST_MASKS} are filled"
            )));
        }
        let logits = self.through(self.outputs, &rows, usage).await?;
        let filling = |(row, logits): (&Encoding, Vec<f32>)| filler.filling(row, &logits, &options);
        Ok(aside(masks * MUCH, || rows.iter().zip(logits).map(filling).collect::<Result<_, _>>())?)
    }

    /// Labels that the model was not trained on.
    pub(in crate::serve) async fn rank_labels(
        &self,
        texts: &[String],
        hypotheses: &Hypotheses,
        usage: &mut Usage,
    ) -> Result<Vec<ZeroShotAnswer>, Failure> {
        let Some(model) = &self.zero_shot else { return Err(self.cannot(Task::ZeroShot)) };
        let start = Instant::now();
        let rows = texts.iter().map(|text| model.encode(text, hypotheses)).collect::<Result<Vec<_>, _>>();
        let rows = rows.map_err(|error| Failure::validation(error.to_string()))?;
        for (text, rows) in texts.iter().zip(&rows) {
            usage.text(text.chars().count(), rows, rows.iter().any(|row| row.truncated));
        }
        usage.tokenized(start);
        let mut logits = self.through(self.outputs, &rows.concat(), usage).await?.into_iter();
        let answer = |rows: &Vec<Encoding>| {
            let logits: Vec<_> = logits.by_ref().take(rows.len()).collect();
            model.answer(rows, &logits, hypotheses)
        };
        Ok(rows.iter().map(answer).collect())
    }

    /// That a text is not read in windows that overlap so much that reading it would take all memory. It has at most as many tokens as
    /// characters, or bytes where a tokenizer falls back to them.
    fn check_windows(&self, text: &str, room: usize, stride: usize, window: usize) -> Result<(), Failure> {
        let step = room.saturating_sub(stride).max(1);
        if (text.len() / step).saturating_mul(window) <= MOST_WINDOWED {
            return Ok(());
        }
        let message = format!(
            "a text of {} bytes in windows of {window} tokens, {step} apart: too much for one request; a smaller stride, a shorter \
             question or a shorter text is less",
            text.len()
        );
        Err(Failure::new(Kind::PayloadTooLarge, message))
    }

    async fn through(
        &self,
        lane: LaneId,
        rows: &[Encoding],
        usage: &mut Usage,
    ) -> Result<Vec<Vec<f32>>, Failure> {
        self.queue.as_ref().expect("connected before the first request").run(lane, rows, usage).await
    }

    /// Tokens of all inputs.
    fn read(
        &self,
        inputs: &[Input],
        truncation: Truncation,
        usage: &mut Usage,
        encode: impl Fn(&Self, &Input, Truncation) -> Result<Encoding, Failure>,
    ) -> Result<Vec<Encoding>, Failure> {
        let start = Instant::now();
        let all =
            || inputs.iter().map(|input| encode(self, input, truncation)).collect::<Result<Vec<_>, _>>();
        let rows = aside(bytes(inputs), all)?;
        for (input, row) in inputs.iter().zip(&rows) {
            usage.text(input.characters(), std::slice::from_ref(row), row.truncated);
        }
        usage.tokenized(start);
        Ok(rows)
    }

    fn encode(&self, input: &Input, truncation: Truncation) -> Result<Encoding, Failure> {
        match input {
            Input::Text(text) => self.encode_texts(text, None, truncation),
            Input::Pair(first, second) => self.encode_texts(first, Some(second), truncation),
            Input::Ids(ids) => self.take_ids(ids, truncation),
        }
    }

    fn encode_for(
        &self,
        embedder: &Embedder,
        input: &Input,
        truncation: Truncation,
    ) -> Result<Encoding, Failure> {
        match input {
            Input::Text(text) => self.encode_texts(&embedder.prepare(text), None, truncation),
            _ => self.encode(input, truncation),
        }
    }

    fn encode_texts(
        &self,
        text: &str,
        pair: Option<&str>,
        truncation: Truncation,
    ) -> Result<Encoding, Failure> {
        let (tokenizer, most) = (self.engine.tokenizer(), self.max_tokens());
        let encoding = match truncation {
            Truncation::KeepEnd => tokenizer.encode_end(text, pair, most),
            Truncation::KeepStart | Truncation::Refuse => {
                tokenizer.encode(text, pair, most, OnLong::Truncate)
            }
        };
        let encoding = encoding.map_err(|reason| Failure::new(Kind::Validation, reason))?;
        if truncation == Truncation::Refuse && encoding.truncated {
            let whole = tokenizer.encode(text, pair, usize::MAX, OnLong::Truncate);
            return Err(too_long(most, whole.map_or(0, |whole| whole.token_ids.len())));
        }
        Ok(encoding)
    }

    fn take_ids(&self, ids: &[u32], truncation: Truncation) -> Result<Encoding, Failure> {
        let (most, words) = (self.max_tokens(), self.engine.config().encoder.vocab_size);
        if let Some(id) = ids.iter().find(|&&id| id as usize >= words) {
            return Err(Failure::validation(format!(
                "token id {id} is out of range: the model has {words} words"
            )));
        }
        if ids.is_empty() {
            return Err(Failure::new(Kind::Empty, "a list of token ids is empty"));
        }
        let truncated = ids.len() > most;
        let kept = match truncation {
            Truncation::Refuse if truncated => return Err(too_long(most, ids.len())),
            Truncation::KeepEnd => &ids[ids.len().saturating_sub(most)..],
            _ => &ids[..ids.len().min(most)],
        };
        Ok(Encoding { token_ids: kept.to_vec(), token_type_ids: vec![0; kept.len()], truncated })
    }

    /// Texts as they are tokenized: of a model for vectors with their prompts.
    pub(in crate::serve) fn prepared(
        &self,
        texts: Vec<String>,
        prompt_name: Option<&str>,
    ) -> Result<Vec<String>, Failure> {
        if self.task() != Task::Embed && prompt_name.is_none() {
            return Ok(texts);
        }
        let (embedder, _) = self.embedder(prompt_name)?;
        Ok(texts.iter().map(|text| embedder.prepare(text).into_owned()).collect())
    }

    /// How vectors are pooled, if there are any.
    pub(in crate::serve) fn pooling(&self) -> Option<&'static str> {
        self.embedders.get("").map(|(embedder, _)| embedder.pooling()[0].name())
    }

    /// What makes vectors with a prompt, or with the model's usual one.
    fn embedder(&self, prompt_name: Option<&str>) -> Result<(&Embedder, LaneId), Failure> {
        let Some((embedder, lane)) = self.embedders.get(prompt_name.unwrap_or_default()) else {
            let names: Vec<_> = self.embedders.keys().filter(|name| !name.is_empty()).cloned().collect();
            return Err(match prompt_name {
                None => self.cannot(Task::Embed),
                Some(_) if names.is_empty() => Failure::validation("`prompt_name`: the model has no prompts"),
                Some(_) => Failure::validation(format!("`prompt_name`: the model has {}", names.join(", "))),
            });
        };
        Ok((embedder, *lane))
    }

    /// What is told to who asks a model for what it cannot do.
    pub(in crate::serve) fn cannot(&self, task: Task) -> Failure {
        let can: Vec<_> = self.tasks.iter().map(|task| task.name()).collect();
        let class = self.engine.config().class();
        let message = format!("{} is a {class}: no {task}, but {}", self.name, can.join(", "));
        Failure::new(Kind::Backend, message)
    }
}

/// Tokens of all windows of a text, at most: more could never be computed in time.
const MOST_WINDOWED: usize = 8 << 20;
/// Tokens of a request whose vectors are given one by one: each is some thousand characters of the answer.
const MOST_STATES: usize = 8192;
/// Masks whose logits are in memory at once.
const MOST_MASKS: usize = 64;

fn too_long(most: usize, tokens: usize) -> Failure {
    let message = format!("`inputs` must have less than {most} tokens. Given: {tokens}");
    Failure::new(Kind::Validation, message)
}

/// How vectors are made.
#[derive(Debug, Clone, Default)]
pub(in crate::serve) struct Vectors {
    pub(in crate::serve) truncation: Truncation,
    pub(in crate::serve) prompt_name: Option<String>,
    /// `None`: as the model says.
    pub(in crate::serve) normalize: Option<bool>,
    pub(in crate::serve) dimensions: Option<usize>,
}
