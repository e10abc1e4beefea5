//! The order of what waits, and a queue whose forwards are made up.

use std::sync::mpsc as std_mpsc;

use super::*;

const LANE: usize = 0;

fn row(tokens: usize) -> Encoding {
    Encoding { token_ids: vec![7; tokens], token_type_ids: vec![0; tokens], truncated: false }
}

fn bounds(tokens: usize, seconds: u64) -> Bounds {
    Bounds { tokens, deadline: Duration::from_secs(seconds) }
}

/// A queue whose forwards take one message each to go on, and give each row its length.
fn stepped(bounds: Bounds, batch: usize) -> (Queue, std_mpsc::Sender<()>) {
    let (step, steps) = std_mpsc::channel::<()>();
    let steps = Mutex::new(steps);
    let lane = Lane::new(batch, move |rows| {
        steps.lock().unwrap().recv().expect("a step");
        rows.iter().map(|row| Ok(vec![row.token_ids.len() as f32])).collect()
    });
    (Queue::start(vec![lane], bounds, Arc::new(Metrics::new())).unwrap(), step)
}

async fn run(queue: &Queue, lengths: &[usize]) -> Result<Vec<f32>, Failure> {
    let rows: Vec<_> = lengths.iter().map(|&tokens| row(tokens)).collect();
    let now = Instant::now();
    let mut usage = Usage::new(now, now + queue.shared.bounds.deadline);
    let outputs = queue.run(LaneId(LANE), &rows, &mut usage).await?;
    Ok(outputs.concat())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// What would be taken, forward by forward, as (request, row).
fn forwards(waiting: &mut Waiting, most: usize, now: Instant) -> Vec<Vec<(u64, usize)>> {
    let mut all = Vec::new();
    while waiting.first_lane().is_some() {
        all.push(waiting.take(LANE, most, now).iter().map(|entry| (entry.request, entry.index)).collect());
    }
    all
}

fn push(waiting: &mut Waiting, due: Instant, request: u64, index: usize, tokens: usize, deadline: Instant) {
    let (sender, _) = mpsc::unbounded_channel();
    waiting.push(LANE, Entry { due, request, index, row: row(tokens), sender, came: due, deadline });
}

#[test]
fn rows_are_taken_as_they_are_due_up_to_a_batch() {
    let now = Instant::now();
    let at = |millis| now + Duration::from_millis(millis);
    let mut waiting = Waiting::new(1);
    for index in 0..3 {
        push(&mut waiting, at(10 * (index as u64 + 1)), 1, index, 40, at(9_000));
    }
    push(&mut waiting, at(15), 2, 0, 10, at(9_000));
    push(&mut waiting, at(25), 3, 0, 300, at(9_000));
    assert_eq!(waiting.tokens(), 430);
    // A row of more than a batch goes alone.
    assert_eq!(forwards(&mut waiting, 100, now), [vec![(1, 0), (2, 0), (1, 1)], vec![(3, 0)], vec![(1, 2)]]);
    assert_eq!(waiting.tokens(), 0);
}

#[test]
fn what_nobody_waits_for_is_left_out() {
    let now = Instant::now();
    let mut waiting = Waiting::new(1);
    push(&mut waiting, now, 1, 0, 5, now);
    push(&mut waiting, now, 2, 0, 6, now + Duration::from_secs(1));
    push(&mut waiting, now, 3, 0, 7, now + Duration::from_secs(1));
    waiting.forget(3);
    assert_eq!(waiting.tokens(), 11);
    assert_eq!(forwards(&mut waiting, 100, now), [vec![(2, 0)]]);
}

#[test]
fn what_a_token_costs_is_learned() {
    let mut waiting = Waiting::new(1);
    for _ in 0..100 {
        waiting.learn(LANE, 100, 100, Duration::from_millis(10));
    }
    let cost = waiting.cost(LANE, 1000).as_secs_f64();
    assert!((cost - 0.1).abs() < 1e-3, "{cost}");
    // Rows of three tokens that take half as long as a batch make a token of a batch no dearer.
    (0..1000).for_each(|_| waiting.learn(LANE, 3, 100, Duration::from_millis(5)));
    let cost = waiting.cost(LANE, 1000).as_secs_f64();
    assert!((cost - 0.1).abs() < 1e-2, "{cost}");
}

#[test]
fn waiting_rows_share_a_forward() {
    let (queue, step) = stepped(bounds(1000, 9), 100);
    runtime().block_on(async {
        let all = async { tokio::join!(run(&queue, &[1]), run(&queue, &[2, 3]), run(&queue, &[4])) };
        // One that is there first goes alone, the others together.
        let steps = async { (0..2).for_each(|_| step.send(()).unwrap()) };
        let ((one, two, three), ()) = tokio::join!(all, steps);
        assert_eq!((one.unwrap(), two.unwrap(), three.unwrap()), (vec![1.0], vec![2.0, 3.0], vec![4.0]));
    });
    queue.finish();
}

#[test]
fn a_request_without_room_or_time_is_refused() {
    let (queue, step) = stepped(bounds(100, 1), 50);
    runtime().block_on(async {
        let kind = |outcome: Result<Vec<f32>, Failure>| outcome.unwrap_err().kind;
        assert_eq!(kind(run(&queue, &[101]).await), Kind::PayloadTooLarge);
        let (first, second) = tokio::join!(run(&queue, &[30, 30]), run(&queue, &[90]));
        // Nobody lets the forward go on, so the first is given up; the second had no room beside it.
        assert_eq!((kind(first), kind(second)), (Kind::Timeout, Kind::Overloaded));
        assert_eq!(queue.shared.lock().tokens(), 0);
        queue.end();
        assert_eq!(kind(run(&queue, &[1]).await), Kind::Unhealthy);
    });
    step.send(()).unwrap();
    queue.finish();
}

#[test]
fn a_panic_in_a_forward_is_an_error_of_its_rows_alone() {
    let lane = Lane::new(10, |rows| {
        assert!(rows[0].token_ids.len() < 10, "as asked for");
        rows.iter().map(|_| Ok(vec![1.0])).collect()
    });
    let queue = Queue::start(vec![lane], bounds(100, 9), Arc::new(Metrics::new())).unwrap();
    runtime().block_on(async {
        assert_eq!(run(&queue, &[10]).await.unwrap_err().kind, Kind::Backend);
        assert_eq!(run(&queue, &[1]).await.unwrap(), [1.0]);
    });
    queue.finish();
}
