//! The thread pool, and the one way work gets to it: a forward enters the pool once and runs there as a [`Team`].

use std::sync::Mutex;

use nimbert_kernels::Team;

use crate::error::{Error, Result};

/// More than any machine has cores, few enough to start.
const MOST: usize = 1024;

/// How many threads a forward may use, and the pool that holds all but the caller's.
#[derive(Debug)]
pub(crate) struct Threads {
    count: usize,
    /// `count - 1` threads; none for one thread, which is the caller's. Locked by the forward that uses it.
    pool: Option<Mutex<rayon::ThreadPool>>,
}

impl Threads {
    /// `None`: as many as the process may run on, by its affinity mask and its cgroup's limits.
    pub(crate) fn new(count: Option<usize>) -> Result<Self> {
        let available = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let fail = |reason: String| Error::Option { option: "threads", reason };
        let count = count.unwrap_or_else(|| available().min(MOST));
        if !(1..=MOST).contains(&count) {
            return Err(fail(format!("{count} is not between 1 and {MOST}")));
        }
        let build = || {
            let builder = rayon::ThreadPoolBuilder::new().num_threads(count - 1);
            builder.thread_name(|i| format!("nimbert-{}", i + 1)).build()
        };
        let pool = (count > 1).then(build).transpose().map_err(|e| fail(format!("{count}: {e}")))?;
        Ok(Self { count, pool: pool.map(Mutex::new) })
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Runs one forward on the caller's thread and on those of the pool.
    ///
    /// When another caller has the pool, this one works alone: the cores are busy as it is, spinning helpers of two
    /// callers would only stand in each other's way, and the result's bits are the same.
    pub(crate) fn run<R>(&self, forward: impl FnOnce(&Team) -> R) -> R {
        let Some(pool) = self.pool.as_ref().and_then(|pool| pool.try_lock().ok()) else {
            return forward(&Team::solo());
        };
        let team = Team::new(self.count);
        pool.in_place_scope(|scope| {
            for _ in 1..self.count {
                scope.spawn(|_| team.help());
            }
            let _finish = Finish(&team);
            forward(&team)
        })
    }
}

/// Sends the helpers home, also when the forward panics: the scope waits for them.
struct Finish<'a>(&'a Team);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.finish();
    }
}
