//! Long work for one request, where it keeps the others going: on as many threads as there are cores, however many ask. What is read waits
//! no longer than its request has time; what is computed already is written before more is read.

use std::{num::NonZero, sync::LazyLock, thread::available_parallelism, time::Instant};

use tokio::{sync::Semaphore, task::block_in_place, time::timeout_at};

use super::failure::{Failure, Kind};

/// Bytes of text from which on reading them would keep others waiting.
pub(super) const MUCH: usize = 32 << 10;

static READING: LazyLock<Semaphore> = LazyLock::new(places);
static WRITING: LazyLock<Semaphore> = LazyLock::new(places);

fn places() -> Semaphore {
    Semaphore::new(available_parallelism().map_or(1, NonZero::get))
}

/// Runs what takes as long as reading so many bytes of text.
///
/// # Errors
/// When there is no time for it before the deadline.
pub(super) async fn reading<R>(
    bytes: usize,
    deadline: Instant,
    work: impl FnOnce() -> R,
) -> Result<R, Failure> {
    if bytes <= MUCH {
        return Ok(work());
    }
    let Ok(place) = timeout_at(deadline.into(), READING.acquire()).await else {
        return Err(Failure::new(
            Kind::Timeout,
            "there was no time to read it: many long requests are under way",
        ));
    };
    let _place = place.expect("it is never closed");
    Ok(block_in_place(work))
}

/// The same of what was computed.
pub(super) async fn writing<R>(bytes: usize, work: impl FnOnce() -> R) -> R {
    if bytes <= MUCH {
        return work();
    }
    let _place = WRITING.acquire().await.expect("it is never closed");
    block_in_place(work)
}
