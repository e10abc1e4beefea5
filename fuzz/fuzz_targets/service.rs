//! Requests to the service, at every address, with bodies that are JSON of the keys that it knows, or anything. Each has an answer
//! in JSON, or an error in that of its protocol that says why; nothing is a mistake in the service.

#![no_main]
#![allow(dead_code, reason = "of the program's modules, some is for its commands alone")]

use std::{
    path::Path,
    sync::LazyLock,
    time::Duration,
};

use anyhow::Result;
use arbitrary::Arbitrary;
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header::CONTENT_TYPE},
};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use nimbert::{AnyTask, EmbedOptions, Engine, Options};
use serde_json::{Map, Value, json};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use serve::{Limits, LogFormat, Settings};

#[path = "../../src/bin/nimbert/forms.rs"]
mod forms;
#[path = "../../src/bin/nimbert/serve/mod.rs"]
mod serve;
#[path = "../../src/bin/nimbert/shorten.rs"]
mod shorten;

/// What the service has of the program's way with models.
mod model {
    use super::*;

    pub(crate) fn load_any(path: Option<&Path>, options: Options) -> Result<AnyTask> {
        Ok(AnyTask::load(path.expect("each is named"), options, EmbedOptions::default())?)
    }

    pub(crate) fn compute(engine: &Engine) -> String {
        engine.precision().to_string()
    }
}

fn show(_: &str) -> Result<()> {
    Ok(())
}

/// The committed demo model.
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/demo/model.nimbert");
/// Others, beside the repository. Where one is not, the service does not have it.
const FAMILY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/family");
const OTHERS: [&str; 6] =
    ["bert-ner", "bert-qa", "bert-mlm", "bert-nli", "st-mean-normalize", "xlm-roberta-rerank"];
const ADDRESSES: [&str; 12] = [
    "", "/predict", "/rerank", "/embed", "/embed_all", "/similarity", "/tokenize", "/decode", "/v1/embeddings",
    "/v1/rerank", "/v2/rerank", "/none",
];
const KEYS: [&str; 40] = [
    "inputs", "parameters", "options", "query", "texts", "text", "text_pair", "question", "context", "source_sentence",
    "sentences", "ids", "input", "model", "documents", "candidate_labels", "hypothesis_template", "multi_label", "top_k",
    "function_to_apply", "truncate", "truncation_direction", "raw_scores", "return_text", "aggregation_strategy",
    "ignore_labels", "stride", "max_answer_len", "max_question_len", "max_seq_len", "doc_stride",
    "handle_impossible_answer", "align_to_words", "targets", "prompt_name", "normalize", "dimensions",
    "encoding_format", "top_n", "skip_special_tokens",
];
const WORDS: [&str; 16] = [
    "好看", "a b c", "[MASK]", "Maria [MASK] Olsen", "", "{}", "sigmoid", "none", "left", "right", "simple", "max",
    "base64", "float", "query", "bert-ner",
];

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
static SERVICE: LazyLock<Router> = LazyLock::new(|| {
    let others = OTHERS.iter().map(|name| format!("{name}={FAMILY}/{name}"));
    let there = others.filter(|each| Path::new(each.split_once('=').unwrap().1).exists());
    let limits = Limits {
        body_bytes: 20_000,
        texts: 8,
        queue_tokens: 8192,
        deadline: Duration::from_secs(60),
        connections: 1,
        header_timeout: Duration::from_secs(1),
        body_timeout: Duration::from_secs(1),
        shutdown: Duration::from_secs(1),
    };
    serve::router(Settings {
        models: std::iter::once(format!("demo={MODEL}")).chain(there).collect(),
        host: String::new(),
        port: 0,
        options: Options::default().threads(1),
        limits,
        api_key: None,
        cors_origins: Vec::new(),
        log: LogFormat::Off,
    })
    .unwrap()
});

#[derive(Debug, Arbitrary)]
enum Json<'a> {
    Null,
    Bool(bool),
    Small(u8),
    Number(f64),
    Integer(i64),
    Word(u8),
    Text(&'a str),
    /// A word, so many times.
    Long(u8, u16),
    List(Vec<Json<'a>>),
    Object(Vec<(u8, Json<'a>)>),
}

impl Json<'_> {
    fn value(&self) -> Value {
        let word = |i: u8| WORDS[usize::from(i) % WORDS.len()];
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => json!(value),
            Self::Small(value) => json!(value),
            Self::Number(value) => json!(value),
            Self::Integer(value) => json!(value),
            Self::Word(i) => json!(word(*i)),
            Self::Text(text) => json!(text),
            Self::Long(i, count) => json!(word(*i).repeat(usize::from(*count))),
            Self::List(all) => all.iter().map(Self::value).collect(),
            Self::Object(all) => Value::Object(object(all)),
        }
    }
}

fn object(all: &[(u8, Json<'_>)]) -> Map<String, Value> {
    all.iter().map(|(key, value)| (KEYS[usize::from(*key) % KEYS.len()].to_owned(), value.value())).collect()
}

#[derive(Debug, Arbitrary)]
enum Content<'a> {
    Bytes(&'a [u8]),
    Body(Vec<(u8, Json<'a>)>),
    /// What most bodies have, and something else.
    Inputs(Json<'a>, Vec<(u8, Json<'a>)>, Vec<(u8, Json<'a>)>),
}

#[derive(Debug, Arbitrary)]
struct Asked<'a> {
    address: u8,
    model: u8,
    content: Content<'a>,
}

fuzz_target!(|asked: Asked<'_>| {
    let body = match asked.content {
        Content::Bytes(bytes) => bytes.to_vec(),
        Content::Body(keys) => Value::Object(object(&keys)).to_string().into_bytes(),
        Content::Inputs(inputs, parameters, keys) => {
            let mut body = object(&keys);
            body.insert("inputs".to_owned(), inputs.value());
            if !parameters.is_empty() {
                body.insert("parameters".to_owned(), Value::Object(object(&parameters)));
            }
            Value::Object(body).to_string().into_bytes()
        }
    };
    let address = ADDRESSES[usize::from(asked.address) % ADDRESSES.len()];
    let model = ["demo"].iter().chain(&OTHERS).nth(usize::from(asked.model) % (OTHERS.len() + 1)).unwrap();
    let path = if address.starts_with("/v") { address.to_owned() } else { format!("/models/{model}{address}") };
    let request = Request::post(&path).header(CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap();
    let (status, body) = RUNTIME.block_on(async {
        let answer = SERVICE.clone().oneshot(request).await.unwrap();
        (answer.status(), answer.into_body().collect().await.unwrap().to_bytes())
    });
    let json: Value = serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{path}: {status}: {error}"));
    if status != StatusCode::OK {
        assert!(status.is_client_error(), "{path}: {status} {json}");
        let message = json.pointer("/error/message").or(json.get("error")).or(json.get("message"));
        let message = message.and_then(Value::as_str).unwrap_or_else(|| panic!("{path}: {json}"));
        assert!(!message.is_empty() && !message.contains("the forward has failed"), "{path}: {message}");
    }
});
