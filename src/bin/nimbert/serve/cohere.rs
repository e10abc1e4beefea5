//! `/v1/rerank` and `/v2/rerank`, as Cohere and Jina have them.

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    call::{Answer, Call},
    failure::Failure,
    fields::{Fields, kind},
    served::Truncation,
};

/// `POST /v1/rerank`
pub(super) async fn rerank_v1(call: Call) -> Answer {
    rerank(call, "1").await
}

/// `POST /v2/rerank`
pub(super) async fn rerank_v2(call: Call) -> Answer {
    rerank(call, "2").await
}

async fn rerank(mut call: Call, version: &str) -> Answer {
    let mut fields = call.fields()?;
    let (query, documents): (String, Vec<Value>) = (fields.need("query")?, fields.need("documents")?);
    let top_n: Option<usize> = fields.take("top_n")?;
    let with_documents: bool = fields.take("return_documents")?.unwrap_or(false);
    let model: Option<String> = fields.take("model")?;
    let most: Option<usize> = fields.take("max_tokens_per_doc")?;
    fields.end("model, query, documents, top_n, return_documents, max_tokens_per_doc")?;
    call.served = call.app.model_for(model)?;
    // A document is cut where the model's tokens end; earlier on request it is not.
    if let Some(most) = most.filter(|&most| most < call.served.max_tokens()) {
        let message = format!(
            "`max_tokens_per_doc`: {most} is less than the {} tokens that the model reads; cut the documents before",
            call.served.max_tokens()
        );
        return Err(Failure::validation(message));
    }
    let each = |(i, value)| document(value, &format!("documents[{i}]"));
    let documents = documents.into_iter().enumerate().map(each).collect::<Result<Vec<_>, _>>()?;
    let pairs = call.pairs(&query, &documents, "documents")?;
    let scores = call.served.rerank(&pairs, Truncation::KeepStart, false, &mut call.usage).await?;
    let mut ranked: Vec<_> = scores.into_iter().enumerate().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(top_n.unwrap_or(usize::MAX));
    let result = |&(index, relevance_score): &(usize, f32)| Ranked {
        index,
        relevance_score,
        document: with_documents.then_some(Document { text: &documents[index] }),
    };
    let results = ranked.iter().map(result).collect();
    let tokens = call.usage.tokens;
    let meta = json!({ "api_version": { "version": version }, "tokens": { "input_tokens": tokens } });
    let usage = json!({ "total_tokens": tokens });
    call.reply(&Response { model: &call.served.name, results, usage, meta }).await
}

#[derive(Serialize)]
struct Response<'a> {
    model: &'a str,
    results: Vec<Ranked<'a>>,
    usage: Value,
    meta: Value,
}

#[derive(Serialize)]
struct Ranked<'a> {
    index: usize,
    relevance_score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Document<'a>>,
}

#[derive(Serialize)]
struct Document<'a> {
    text: &'a str,
}

/// A string, or an object with one under `text`.
fn document(value: Value, place: &str) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text),
        Value::Object(_) => {
            let mut fields = Fields::new(value, place)?;
            let text = fields.need("text")?;
            fields.end("text")?;
            Ok(text)
        }
        other => Err(Failure::validation(format!(
            "`{place}` is {}, expected a string or {{\"text\": …}}",
            kind(&other)
        ))),
    }
}
