//! A request that is read, and its answer: what every protocol starts from and ends with.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use nimbert::Task;
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

use super::{
    App, Limits,
    aside::{reading, writing},
    failure::{Failure, Kind},
    fields::Fields,
    served::{Input, Served},
    usage::Usage,
};

/// Bodies of the largest size that all requests may have under way together, with their answers; what is made of them meanwhile is some
/// times as large.
const BODIES: usize = 64;
/// Bytes of a body that always have room, so that a few that send much, slowly, keep nobody else out.
const SMALL: usize = 16 << 10;

/// Bytes of a request's body, read or still coming, and of its answer until that is sent: its part of what all have in memory.
pub(super) struct Held {
    app: Arc<App>,
    bytes: AtomicUsize,
}

impl Held {
    fn new(app: &Arc<App>) -> Self {
        Self { app: Arc::clone(app), bytes: AtomicUsize::new(0) }
    }

    /// Counts bytes, and tells how many it has now, and how many all have.
    fn add(&self, bytes: usize) -> [usize; 2] {
        let all = self.app.metrics.bodies.inc_by(bytes as i64);
        [self.bytes.fetch_add(bytes, Relaxed), all as usize].map(|before| before + bytes)
    }

    /// For what is not kept.
    fn release(&self) {
        self.app.metrics.bodies.dec_by(self.bytes.swap(0, Relaxed) as i64);
    }

    /// Counts what is read, if there is room for it.
    fn read(&self, bytes: usize) -> Result<(), Failure> {
        let [own, all] = self.add(bytes);
        if own <= SMALL || all <= self.app.limits.body_bytes.saturating_mul(BODIES) {
            return Ok(());
        }
        let message = format!("Model is overloaded: requests of {all} bytes are under way");
        Err(Failure::new(Kind::Overloaded, message).retry_after(Duration::from_secs(1)))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

/// An answer on its way, which counts until it is sent.
struct Sent {
    bytes: Vec<u8>,
    _held: Arc<Held>,
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A request whose body is JSON.
pub(super) struct Call {
    pub(super) app: Arc<App>,
    /// The model of the path, or the first.
    pub(super) served: Arc<Served>,
    pub(super) body: Value,
    pub(super) usage: Usage,
    held: Arc<Held>,
}

/// An answer in JSON, and what it took.
pub(super) struct Reply {
    body: Sent,
    usage: Usage,
}

/// What a handler gives.
pub(super) type Answer = Result<Reply, Failure>;

impl Call {
    /// The body as an object, taken out.
    pub(super) fn fields(&mut self) -> Result<Fields, Failure> {
        Fields::of_body(self.body.take())
    }

    pub(super) async fn reply(&self, value: &impl Serialize) -> Answer {
        let much = self.usage.tokens * size_of::<f32>() * 8;
        let body = writing(much, || serde_json::to_vec(value)).await;
        let body = body.map_err(|error| Failure::new(Kind::Backend, error.to_string()))?;
        self.held.add(body.len());
        Ok(Reply { body: Sent { bytes: body, _held: Arc::clone(&self.held) }, usage: self.usage })
    }

    /// The pairs of a query with each document, if the model ranks, and as long as that is not much more than the request had.
    pub(super) fn pairs(&self, query: &str, documents: &[String], key: &str) -> Result<Vec<Input>, Failure> {
        self.served.check_can(Task::Rerank)?;
        self.check_count(documents.len(), key)?;
        let (size, most) =
            (query.len().saturating_mul(documents.len()), self.app.limits.body_bytes.saturating_mul(8));
        if size > most {
            let message = format!(
                "a query of {} bytes for {} documents: more than {most} together",
                query.len(),
                documents.len()
            );
            return Err(Failure::new(Kind::PayloadTooLarge, message));
        }
        Ok(documents.iter().map(|text| Input::Pair(query.to_owned(), text.clone())).collect())
    }

    /// That there is something to do, and not too much of it.
    pub(super) fn check_count(&self, count: usize, key: &str) -> Result<(), Failure> {
        let most = self.app.limits.texts;
        match count {
            0 => Err(Failure::new(Kind::Empty, format!("`{key}` cannot be empty"))),
            n if n > most => {
                let message = format!("batch size {n} > maximum allowed batch size {most}");
                Err(Failure::validation(message))
            }
            _ => Ok(()),
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(Bytes::from_owner(self.body)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.usage.write(headers);
        response.extensions_mut().insert(self.usage);
        response
    }
}

/// The model that a path names, or the first.
pub(super) async fn model_of(
    parts: &mut axum::http::request::Parts,
    app: &Arc<App>,
) -> Result<Arc<Served>, Failure> {
    let params = RawPathParams::from_request_parts(parts, app).await;
    let params = params.map_err(|error| Failure::new(Kind::Malformed, error.to_string()))?;
    let named = params.iter().find(|(key, _)| *key == "name").map(|(_, name)| name);
    named.map_or_else(|| Ok(Arc::clone(&app.models[0])), |name| app.model(name))
}

impl FromRequest<Arc<App>> for Call {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let started = parts.extensions.get::<Arrival>().map_or_else(Instant::now, |arrival| arrival.0);
        // First of all, so that the connection can go on whatever is wrong.
        let held = Arc::new(Held::new(app));
        let bytes = read(body, &parts.headers, &app.limits, &held).await?;
        let served = model_of(&mut parts, app).await?;
        check_headers(&parts.headers)?;
        let usage = Usage::new(started, started + app.limits.deadline);
        let body = reading(bytes.len(), usage.deadline(), || serde_json::from_slice(&bytes)).await?;
        let body =
            body.map_err(|error| Failure::new(Kind::Malformed, format!("the body is no JSON: {error}")))?;
        Ok(Self { app: Arc::clone(app), served, body, usage, held })
    }
}

/// When a request's header was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival(pub(super) Instant);

fn check_headers(headers: &HeaderMap) -> Result<(), Failure> {
    let text =
        |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?").to_lowercase());
    if let Some(kind) = text(header::CONTENT_TYPE) {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind != "application/json" && !kind.ends_with("+json") {
            let message = "the Content-Type is not application/json";
            return Err(Failure::new(Kind::UnsupportedMediaType, message));
        }
    }
    if text(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        let message = "a body with a Content-Encoding is not read: send it as it is";
        return Err(Failure::new(Kind::UnsupportedMediaType, message));
    }
    Ok(())
}

/// The body, if it comes in time and is no larger than allowed. One that is larger is read to its end all the same, within the time that
/// there is, since a client that still sends does not listen; nothing of it is kept.
async fn read(mut body: Body, headers: &HeaderMap, limits: &Limits, held: &Held) -> Result<Vec<u8>, Failure> {
    let too_large = || {
        let message = format!("the body has more than {} bytes", limits.body_bytes);
        Failure::new(Kind::PayloadTooLarge, message)
    };
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let is_large = announced.is_some_and(|length| length > limits.body_bytes);
    if is_large && headers.contains_key(header::EXPECT) {
        return Err(too_large());
    }
    // Memory is taken as it comes: what is announced may never be.
    let (mut bytes, mut refused) = (Vec::new(), None);
    let whole = async {
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if refused.is_none() {
                let is_large = bytes.len() + data.len() > limits.body_bytes;
                refused = if is_large { Some(too_large()) } else { held.read(data.len()).err() };
            }
            if refused.is_some() {
                held.release();
                bytes = Vec::new();
            } else {
                bytes.extend_from_slice(&data);
            }
        }
        Ok::<_, axum::Error>(())
    };
    let outcome = timeout(limits.body_timeout, whole).await;
    if let Some(refused) = refused {
        return Err(refused);
    }
    match outcome {
        Ok(Ok(())) => Ok(bytes),
        Ok(Err(error)) => Err(Failure::new(Kind::Malformed, format!("the body: {error}"))),
        Err(_) => {
            let seconds = limits.body_timeout.as_secs_f64();
            Err(Failure::new(Kind::RequestTimeout, format!("the body has not come within {seconds} s")))
        }
    }
}
