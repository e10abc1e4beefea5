//! Long work for one request, where it keeps the others going: on as many threads as there are cores, however many ask.

use std::{num::NonZero, sync::LazyLock, thread::available_parallelism};

use tokio::{sync::Semaphore, task::block_in_place};

/// Bytes of text from which on reading them would keep others waiting.
pub(super) const MUCH: usize = 32 << 10;

static PLACES: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, NonZero::get)));

/// Runs what takes as long as reading so many bytes of text.
pub(super) async fn aside<R>(bytes: usize, work: impl FnOnce() -> R) -> R {
    if bytes <= MUCH {
        return work();
    }
    let _place = PLACES.acquire().await.expect("it is never closed");
    block_in_place(work)
}
