//! `/v1/embeddings` as OpenAI has it, and the list of models.

use std::sync::Arc;

use axum::{Json, extract::State};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    App,
    call::{Answer, Call},
    failure::Failure,
    inputs::of_embed,
    served::Vectors,
};

#[derive(Serialize)]
struct Response<'a> {
    object: &'static str,
    data: Vec<Vector>,
    model: &'a str,
    usage: Tokens,
}

#[derive(Serialize)]
struct Vector {
    object: &'static str,
    index: usize,
    embedding: Embedding,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Embedding {
    Numbers(Vec<f32>),
    /// Little-endian, in base64.
    Bytes(String),
}

#[derive(Serialize)]
struct Tokens {
    prompt_tokens: usize,
    total_tokens: usize,
}

/// `POST /v1/embeddings`. Vectors have length 1. A text of too many tokens is cut, as everywhere here, and the header says so.
pub(super) async fn embeddings(mut call: Call) -> Answer {
    let mut fields = call.fields()?;
    let inputs = of_embed(fields.need("input")?, "input")?;
    let format: Option<String> = fields.take("encoding_format")?;
    let dimensions = fields.take("dimensions")?;
    call.served = call.app.model_for(fields.take("model")?)?;
    drop(fields.take::<String>("user")?);
    let truncation = super::inputs::truncation(&mut fields)?;
    fields.end("input, model, encoding_format, dimensions, user, truncate, truncation_direction")?;
    let in_bytes = match format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(other) => {
            let message = format!("`encoding_format`: {other:?} is neither \"float\" nor \"base64\"");
            return Err(Failure::validation(message));
        }
    };
    call.check_count(inputs.all.len(), "input")?;
    let how = Vectors { truncation, prompt_name: None, normalize: Some(true), dimensions };
    let found = call.served.embed(&inputs.all, &how, &mut call.usage).await?;
    let vector = |(index, numbers): (usize, Vec<f32>)| {
        let embedding = if in_bytes {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            Embedding::Bytes(BASE64_STANDARD.encode(bytes))
        } else {
            Embedding::Numbers(numbers)
        };
        Vector { object: "embedding", index, embedding }
    };
    let data = found.into_iter().enumerate().map(vector).collect();
    let usage = Tokens { prompt_tokens: call.usage.tokens, total_tokens: call.usage.tokens };
    call.reply(&Response { object: "list", data, model: &call.served.name, usage }).await
}

/// `GET /v1/models`
pub(super) async fn models(State(app): State<Arc<App>>) -> Json<Value> {
    let model = |served: &Arc<super::served::Served>| {
        let tasks: Vec<_> = served.model.tasks.iter().map(|task| task.name()).collect();
        json!({ "id": served.name, "object": "model", "created": app.started, "owned_by": "nimbert", "tasks": tasks })
    };
    Json(json!({ "object": "list", "data": app.models.iter().map(model).collect::<Vec<_>>() }))
}
