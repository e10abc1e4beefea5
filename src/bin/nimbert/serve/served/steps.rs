//! Each task in its three steps: text to tokens, tokens through the queue, and what the task makes of the outputs.

use std::time::Instant;

use nimbert::{
    Answers, Classification, Encoding, FillOptions, Filling, Hypotheses, OnLong, ReadOptions, Scoring,
    TagOptions, Tagged, Task, ZeroShotAnswer,
};

use super::{
    Served,
    read::{Input, Truncation, Vectors},
};
use crate::serve::{
    aside::{MUCH, reading, writing},
    failure::{Failure, Kind},
    queue::LaneId,
    usage::Usage,
};

impl Served {
    /// Labels of texts, with the raw outputs that they were made of; `scoring` in place of the model's own.
    pub(in crate::serve) async fn classify(
        &self,
        inputs: &[Input],
        truncation: Truncation,
        scoring: Option<Scoring>,
        usage: &mut Usage,
    ) -> Result<Vec<Classification>, Failure> {
        if self.engine().config().sequence().is_none() {
            return Err(self.cannot(Task::Classify));
        }
        let rows = self.read(inputs, truncation, usage, Self::encode).await?;
        let logits = self.through(self.outputs, &rows, usage).await?;
        let found = |(row, logits)| {
            let mut found = self.engine().classification(row, logits);
            if let Some(scoring) = scoring {
                found.scores = scoring.scores(&found.logits);
            }
            found
        };
        Ok(rows.iter().zip(logits).map(found).collect())
    }

    /// How well documents answer a query: raw outputs, or scores.
    pub(in crate::serve) async fn rerank(
        &self,
        inputs: &[Input],
        truncation: Truncation,
        raw: bool,
        usage: &mut Usage,
    ) -> Result<Vec<f32>, Failure> {
        let Ok(reranker) = &self.model.reranker else { return Err(self.cannot(Task::Rerank)) };
        let scoring = if raw { Scoring::Identity } else { reranker.scoring() };
        let found = self.classify(inputs, truncation, Some(scoring), usage).await?;
        Ok(found.iter().map(|found| found.scores[0]).collect())
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
        });
        let rows = rows.await?;
        let pooled = self.through(lane, &rows, usage).await?;
        let finish = |pooled| embedder.finish(pooled, how.dimensions, how.normalize);
        Ok(pooled.into_iter().map(finish).collect::<Result<_, _>>()?)
    }

    /// Vectors of each token of texts, `[tokens, hidden_size]` for each.
    pub(in crate::serve) async fn embed_tokens(
        &self,
        inputs: &[Input],
        how: &Vectors,
        usage: &mut Usage,
    ) -> Result<Vec<Vec<f32>>, Failure> {
        let (embedder, _) = self.embedder(how.prompt_name.as_deref())?;
        let rows = self.read(inputs, how.truncation, usage, |served, input, truncation| {
            served.encode_for(embedder, input, truncation)
        });
        let rows = rows.await?;
        if usage.tokens > MOST_STATES {
            let message = format!(
                "vectors of {} tokens in one request, and at most {MOST_STATES} are given",
                usage.tokens
            );
            return Err(Failure::new(Kind::PayloadTooLarge, message));
        }
        self.through(self.tokens, &rows, usage).await
    }

    /// Entities in texts.
    pub(in crate::serve) async fn tag(
        &self,
        texts: &[String],
        options: &TagOptions,
        usage: &mut Usage,
    ) -> Result<Vec<Tagged>, Failure> {
        let Ok(tagger) = &self.model.tagger else { return Err(self.cannot(Task::Tag)) };
        let start = Instant::now();
        tagger.check(options)?;
        if let Some(stride) = options.stride {
            let room = self.max_tokens().saturating_sub(self.engine().tokenizer().special_tokens(false));
            texts.iter().try_for_each(|text| self.check_windows(text, room, stride, self.max_tokens()))?;
        }
        let length = texts.iter().map(String::len).sum();
        let windows = reading(length, usage.deadline(), || {
            texts.iter().map(|text| tagger.encode(text, options)).collect::<Result<Vec<_>, _>>()
        });
        let windows = windows.await??;
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
        Ok(writing(length, || texts.iter().zip(&windows).map(tagged).collect()).await)
    }

    /// The answer to a question.
    pub(in crate::serve) async fn answer(
        &self,
        [question, context]: [&str; 2],
        window: Option<usize>,
        options: &ReadOptions,
        usage: &mut Usage,
    ) -> Result<Answers, Failure> {
        let Ok(reader) = &self.model.reader else { return Err(self.cannot(Task::Answer)) };
        let reader = window.map_or_else(|| Ok(reader.clone()), |tokens| reader.with_window(tokens))?;
        let start = Instant::now();
        let tokenizer = self.engine().tokenizer();
        // More of a question than a window has does not count: it is refused, or cut. It has no more tokens than bytes.
        let mut most = question.len().min(MOST_QUESTION);
        while !question.is_char_boundary(most) {
            most -= 1;
        }
        let question = &question[..most];
        let head = tokenizer
            .encode(question, None, reader.window(), OnLong::Truncate)
            .map_err(Failure::validation)?;
        let head = head.token_ids.len().min(options.max_question_tokens.saturating_add(2));
        let room = reader.window().saturating_sub(head + 1);
        self.check_windows(context, room, options.stride.unwrap_or(room / 2), reader.window())?;
        let bytes = question.len() + context.len();
        let asked = reading(bytes, usage.deadline(), || reader.encode(question, context, options)).await?;
        let asked = asked.map_err(|error| Failure::validation(error.to_string()))?;
        let rows: Vec<_> = asked.windows.iter().map(|window| window.encoding.clone()).collect();
        usage.text(question.chars().count() + context.chars().count(), &rows, asked.truncated);
        usage.tokenized(start);
        let logits = self.through(self.outputs, &rows, usage).await?;
        // Spans of all windows are compared.
        let work = context.len() + options.top_k * 1024;
        Ok(writing(work, || reader.answers(&asked, context, &logits, options)).await)
    }

    /// Words for the masks of texts.
    pub(in crate::serve) async fn fill(
        &self,
        texts: &[String],
        targets: Option<&[String]>,
        top_k: usize,
        usage: &mut Usage,
    ) -> Result<Vec<Filling>, Failure> {
        let Ok(filler) = &self.model.filler else { return Err(self.cannot(Task::FillMask)) };
        let start = Instant::now();
        let find = |words: &[String]| filler.targets(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let bytes = targets.map_or(0, |words| words.iter().map(String::len).sum());
        let targets = reading(bytes, usage.deadline(), || targets.map(find)).await?;
        let options = FillOptions::default().top_k(top_k).targets(targets.transpose()?);
        let length = texts.iter().map(String::len).sum();
        let all = || texts.iter().map(|text| filler.encode(text)).collect::<Result<Vec<_>, _>>();
        let rows = reading(length, usage.deadline(), all).await?;
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
        let work = masks * top_k;
        if work > MOST_WORDS {
            let message = format!(
                "{masks} masks with {top_k} words each in one request, and at most {MOST_WORDS} are given"
            );
            return Err(Failure::validation(message));
        }
        let logits = self.through(self.outputs, &rows, usage).await?;
        let filling = |(row, logits): (&Encoding, Vec<f32>)| filler.filling(row, &logits, &options);
        Ok(writing(MUCH + work, || rows.iter().zip(logits).map(filling).collect::<Result<_, _>>()).await?)
    }

    /// Labels that the model was not trained on.
    pub(in crate::serve) async fn rank_labels(
        &self,
        texts: &[String],
        hypotheses: &Hypotheses,
        usage: &mut Usage,
    ) -> Result<Vec<ZeroShotAnswer>, Failure> {
        let Ok(model) = &self.model.zero_shot else { return Err(self.cannot(Task::ZeroShot)) };
        let start = Instant::now();
        let said = hypotheses.texts().iter().map(String::len).sum::<usize>();
        let (bytes, count) = (texts.iter().map(String::len).sum::<usize>(), hypotheses.count());
        let length = bytes.saturating_mul(count).saturating_add(said.saturating_mul(texts.len()));
        let all = || texts.iter().map(|text| model.encode(text, hypotheses)).collect::<Result<Vec<_>, _>>();
        let rows = reading(length, usage.deadline(), all).await?;
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

    async fn through(
        &self,
        lane: LaneId,
        rows: &[Encoding],
        usage: &mut Usage,
    ) -> Result<Vec<Vec<f32>>, Failure> {
        self.queue.as_ref().expect("connected before the first request").run(lane, rows, usage).await
    }

    /// That the model has such a task.
    pub(in crate::serve) fn check_can(&self, task: Task) -> Result<(), Failure> {
        if self.model.tasks.contains(&task) { Ok(()) } else { Err(self.cannot(task)) }
    }

    /// What is told to who asks a model for what it cannot do.
    pub(in crate::serve) fn cannot(&self, task: Task) -> Failure {
        let can: Vec<_> = self.model.tasks.iter().map(|task| task.name()).collect();
        let class = self.engine().config().class();
        let message = format!("{} is a {class}: no {task}, but {}", self.name, can.join(", "));
        Failure::new(Kind::Backend, message)
    }
}

/// Tokens of a request whose vectors are given one by one: each is some thousand characters of the answer.
const MOST_STATES: usize = 8192;
/// Bytes of a question, some times what any window has room for.
const MOST_QUESTION: usize = 64 << 10;
/// Masks whose logits are in memory at once.
const MOST_MASKS: usize = 64;
/// Words for all of them, each with its whole sequence.
const MOST_WORDS: usize = 8192;
