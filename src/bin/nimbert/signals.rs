//! Signals: what is unfinished is removed before the program ends by one, and a model file that is cut short while it is
//! mapped ends it with a word. The library leaves signals alone: they belong to the program that it is part of.
//!
//! The signals that ask a program to end are not handled at all, but blocked in every thread and waited for in one: it may
//! then do what a handler must not, such as take a lock.

// The program's only place for unsafe code: the system's calls about signals, which have no safe form.
#![allow(unsafe_code)]

use std::{mem, ptr, thread};

use libc::{SIG_BLOCK, SIG_IGN, SIG_UNBLOCK, SIGBUS, SIGHUP, SIGINT, SIGTERM, SIGXFSZ, c_int, sigset_t};
use nimbert::files::temporary;

/// To be called before anything else starts a thread: threads get the signals to block from the one that starts them. Who `ends_itself`
/// handles the signals that ask the program to end.
pub(crate) fn install(ends_itself: bool) {
    // With this blocked, a file larger than the process may write is an error like any other.
    mask(SIG_BLOCK, &set(&[SIGXFSZ]));
    // Elsewhere this signal also tells of a stack that is full, for which Rust has a handler.
    if cfg!(target_os = "linux") {
        let handler: extern "C" fn(c_int) = tell_of_lost_file;
        // SAFETY: the handler does nothing but what a handler may.
        unsafe { libc::signal(SIGBUS, handler as libc::sighandler_t) };
    }
    if ends_itself {
        return;
    }
    // What is ignored stays so: `nohup` and a shell's background jobs are not meant to end by it.
    let ends: Vec<_> = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| !is_ignored(signal)).collect();
    let ends = set(&ends);
    mask(SIG_BLOCK, &ends);
    let waiting = thread::Builder::new().name("signals".to_owned()).spawn(move || end(wait(&ends), &ends));
    if waiting.is_err() {
        mask(SIG_UNBLOCK, &ends); // they end the program as they end any, and the next run tidies up
    }
}

/// Leaves nothing behind and ends as if the signal had never been blocked, which is what tells a shell how it was.
fn end(signal: c_int, blocked: &sigset_t) {
    mask(SIG_UNBLOCK, blocked); // one more ends the program at once
    temporary::abandon_all();
    // SAFETY: the signal is one of this process's own, and not blocked in this thread: the process ends here.
    unsafe { libc::raise(signal) };
}

/// Runs in whichever thread found its part of a file gone, in the middle of anything.
extern "C" fn tell_of_lost_file(_: c_int) {
    const WORD: &[u8] = b"nimbert: a model file was cut short or its disk failed while it was in use\n";
    // SAFETY: both may be called from a handler; the bytes are there for ever.
    unsafe {
        libc::write(libc::STDERR_FILENO, WORD.as_ptr().cast(), WORD.len());
        libc::_exit(1);
    }
}

fn set(signals: &[c_int]) -> sigset_t {
    // SAFETY: a set is plain memory, which the first call fills; the numbers are signals.
    unsafe {
        let mut set = mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for &signal in signals {
            libc::sigaddset(&raw mut set, signal);
        }
        set
    }
}

/// Changes what is blocked in this thread.
fn mask(how: c_int, signals: &sigset_t) {
    // SAFETY: reads a set, and is not asked what was blocked before.
    unsafe { libc::pthread_sigmask(how, signals, ptr::null_mut()) };
}

/// The next of these signals, which are blocked.
fn wait(signals: &sigset_t) -> c_int {
    let mut signal = 0;
    // SAFETY: reads a set, writes a number.
    unsafe { libc::sigwait(signals, &raw mut signal) };
    signal
}

fn is_ignored(signal: c_int) -> bool {
    // SAFETY: asks only; the memory is plain, and filled by the call.
    let action = unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        libc::sigaction(signal, ptr::null(), &raw mut action);
        action
    };
    action.sa_sigaction == SIG_IGN
}
