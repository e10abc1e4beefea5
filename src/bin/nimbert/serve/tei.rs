//! The routes of text-embeddings-inference.
//!
//! Scores are what the model's problem type says, where that service has a softmax for every model of several labels; what is cut is told
//! in a header; and every error is JSON.

use nimbert::{Cut, Origin, Scoring, Tokenizer, Window};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    aside::{reading, writing},
    call::{Answer, Call},
    failure::{Failure, Kind},
    fields::Fields,
    forms::{OneOrMany, labels},
    inputs::{of_embed, of_predict, texts, truncation},
    served::{Input, Vectors},
};

/// `POST /predict`
pub(super) async fn predict(mut call: Call) -> Answer {
    let mut fields = call.fields()?;
    let (inputs, raw) = (of_predict(fields.need("inputs")?)?, fields.take("raw_scores")?.unwrap_or(false));
    let truncation = truncation(&mut fields)?;
    fields.end("inputs, truncate, truncation_direction, raw_scores")?;
    call.check_count(inputs.all.len(), "inputs")?;
    let scoring = raw.then_some(Scoring::Identity);
    let found = call.served.classify(&inputs.all, truncation, scoring, &mut call.usage).await?;
    let all = found.iter().map(|text| labels(text, None)).collect();
    call.reply(&OneOrMany::of(inputs.is_one, all)).await
}

/// `POST /rerank`
pub(super) async fn rerank(mut call: Call) -> Answer {
    let fields = call.fields()?;
    rerank_fields(call, fields).await
}

#[derive(Serialize)]
struct Rank<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    score: f32,
}

pub(super) async fn rerank_fields(mut call: Call, mut fields: Fields) -> Answer {
    let (query, documents): (String, Value) = (fields.need("query")?, fields.need("texts")?);
    let [raw, with_text] =
        [fields.take("raw_scores")?, fields.take("return_text")?].map(Option::unwrap_or_default);
    let truncation = truncation(&mut fields)?;
    fields.end("query, texts, truncate, truncation_direction, raw_scores, return_text")?;
    let (documents, _) = texts(documents, "texts")?;
    let pairs = call.pairs(&query, &documents, "texts")?;
    let scores = call.served.rerank(&pairs, truncation, raw, &mut call.usage).await?;
    let rank =
        |(index, &score): (usize, &f32)| Rank { index, text: with_text.then_some(&*documents[index]), score };
    let mut ranks: Vec<_> = scores.iter().enumerate().map(rank).collect();
    ranks.sort_by(|a, b| b.score.total_cmp(&a.score));
    call.reply(&ranks).await
}

/// `POST /embed`
pub(super) async fn embed(mut call: Call) -> Answer {
    let mut fields = call.fields()?;
    let inputs = fields.need("inputs")?;
    let parameters = fields.object("parameters")?;
    embed_fields(call, inputs, parameters, fields).await
}

/// Of parameters that may be at the root or under a key of their own.
pub(super) async fn embed_fields(mut call: Call, inputs: Value, parameters: Fields, root: Fields) -> Answer {
    let mut fields = root.or(parameters)?;
    drop(fields.take::<Value>("options")?);
    let how = vectors(&mut fields)?;
    if fields.take::<String>("encoding_format")?.is_some_and(|format| format != "float") {
        return Err(Failure::validation(
            "`encoding_format`: only float here; /v1/embeddings has base64, too",
        ));
    }
    fields.end(
        "inputs, parameters, options, truncate, truncation_direction, prompt_name, normalize, dimensions, encoding_format",
    )?;
    let inputs = of_embed(inputs, "inputs")?;
    call.check_count(inputs.all.len(), "inputs")?;
    let found = call.served.embed(&inputs.all, &how, &mut call.usage).await?;
    call.reply(&found).await
}

/// How vectors are wanted: of length 1, unless said otherwise.
fn vectors(fields: &mut Fields) -> Result<Vectors, Failure> {
    Ok(Vectors {
        truncation: truncation(fields)?,
        prompt_name: fields.take("prompt_name")?,
        normalize: Some(fields.take("normalize")?.unwrap_or(true)),
        dimensions: fields.take("dimensions")?,
    })
}

/// `POST /embed_all`
pub(super) async fn embed_all(mut call: Call) -> Answer {
    let mut fields = call.fields()?;
    let inputs = of_embed(fields.need("inputs")?, "inputs")?;
    let (truncation, prompt_name) = (truncation(&mut fields)?, fields.take("prompt_name")?);
    fields.end("inputs, truncate, truncation_direction, prompt_name")?;
    call.check_count(inputs.all.len(), "inputs")?;
    let how = Vectors { truncation, prompt_name, ..Vectors::default() };
    let found = call.served.embed_tokens(&inputs.all, &how, &mut call.usage).await?;
    let size = call.served.engine().config().encoder.hidden_size;
    call.reply(&found.iter().map(|text| text.chunks_exact(size).collect()).collect::<Vec<Vec<&[f32]>>>())
        .await
}

/// `POST /similarity`
pub(super) async fn similarity(mut call: Call) -> Answer {
    let mut fields = call.fields()?;
    let inputs = fields.need("inputs")?;
    let parameters = fields.object("parameters")?;
    similarity_fields(call, inputs, parameters, fields).await
}

pub(super) async fn similarity_fields(
    mut call: Call,
    inputs: Value,
    parameters: Fields,
    root: Fields,
) -> Answer {
    let mut asked = Fields::new(inputs, "inputs")?;
    let (source, sentences): (String, Value) = (asked.need("source_sentence")?, asked.need("sentences")?);
    asked.end("source_sentence, sentences")?;
    let mut fields = root.or(parameters)?;
    drop(fields.take::<Value>("options")?);
    let (truncation, prompt_name) = (truncation(&mut fields)?, fields.take("prompt_name")?);
    fields.end("inputs, parameters, options, truncate, truncation_direction, prompt_name")?;
    let (sentences, _) = texts(sentences, "inputs.sentences")?;
    call.check_count(sentences.len(), "inputs.sentences")?;
    let how = Vectors { truncation, prompt_name, normalize: Some(true), dimensions: None };
    let all: Vec<_> = std::iter::once(source).chain(sentences).map(Input::Text).collect();
    let found = call.served.embed(&all, &how, &mut call.usage).await?;
    let (source, others) = found.split_first().expect("a vector for each");
    let cosine = |other: &Vec<f32>| source.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
    call.reply(&others.iter().map(cosine).collect::<Vec<_>>()).await
}

#[derive(Serialize)]
struct Token<'a> {
    id: u32,
    text: &'a str,
    special: bool,
    /// In bytes of the text; null of a special token.
    start: Option<usize>,
    stop: Option<usize>,
}

/// Tokens of a request that are told one by one, each of which is some hundred bytes.
const MOST_TOKENS: usize = 128 << 10;

fn too_many() -> Failure {
    let message = format!("more than {MOST_TOKENS} tokens in one request");
    Failure::new(Kind::PayloadTooLarge, message)
}

/// `POST /tokenize`
pub(super) async fn tokenize(mut call: Call) -> Answer {
    let mut fields = call.fields()?;
    let (texts, _) = texts(fields.need("inputs")?, "inputs")?;
    let with_special = fields.take("add_special_tokens")?.unwrap_or(true);
    let prompt_name: Option<String> = fields.take("prompt_name")?;
    fields.end("inputs, add_special_tokens, prompt_name")?;
    call.check_count(texts.len(), "inputs")?;
    let texts = call.served.prepared(texts, prompt_name.as_deref())?;
    let tokenizer = call.served.engine().tokenizer();
    let bytes = texts.iter().map(String::len).sum::<usize>() * 4;
    let windows = reading(bytes, call.usage.deadline(), || {
        let mut left = MOST_TOKENS;
        let window = |text: &String| {
            let windows = tokenizer.windows(text, None, usize::MAX, Cut::First, None);
            let windows = windows.map_err(Failure::validation)?;
            left = left.checked_sub(windows[0].encoding.token_ids.len()).ok_or_else(too_many)?;
            Ok(windows)
        };
        texts.iter().map(window).collect::<Result<Vec<_>, Failure>>()
    });
    let windows = windows.await??;
    let all = texts
        .iter()
        .zip(&windows)
        .map(|(text, windows)| tokens(call.served.engine().tokenizer(), text, &windows[0], with_special));
    let all: Vec<_> = writing(bytes, || all.collect()).await;
    call.usage.tokens = all.iter().map(Vec::len).sum();
    call.reply(&all).await
}

fn tokens<'a>(
    tokenizer: &'a Tokenizer,
    text: &'a str,
    window: &Window,
    with_special: bool,
) -> Vec<Token<'a>> {
    let mut places: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
    places.push(text.len());
    let ids = window.encoding.token_ids.iter().zip(&window.origins);
    let token = |(&id, origin): (&u32, &Option<Origin>)| {
        let (start, stop) =
            (origin.map(|origin| places[origin.start]), origin.map(|origin| places[origin.end]));
        let text = match (start, stop) {
            (Some(start), Some(stop)) => &text[start..stop],
            _ => tokenizer.token(id).unwrap_or_default(),
        };
        Token { id, text, special: origin.is_none(), start, stop }
    };
    ids.filter(|(_, origin)| with_special || origin.is_some()).map(token).collect()
}

/// `POST /decode`
pub(super) async fn decode(mut call: Call) -> Answer {
    let mut fields = call.fields()?;
    let inputs = of_embed(fields.need("ids")?, "ids")?;
    let skip_special = fields.take("skip_special_tokens")?.unwrap_or(true);
    fields.end("ids, skip_special_tokens")?;
    call.check_count(inputs.all.len(), "ids")?;
    let tokenizer = call.served.engine().tokenizer();
    let ids = |input: &Input| match input {
        Input::Ids(ids) => Ok(ids.len()),
        _ => Err(Failure::validation("`ids`: expected token ids, or a list of lists of them")),
    };
    let tokens = inputs.all.iter().map(ids).sum::<Result<usize, _>>()?;
    if tokens > MOST_TOKENS {
        return Err(too_many());
    }
    let text = |input: &Input| match input {
        Input::Ids(ids) => tokenizer.decode(ids, skip_special),
        _ => String::new(),
    };
    // A token is some characters that are looked at.
    let bytes = tokens.saturating_mul(64);
    let texts =
        reading(bytes, call.usage.deadline(), || inputs.all.iter().map(text).collect::<Vec<_>>()).await?;
    call.reply(&texts).await
}

/// What `GET /info` tells of a model.
pub(super) fn info(app: &super::App, served: &super::served::Served) -> Value {
    let engine = served.engine();
    let (labels, tokenizer) = (engine.labels(), engine.tokenizer());
    let by_index = labels.iter().enumerate().map(|(index, label)| (index.to_string(), json!(label)));
    let by_name = labels.iter().enumerate().map(|(index, label)| (label.clone(), json!(index)));
    let named =
        json!({ "id2label": by_index.collect::<Map<_, _>>(), "label2id": by_name.collect::<Map<_, _>>() });
    let kind = match (served.pooling(), labels.len()) {
        (Some(pooling), _) if served.task() == nimbert::Task::Embed => {
            json!({ "embedding": { "pooling": pooling } })
        }
        (_, 0) => json!({ "embedding": { "pooling": served.pooling() } }),
        (_, 1) => json!({ "reranker": named }),
        _ => json!({ "classifier": named }),
    };
    json!({
        "model_id": served.name,
        "model_sha": engine.source_sha256(),
        "model_dtype": engine.precision().to_string(),
        "served_model_name": served.name,
        "model_type": kind,
        "mask_token": tokenizer.mask().and_then(|id| tokenizer.token(id)),
        "tasks": served.model.tasks.iter().map(|task| task.name()).collect::<Vec<_>>(),
        "max_concurrent_requests": app.limits.connections,
        "max_input_length": served.max_tokens(),
        "max_batch_tokens": engine.batch_tokens(),
        "max_batch_requests": null_value(),
        "max_client_batch_size": app.limits.texts,
        "auto_truncate": true,
        "tokenization_workers": app.runtime_threads,
        "version": env!("CARGO_PKG_VERSION"),
        "sha": null_value(),
        "docker_label": null_value(),
    })
}

fn null_value() -> Value {
    Value::Null
}

/// What is said while the service ends.
pub(super) fn unhealthy() -> Failure {
    Failure::new(Kind::Unhealthy, "the service is ending")
}
