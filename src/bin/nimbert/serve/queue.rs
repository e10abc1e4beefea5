//! Rows of tokens of many requests through forwards that they share.
//!
//! One thread computes; it starts a forward whenever there is a row, and takes what is there up to the engine's own batch size: nobody
//! waits for company. Rows are taken in the order of when they are *due*: when they came, and some times what they and the rows before
//! them in their request cost. So a short text does not wait for all of a long list that came before it, and the list has its share
//! all the same: nothing that comes after a row is due goes before it.
//!
//! What is waiting is bounded, by its tokens and by the time that it will take: a request that could not be answered in time is refused
//! when it comes.

#[cfg(test)]
mod tests;
mod waiting;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nimbert::Encoding;
use tokio::{sync::mpsc, time::timeout_at};

use self::waiting::{Entry, Waiting};
use super::{
    failure::{Failure, Kind},
    metrics::Metrics,
    usage::Usage,
};

/// How rows become outputs: each row by itself.
type Forward = Box<dyn Fn(&[Encoding]) -> Vec<nimbert::Result<Vec<f32>>> + Send + Sync>;

/// Rows that can share a forward.
pub(super) struct Lane {
    forward: Forward,
    /// Tokens of a forward, at most, unless one row has more.
    batch_tokens: usize,
}

impl Lane {
    pub(super) fn new(
        batch_tokens: usize,
        forward: impl Fn(&[Encoding]) -> Vec<nimbert::Result<Vec<f32>>> + Send + Sync + 'static,
    ) -> Self {
        Self { forward: Box::new(forward), batch_tokens }
    }
}

/// A lane among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LaneId(usize);

/// What may wait, and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Of all requests together.
    pub(super) tokens: usize,
    /// From when a request comes to its answer.
    pub(super) deadline: Duration,
}

/// The rows that wait, and the thread that computes them.
pub(super) struct Queue {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    lanes: Vec<Lane>,
    bounds: Bounds,
    waiting: Mutex<Waiting>,
    /// There is a row, or the end.
    wake: Condvar,
    metrics: Arc<Metrics>,
}

/// What a forward made of a row.
struct Computed {
    index: usize,
    outputs: nimbert::Result<Vec<f32>>,
    waited: Duration,
    forward: Duration,
}

/// Takes a request's rows out of the queue when nobody waits for them any more.
struct Ticket<'a> {
    shared: &'a Shared,
    request: u64,
    /// Rows that are not computed.
    left: usize,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if self.left == 0 {
            return;
        }
        let mut waiting = self.shared.lock();
        waiting.forget(self.request);
        self.shared.metrics.waiting.set(waiting.tokens() as i64);
    }
}

impl Queue {
    pub(super) fn start(lanes: Vec<Lane>, bounds: Bounds, metrics: Arc<Metrics>) -> Result<Self> {
        let waiting = Mutex::new(Waiting::new(lanes.len()));
        let shared = Arc::new(Shared { lanes, bounds, waiting, wake: Condvar::new(), metrics });
        let compute = Arc::clone(&shared);
        let thread = thread::Builder::new().name("forward".to_owned()).spawn(move || compute.work());
        Ok(Self { shared, thread: Mutex::new(Some(thread.context("no thread to compute on")?)) })
    }

    /// The outputs of each of `rows`, in their order.
    ///
    /// # Errors
    /// When there is no time or no room for them; the first row that has no outputs.
    pub(super) async fn run(
        &self,
        lane: LaneId,
        rows: &[Encoding],
        usage: &mut Usage,
    ) -> Result<Vec<Vec<f32>>, Failure> {
        let (sender, mut computed) = mpsc::unbounded_channel();
        let deadline = usage.deadline();
        let mut ticket = self.shared.submit(lane, rows, &sender, deadline)?;
        drop(sender);
        let mut outputs = vec![None; rows.len()];
        for _ in rows {
            let Ok(next) = timeout_at(deadline.into(), computed.recv()).await else {
                return Err(self.shared.late());
            };
            let Some(Computed { index, outputs: found, waited, forward }) = next else {
                return Err(Failure::new(
                    Kind::Backend,
                    "the forward has failed; the service's log says why",
                ));
            };
            ticket.left -= 1;
            usage.forward(waited, forward);
            outputs[index] = Some(found?);
        }
        Ok(outputs.into_iter().flatten().collect())
    }

    /// Tells what so many tokens of a lane took elsewhere.
    pub(super) fn learn(&self, LaneId(lane): LaneId, tokens: usize, took: Duration) {
        self.shared.lock().learn(lane, tokens, self.shared.lanes[lane].batch_tokens, took);
    }

    /// From now on nothing is accepted.
    pub(super) fn end(&self) {
        self.shared.lock().end();
        self.shared.wake.notify_all();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.shared.lock().has_ended()
    }

    /// Waits until all that was accepted is computed.
    pub(super) fn finish(&self) {
        self.end();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // It has ended, whatever it died of.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(
        &self,
        LaneId(lane): LaneId,
        rows: &[Encoding],
        sender: &mpsc::UnboundedSender<Computed>,
        deadline: Instant,
    ) -> Result<Ticket<'_>, Failure> {
        let tokens = rows.iter().map(|row| row.token_ids.len()).sum();
        let now = Instant::now();
        let mut waiting = self.lock();
        let (cost, wait) = (waiting.cost(lane, tokens), waiting.wait(now));
        self.check(tokens, cost, wait, &waiting)?;
        let request = waiting.next_request();
        let mut before = Duration::ZERO;
        for (index, row) in rows.iter().enumerate() {
            before += waiting.cost(lane, row.token_ids.len());
            let due = now + (before * 4).min(self.bounds.deadline / 2);
            let (row, sender) = (row.clone(), sender.clone());
            waiting.push(lane, Entry { due, request, index, row, sender, came: now, deadline });
        }
        self.metrics.waiting.set(waiting.tokens() as i64);
        self.wake.notify_one();
        Ok(Ticket { shared: self, request, left: rows.len() })
    }

    /// Refuses what cannot be computed in time, or what there is no room for.
    fn check(&self, tokens: usize, cost: Duration, wait: Duration, waiting: &Waiting) -> Result<(), Failure> {
        let Bounds { tokens: most, deadline } = self.bounds;
        if waiting.has_ended() {
            return Err(
                Failure::new(Kind::Unhealthy, "the service is ending").retry_after(Duration::from_secs(1))
            );
        }
        // Half the time is for waiting, so that what is due late is in time, too; some of the rest is for an estimate that is wrong.
        let room = deadline.mul_f64(0.4);
        if tokens > most {
            let message =
                format!("{tokens} tokens in one request, and {most} may wait: send fewer texts at a time");
            return Err(Failure::new(Kind::PayloadTooLarge, message));
        }
        // Where nobody waits an estimate, which may be wrong, keeps nobody out.
        let is_late = wait > room || (wait > Duration::ZERO && wait + cost > deadline);
        if waiting.tokens() + tokens > most || is_late {
            let message = format!("Model is overloaded: {} tokens wait", waiting.tokens());
            return Err(Failure::new(Kind::Overloaded, message).retry_after(wait));
        }
        Ok(())
    }

    fn late(&self) -> Failure {
        let message = format!("no answer within {:.0} s", self.bounds.deadline.as_secs_f64());
        Failure::new(Kind::Timeout, message).retry_after(self.lock().wait(Instant::now()))
    }

    /// Computes until the end.
    fn work(&self) {
        loop {
            let mut waiting = self.lock();
            let lane = loop {
                if let Some(lane) = waiting.first_lane() {
                    break lane;
                }
                if waiting.has_ended() {
                    return;
                }
                waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            };
            let now = Instant::now();
            let entries = waiting.take(lane, self.lanes[lane].batch_tokens, now);
            self.metrics.waiting.set(waiting.tokens() as i64);
            drop(waiting);
            if !entries.is_empty() {
                self.compute(lane, entries, now);
            }
        }
    }

    /// One forward.
    fn compute(&self, lane: usize, entries: Vec<Entry>, start: Instant) {
        let (rows, asked): (Vec<_>, Vec<_>) =
            entries.into_iter().map(|e| (e.row, (e.index, e.sender, e.came))).unzip();
        let tokens = rows.iter().map(|row| row.token_ids.len()).sum();
        let outputs = catch_unwind(AssertUnwindSafe(|| (self.lanes[lane].forward)(&rows)));
        let forward = start.elapsed();
        self.lock().learn(lane, tokens, self.lanes[lane].batch_tokens, forward);
        self.metrics.forward(rows.len(), tokens, forward);
        let Ok(outputs) = outputs else {
            // Who waits finds that nothing comes any more.
            tracing::error!(rows = rows.len(), tokens, "a forward has panicked");
            return;
        };
        for (outputs, (index, sender, came)) in outputs.into_iter().zip(asked) {
            let waited = start.saturating_duration_since(came);
            // Nobody may be waiting any more.
            let _ = sender.send(Computed { index, outputs, waited, forward });
        }
    }
}

/// The lane at a place of those that a queue is started with.
impl From<usize> for LaneId {
    fn from(place: usize) -> Self {
        Self(place)
    }
}
