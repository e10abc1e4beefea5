//! The thread pool, and the one way work gets to it: a forward enters the pool once and runs there as a [`Team`].

use std::{
    mem, process,
    sync::{Mutex, TryLockError},
    thread::{self, JoinHandle},
};

use nimbert_kernels::Team;

use crate::{
    cores::usual_threads,
    error::{Error, Result},
};

/// More than any machine has cores, few enough to start.
const MOST: usize = 1024;

/// How many threads a forward may use, and the pool that holds all but the caller's.
#[derive(Debug)]
pub(crate) struct Threads {
    count: usize,
    /// `count - 1` threads; none for one thread, which is the caller's. Locked by the forward that uses it.
    pool: Option<Mutex<Pool>>,
}

/// A pool whose threads have ended when it is gone: who frees an engine may unload the library, or end the process.
#[derive(Debug)]
struct Pool {
    pool: Option<rayon::ThreadPool>,
    threads: Vec<JoinHandle<()>>,
    /// In a child that was made by fork there are none of the threads.
    process: u32,
}

impl Pool {
    fn new(count: usize) -> Result<Self, String> {
        // Whole from the start, so that threads are waited for when another one cannot be started.
        let mut all = Self { pool: None, threads: Vec::with_capacity(count), process: process::id() };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count).spawn_handler(|work| {
            let thread = thread::Builder::new().name(format!("nimbert-{}", work.index() + 1));
            all.threads.push(thread.spawn(|| work.run())?);
            Ok(())
        });
        let pool = pool.build().map_err(|e| e.to_string())?;
        all.pool = Some(pool);
        Ok(all)
    }

    /// None where its threads are not.
    fn pool(&self) -> Option<&rayon::ThreadPool> {
        self.pool.as_ref().filter(|_| self.process == process::id())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.process != process::id() {
            mem::forget((self.pool.take(), mem::take(&mut self.threads)));
            return;
        }
        // Sends the threads home.
        self.pool = None;
        for thread in self.threads.drain(..) {
            // It has ended, whatever it died of.
            let _ = thread.join();
        }
    }
}

impl Threads {
    /// `None`: the [usual](usual_threads) number.
    pub(crate) fn new(count: Option<usize>) -> Result<Self> {
        let fail = |reason: String| Error::Option { option: "threads", reason };
        let count = count.unwrap_or_else(|| usual_threads().min(MOST));
        if !(1..=MOST).contains(&count) {
            return Err(fail(format!("{count} is not between 1 and {MOST}")));
        }
        let build = || Pool::new(count - 1).map_err(|reason| fail(format!("{count}: {reason}")));
        let pool = (count > 1).then(build).transpose()?;
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
        let free = self.pool.as_ref().and_then(|pool| match pool.try_lock() {
            Ok(free) => Some(free),
            // A forward has panicked; the pool is none the worse for it.
            Err(TryLockError::Poisoned(free)) => Some(free.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        let Some(pool) = free.as_ref().and_then(|free| free.pool()) else {
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
