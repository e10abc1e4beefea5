//! What the service counts, as Prometheus reads it.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, prometheus_text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use super::{failure::Kind, usage::Usage};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    /// As the service names it, with `{name}` for that of a model: what a client makes up is no label.
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    kind: &'static str,
}

/// Every series is there from the start, but for those with labels.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    errors: Family<Failed, Counter>,
    texts: Counter,
    truncated: Counter,
    tokens: Counter,
    pub(super) waiting: Gauge,
    connections: Gauge,
    pub(super) bodies: Gauge,
    batch_rows: Histogram,
    batch_tokens: Histogram,
    request: Histogram,
    tokenization: Histogram,
    queue: Histogram,
    forward: Histogram,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let seconds = || Histogram::new(exponential_buckets(50e-6, 2.0, 20));
        let powers = |count| Histogram::new(exponential_buckets(1.0, 2.0, count));
        let mut all = Self {
            registry: Registry::with_prefix("nimbert"),
            requests: Family::default(),
            errors: Family::default(),
            texts: Counter::default(),
            truncated: Counter::default(),
            tokens: Counter::default(),
            waiting: Gauge::default(),
            connections: Gauge::default(),
            bodies: Gauge::default(),
            batch_rows: powers(12),
            batch_tokens: powers(16),
            request: seconds(),
            tokenization: seconds(),
            queue: seconds(),
            forward: seconds(),
        };
        let registry = &mut all.registry;
        registry.register("requests", "Requests answered, by route and status", all.requests.clone());
        registry.register("errors", "Answers that are errors, by kind", all.errors.clone());
        // An alarm that looks at the rate of errors has to find none.
        Kind::ALL.iter().for_each(|kind| drop(all.errors.get_or_create(&Failed { kind: kind.name() })));
        registry.register("texts", "Texts, or pairs of texts, that were answered", all.texts.clone());
        registry.register("truncated_texts", "Those of them that were cut", all.truncated.clone());
        registry.register("tokens", "Tokens that were computed", all.tokens.clone());
        registry.register("queue_tokens", "Tokens that wait", all.waiting.clone());
        registry.register("connections", "Connections that are open", all.connections.clone());
        registry.register("body_bytes", "Bodies and answers in memory", all.bodies.clone());
        registry.register("batch_rows", "Rows of tokens in a forward", all.batch_rows.clone());
        registry.register("batch_tokens", "Tokens in a forward", all.batch_tokens.clone());
        registry.register("request_seconds", "From a request's header to its answer", all.request.clone());
        registry.register("tokenization_seconds", "Of a request", all.tokenization.clone());
        registry.register("queue_seconds", "Of the row of a request that waited longest", all.queue.clone());
        registry.register("forward_seconds", "Of a batch", all.forward.clone());
        all
    }

    /// A connection is open until what this gives is dropped.
    pub(super) fn connection(&self) -> impl Drop + use<> {
        struct Open(Gauge);

        impl Drop for Open {
            fn drop(&mut self) {
                self.0.dec();
            }
        }

        self.connections.inc();
        Open(self.connections.clone())
    }

    /// A request is answered.
    pub(super) fn request(&self, route: &str, status: u16, took: Duration) {
        self.requests.get_or_create(&Request { route: route.to_owned(), status }).inc();
        self.request.observe(took.as_secs_f64());
    }

    pub(super) fn error(&self, kind: &'static str) {
        self.errors.get_or_create(&Failed { kind }).inc();
    }

    /// Texts are answered.
    pub(super) fn usage(&self, usage: &Usage) {
        self.texts.inc_by(usage.texts as u64);
        self.truncated.inc_by(usage.truncated as u64);
        self.tokenization.observe(usage.tokenization.as_secs_f64());
        self.queue.observe(usage.queue.as_secs_f64());
    }

    /// A batch is computed.
    pub(super) fn forward(&self, rows: usize, tokens: usize, took: Duration) {
        self.tokens.inc_by(tokens as u64);
        self.batch_rows.observe(rows as f64);
        self.batch_tokens.observe(tokens as f64);
        self.forward.observe(took.as_secs_f64());
    }

    /// In Prometheus' text format.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry).expect("a string takes everything");
        text
    }
}
