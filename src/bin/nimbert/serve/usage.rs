//! What a request took: told in the headers of its answer, in the log and in the metrics.

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use nimbert::Encoding;

/// What a request took so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    started: Instant,
    deadline: Instant,
    pub(super) texts: usize,
    pub(super) characters: usize,
    pub(super) tokens: usize,
    /// Texts that were cut to the allowed tokens.
    pub(super) truncated: usize,
    pub(super) tokenization: Duration,
    /// The longest that one of its rows waited.
    pub(super) queue: Duration,
    /// The longest forward that one of its rows was in.
    pub(super) inference: Duration,
}

impl Usage {
    /// Of a request that came then, and is to be answered before the deadline.
    pub(super) fn new(started: Instant, deadline: Instant) -> Self {
        Self {
            started,
            deadline,
            texts: 0,
            characters: 0,
            tokens: 0,
            truncated: 0,
            tokenization: Duration::ZERO,
            queue: Duration::ZERO,
            inference: Duration::ZERO,
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Counts a text of so many characters, in one row or several.
    pub(super) fn text(&mut self, characters: usize, rows: &[Encoding], truncated: bool) {
        self.texts += 1;
        self.characters += characters;
        self.tokens += rows.iter().map(|row| row.token_ids.len()).sum::<usize>();
        self.truncated += usize::from(truncated);
    }

    pub(super) fn tokenized(&mut self, since: Instant) {
        self.tokenization += since.elapsed();
    }

    pub(super) fn forward(&mut self, waited: Duration, forward: Duration) {
        self.queue = self.queue.max(waited);
        self.inference = self.inference.max(forward);
    }

    /// As text-embeddings-inference names them, in whole milliseconds; how many texts were cut, which it does not tell; and the times once
    /// more with their fractions, where browsers look for them.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let total = self.started.elapsed();
        let mut set = |name: &'static str, value: u64| {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
        };
        set("x-compute-characters", self.characters as u64);
        set("x-compute-tokens", self.tokens as u64);
        set("x-truncated", self.truncated as u64);
        let times = [
            ("x-compute-time", total),
            ("x-total-time", total),
            ("x-tokenization-time", self.tokenization),
            ("x-queue-time", self.queue),
            ("x-inference-time", self.inference),
        ];
        times.iter().for_each(|&(name, time)| set(name, time.as_millis() as u64));
        headers.insert(HeaderName::from_static("x-compute-type"), HeaderValue::from_static("cpu"));
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let timing = format!(
            "tokenization;dur={:.3}, queue;dur={:.3}, inference;dur={:.3}, total;dur={:.3}",
            millis(self.tokenization),
            millis(self.queue),
            millis(self.inference),
            millis(total)
        );
        let timing = HeaderValue::try_from(timing).expect("digits");
        headers.insert(HeaderName::from_static("server-timing"), timing);
    }
}
