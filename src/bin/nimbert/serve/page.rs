//! The pages: at `/` to ask a model, at `/docs` to read how programs do. They need nothing but this program.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{Html, IntoResponse, Response},
};

const PAGE: &str = include_str!("page/index.html");
const DOCS: &str = include_str!("page/docs.html");
/// The addresses and their bodies in OpenAPI 3.1, but for the version.
const OPENAPI: &str = include_str!("page/openapi.json");

/// What the page may do: its script and style are in it, and it asks this service alone.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Whether a browser asks, which names HTML among what it takes.
pub(super) fn is_wanted(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "text/html"))
}

pub(super) fn page() -> Response {
    with_policy(PAGE)
}

/// `GET /docs`
pub(super) async fn docs() -> Response {
    with_policy(DOCS)
}

/// `GET /openapi.json`
pub(super) async fn openapi() -> impl IntoResponse {
    let version = concat!("\"version\": \"", env!("CARGO_PKG_VERSION"), "\"");
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI.replacen("\"version\": \"\"", version, 1))
}

fn with_policy(page: &'static str) -> Response {
    let mut response = Html(page).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
