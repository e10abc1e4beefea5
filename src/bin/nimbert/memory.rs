//! How much memory this process has, where the system tells (Linux).

use std::fs;

/// Bytes in memory now.
pub(crate) fn resident() -> Option<u64> {
    status("VmRSS:")
}

/// The most bytes that were in memory at once.
pub(crate) fn peak() -> Option<u64> {
    status("VmHWM:")
}

fn status(key: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(kib.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
