//! What waits, in the order in which it is due, and what it will cost.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    time::{Duration, Instant},
};

use nimbert::Encoding;
use tokio::sync::mpsc::UnboundedSender;

use super::Computed;

/// A row that waits.
pub(super) struct Entry {
    pub(super) due: Instant,
    /// Which request it is of.
    pub(super) request: u64,
    /// Which of its rows it is.
    pub(super) index: usize,
    pub(super) row: Encoding,
    pub(super) sender: UnboundedSender<Computed>,
    pub(super) came: Instant,
    pub(super) deadline: Instant,
}

impl Entry {
    fn tokens(&self) -> usize {
        self.row.token_ids.len()
    }

    /// Of equals, what came first.
    fn order(&self) -> (Instant, u64, usize) {
        (self.due, self.request, self.index)
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

/// The rows of a lane.
struct Line {
    entries: BinaryHeap<Reverse<Entry>>,
    tokens: usize,
    /// What a token costs, as was learned from forwards.
    seconds_per_token: Option<f64>,
}

/// The rows of all lanes.
pub(super) struct Waiting {
    lines: Vec<Line>,
    requests: u64,
    /// When the forward that is under way began, and how long it will take.
    under_way: Option<(Instant, Duration)>,
    has_ended: bool,
}

/// What a token costs before there was a forward: a model of twelve layers on a slow core.
const UNKNOWN: f64 = 0.5e-3;
/// How much of what is known of a token's cost the forward of a full batch replaces, and a smaller one by its part.
const LEARNED: f64 = 0.2;

impl Waiting {
    pub(super) fn new(lanes: usize) -> Self {
        let line = || Line { entries: BinaryHeap::new(), tokens: 0, seconds_per_token: None };
        Self { lines: (0..lanes).map(|_| line()).collect(), requests: 0, under_way: None, has_ended: false }
    }

    pub(super) fn next_request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    pub(super) fn push(&mut self, lane: usize, entry: Entry) {
        let line = &mut self.lines[lane];
        line.tokens += entry.tokens();
        line.entries.push(Reverse(entry));
    }

    /// The lane of the row that is due first.
    pub(super) fn first_lane(&self) -> Option<usize> {
        let first = |line: &Line| line.entries.peek().map(|Reverse(entry)| entry.order());
        let lanes = self.lines.iter().enumerate();
        lanes.filter_map(|(lane, line)| Some((first(line)?, lane))).min().map(|(_, lane)| lane)
    }

    /// The rows of a forward: those that are due first, at most so many tokens unless the first has more. Rows whose time is over are
    /// left out; who waits for them knows.
    pub(super) fn take(&mut self, lane: usize, most: usize, now: Instant) -> Vec<Entry> {
        let line = &mut self.lines[lane];
        let (mut taken, mut tokens) = (Vec::new(), 0);
        while let Some(next) = line.entries.peek_mut() {
            let size = next.0.tokens();
            if next.0.deadline > now && tokens > 0 && tokens + size > most {
                break;
            }
            let Reverse(entry) = std::collections::binary_heap::PeekMut::pop(next);
            line.tokens -= size;
            if entry.deadline > now {
                tokens += size;
                taken.push(entry);
            }
        }
        self.under_way = (tokens > 0).then(|| (now, self.cost(lane, tokens)));
        taken
    }

    /// Drops what is left of a request.
    pub(super) fn forget(&mut self, request: u64) {
        for line in &mut self.lines {
            if line.entries.iter().any(|Reverse(entry)| entry.request == request) {
                line.entries.retain(|Reverse(entry)| entry.request != request);
                line.tokens = line.entries.iter().map(|Reverse(entry)| entry.tokens()).sum();
            }
        }
    }

    /// Notes how long a forward took.
    pub(super) fn learn(&mut self, lane: usize, tokens: usize, batch: usize, forward: Duration) {
        self.under_way = None;
        let line = &mut self.lines[lane];
        // A short row takes as long as reading the weights does, which says nothing of a token among many.
        let found = forward.as_secs_f64() / tokens.max(batch / 2).max(1) as f64;
        let known = line.seconds_per_token.unwrap_or(found);
        line.seconds_per_token =
            Some(known + LEARNED * (tokens as f64 / batch.max(1) as f64).min(1.0) * (found - known));
    }

    /// How long so many tokens of a lane will take.
    pub(super) fn cost(&self, lane: usize, tokens: usize) -> Duration {
        Duration::from_secs_f64(self.lines[lane].seconds_per_token.unwrap_or(UNKNOWN) * tokens as f64)
    }

    /// How long it will take until all that is there is computed.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let under_way = self.under_way.map_or(Duration::ZERO, |(start, takes)| {
            takes.saturating_sub(now.saturating_duration_since(start))
        });
        let lanes = self.lines.iter().enumerate();
        under_way + lanes.map(|(lane, line)| self.cost(lane, line.tokens)).sum::<Duration>()
    }

    pub(super) fn tokens(&self) -> usize {
        self.lines.iter().map(|line| line.tokens).sum()
    }

    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }
}
