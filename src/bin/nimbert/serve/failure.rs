//! Why a request has no answer: a status, a sentence that says what and where, and the word for it that clients of
//! text-embeddings-inference know.

use std::time::Duration;

use axum::{
    Json,
    http::{
        HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde_json::json;

/// What went wrong, by who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// There is nothing to do in it.
    Empty,
    /// No HTTP or JSON that can be read.
    Malformed,
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    /// The request did not come to its end in time.
    RequestTimeout,
    PayloadTooLarge,
    UnsupportedMediaType,
    /// JSON that asks for what there is not.
    Validation,
    /// The model cannot do that, or has no answer.
    Backend,
    /// There is more to do than there is time for.
    Overloaded,
    /// It was accepted, and then there was no time for it.
    Timeout,
    /// The service ends.
    Unhealthy,
}

impl Kind {
    pub(super) const ALL: [Self; 13] = [
        Self::Empty,
        Self::Malformed,
        Self::Unauthorized,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::Validation,
        Self::Backend,
        Self::Overloaded,
        Self::Timeout,
        Self::Unhealthy,
    ];

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Empty | Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Validation => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Backend => StatusCode::FAILED_DEPENDENCY,
            Self::Overloaded => StatusCode::TOO_MANY_REQUESTS,
            Self::Timeout | Self::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// As answers and metrics have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Unauthorized => "Unauthorized",
            Self::NotFound => "NotFound",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::RequestTimeout => "RequestTimeout",
            Self::PayloadTooLarge => "PayloadTooLarge",
            Self::UnsupportedMediaType => "UnsupportedMediaType",
            Self::Malformed | Self::Validation => "Validation",
            Self::Backend => "Backend",
            Self::Overloaded => "Overloaded",
            Self::Timeout => "Timeout",
            Self::Unhealthy => "Unhealthy",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    pub(super) message: String,
    /// When it may be worth another try.
    retry_after: Option<Duration>,
}

/// How a protocol writes errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `{"error": …, "error_type": …}`
    Plain,
    /// `{"error": {"message": …, "type": …, "param": null, "code": …}}`
    OpenAi,
    /// `{"message": …}`
    Cohere,
}

impl Dialect {
    /// That of a path.
    pub(super) fn of(path: &str) -> Self {
        match path {
            "/v1/embeddings" | "/embeddings" | "/v1/models" => Self::OpenAi,
            "/v1/rerank" | "/v2/rerank" => Self::Cohere,
            _ => Self::Plain,
        }
    }
}

impl Failure {
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None }
    }

    /// Of JSON that asks for what there is not.
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new(Kind::Validation, message)
    }

    pub(super) fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// As a protocol has it.
    pub(super) fn render(self, dialect: Dialect) -> Response {
        let Self { kind, message, retry_after } = self;
        let body = match dialect {
            Dialect::Plain => json!({ "error": message, "error_type": kind.name() }),
            Dialect::OpenAi => {
                let word = match kind {
                    Kind::Unauthorized => "authentication_error",
                    Kind::Overloaded => "rate_limit_error",
                    Kind::Backend | Kind::Timeout | Kind::Unhealthy => "server_error",
                    _ => "invalid_request_error",
                };
                json!({ "error": { "message": message, "type": word, "param": null, "code": kind.name() } })
            }
            Dialect::Cohere => json!({ "message": message }),
        };
        let mut response = (kind.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        if let Some(wait) = retry_after {
            let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if kind == Kind::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Of a text, or of an option that a request has chosen.
impl From<nimbert::Error> for Failure {
    fn from(error: nimbert::Error) -> Self {
        let kind = match &error {
            nimbert::Error::Option { .. } => Kind::Validation,
            _ => Kind::Backend,
        };
        Self::new(kind, error.to_string())
    }
}

/// What went wrong, for who knows in which protocol it is to be said: see [`Failure::render`].
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
