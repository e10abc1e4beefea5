//! Every address of the service, and what is done around all of them: keys, request ids, errors in the words of their protocol, counting,
//! and the log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    body::{Body, HttpBody},
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::timeout;
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowHeaders, AllowOrigin, Any, CorsLayer},
};

use super::{
    App,
    call::{Arrival, model_of},
    cohere,
    failure::{Dialect, Failure, Kind},
    hub, openai, page, tei,
    usage::Usage,
};

/// A client's own name for a request, or the service's.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// All addresses.
pub(super) fn router(app: Arc<App>, cors_origins: &[String]) -> Result<Router> {
    let of_a_model = || {
        Router::new()
            .route("/predict", post(tei::predict))
            .route("/rerank", post(tei::rerank))
            .route("/embed", post(tei::embed))
            .route("/embed_all", post(tei::embed_all))
            .route("/similarity", post(tei::similarity))
            .route("/tokenize", post(tei::tokenize))
            .route("/decode", post(tei::decode))
            .route("/info", get(info))
    };
    let router = of_a_model()
        .route("/", get(root).post(hub::ask))
        .route("/models/{name}", get(info).post(hub::ask))
        .nest("/models/{name}", of_a_model())
        .route("/embeddings", post(openai::embeddings))
        .route("/v1/embeddings", post(openai::embeddings))
        .route("/v1/models", get(openai::models))
        .route("/v1/rerank", post(cohere::rerank_v1))
        .route("/v2/rerank", post(cohere::rerank_v2))
        .route("/health", get(health))
        .route("/ping", get(health))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(page::openapi))
        .route("/docs", get(page::docs))
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_so)
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            Failure::new(Kind::Backend, "this is a mistake in the service; its log says more").into_response()
        }))
        .layer(from_fn_with_state(Arc::clone(&app), around));
    let router = if cors_origins.is_empty() { router } else { router.layer(cors(cors_origins)?) };
    Ok(router.with_state(app))
}

/// Lets pages of other origins ask.
fn cors(origins: &[String]) -> Result<CorsLayer> {
    let origin = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let parse = |origin: &String| origin.parse().with_context(|| format!("--cors-origin {origin}"));
        AllowOrigin::list(origins.iter().map(parse).collect::<Result<Vec<HeaderValue>>>()?)
    };
    let methods = [Method::GET, Method::POST];
    Ok(CorsLayer::new()
        .allow_origin(origin)
        .allow_methods(methods)
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(Any))
}

async fn info(State(app): State<Arc<App>>, request: Request) -> Result<Json<Value>, Failure> {
    let served = model_of(&mut request.into_parts().0, &app).await?;
    Ok(Json(tei::info(&app, &served)))
}

/// The page for a browser, and for who asks whether anybody is there what [`health`] says.
async fn root(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let mut response =
        if page::is_wanted(&headers) { page::page() } else { health(State(app)).await.into_response() };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// Nothing, and 200, unless the service ends.
async fn health(State(app): State<Arc<App>>) -> Result<(), Failure> {
    if app.queue.has_ended() { Err(tei::unhealthy()) } else { Ok(()) }
}

async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.text())
}

async fn nothing_here(State(app): State<Arc<App>>, body: Body) -> Failure {
    discard(body, &app).await;
    Failure::new(Kind::NotFound, "there is nothing here; /docs says what there is")
}

async fn not_so(State(app): State<Arc<App>>, body: Body) -> Failure {
    discard(body, &app).await;
    Failure::new(Kind::MethodNotAllowed, "not with this method: it is POST where texts go in, GET elsewhere")
}

/// What is done before and after every request.
async fn around(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let arrival = Instant::now();
    request.extensions_mut().insert(Arrival(arrival));
    let (method, dialect) = (request.method().clone(), Dialect::of(request.uri().path()));
    let (mut parts, body) = request.into_parts();
    let matched = MatchedPath::from_request_parts(&mut parts, &()).await.ok();
    let route = matched.as_ref().map_or("none", MatchedPath::as_str).to_owned();
    let is_allowed = is_allowed(&app, &parts.headers, &method, &route);
    let seen = Seen {
        app: Arc::clone(&app),
        id: request_id(&parts.headers),
        method,
        route,
        arrival,
        is_over: false,
    };
    let mut response = if is_allowed {
        next.run(Request::from_parts(parts, body)).await
    } else {
        discard(body, &app).await;
        Failure::new(Kind::Unauthorized, "this needs `Authorization: Bearer` with the service's key")
            .into_response()
    };
    let failure = response.extensions_mut().remove::<Failure>();
    let error = failure.as_ref().map(|failure| failure.kind.name());
    if let Some(failure) = failure {
        response = failure.render(dialect);
    }
    response.headers_mut().insert(REQUEST_ID, seen.id.clone());
    seen.answered(&response, error);
    response
}

/// A request under way, for the log and the metrics: one whose client hangs up is there, too.
struct Seen {
    app: Arc<App>,
    id: HeaderValue,
    method: Method,
    route: String,
    arrival: Instant,
    is_over: bool,
}

/// Nobody is there any more who could be told; servers write it as this in their logs.
const CLIENT_CLOSED: u16 = 499;

impl Seen {
    fn answered(mut self, response: &Response, error: Option<&'static str>) {
        self.is_over = true;
        let usage = response.extensions().get::<Usage>().copied();
        if let Some(usage) = &usage {
            self.app.metrics.usage(usage);
        }
        self.note(response.status().as_u16(), usage.unwrap_or(Usage::new(self.arrival, self.arrival)), error);
    }

    fn note(&self, status: u16, usage: Usage, error: Option<&'static str>) {
        if let Some(kind) = error {
            self.app.metrics.error(kind);
        }
        let took = self.arrival.elapsed();
        self.app.metrics.request(&self.route, status, took);
        tracing::info!(
            request_id = self.id.to_str().unwrap_or_default(),
            method = self.method.as_str(),
            route = self.route,
            status,
            error,
            texts = usage.texts,
            tokens = usage.tokens,
            truncated = usage.truncated,
            queue_ms = usage.queue.as_secs_f64() * 1e3,
            inference_ms = usage.inference.as_secs_f64() * 1e3,
            total_ms = took.as_secs_f64() * 1e3,
            "{}",
            if self.is_over { "answered" } else { "given up" }
        );
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        if !self.is_over {
            self.note(CLIENT_CLOSED, Usage::new(self.arrival, self.arrival), None);
        }
    }
}

/// Reads a small body that nobody wants, so that the connection can go on.
async fn discard(body: Body, app: &App) {
    if body.size_hint().upper().is_some_and(|size| size <= 64 << 10) {
        // Of one that does not come hyper closes the connection.
        let _ = timeout(app.limits.body_timeout, body.collect()).await;
    }
}

/// The client's, if it is short and plain, or a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let is_plain = |id: &&HeaderValue| {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/=+".contains(byte);
        (1..=128).contains(&id.len()) && id.as_bytes().iter().all(plain)
    };
    if let Some(id) = headers.get(REQUEST_ID).filter(is_plain) {
        return id.clone();
    }
    let number = NEXT.fetch_add(1, Relaxed);
    HeaderValue::try_from(format!("{:x}-{number:x}", std::process::id())).expect("digits")
}

/// Whether a request has the key, or needs none.
fn is_allowed(app: &App, headers: &HeaderMap, method: &Method, route: &str) -> bool {
    let Some(key) = &app.api_key else { return true };
    let is_open =
        method == Method::OPTIONS || matches!(route, "/health" | "/ping" | "/docs" | "/openapi.json");
    if is_open || (matches!(*method, Method::GET | Method::HEAD) && route == "/") {
        return true;
    }
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    // The scheme's name may be in any case.
    let scheme = given.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case(b"Bearer "));
    scheme.is_some() && is_equal(&given[7..], key.as_bytes())
}

/// In a time that does not depend on where the two differ.
fn is_equal(given: &[u8], key: &[u8]) -> bool {
    let differ = (0..key.len()).fold(0, |differ, i| differ | (given.get(i).copied().unwrap_or(0) ^ key[i]));
    std::hint::black_box(differ) == 0 && given.len() == key.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_is_the_key() {
        assert!(is_equal(b"secret", b"secret"));
        for other in [&b""[..], b"secre", b"secret1", b"Secret", b"secrex"] {
            assert!(!is_equal(other, b"secret"), "{other:?}");
        }
    }

    #[test]
    fn a_request_id_is_the_client_s_if_it_is_harmless() {
        let with = |id: &'static str| {
            let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(id))]);
            request_id(&headers)
        };
        assert_eq!(with("abc-1"), "abc-1");
        assert_ne!(with("a b"), "a b");
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
