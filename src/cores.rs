//! Which of a machine's cores a forward is meant for.

use std::{fs, num::NonZero, path::Path, thread};

/// Where Linux tells of its CPUs.
const CPUS: &str = "/sys/devices/system/cpu";

/// Threads of a call, the caller's included, unless [`Options::threads`](crate::Options::threads) says otherwise: as many as
/// the process has CPUs, by its affinity mask and its cgroup's limits; where they are of several kinds and Linux tells which,
/// those that are fast.
///
/// Phones and many boards have small cores beside large ones. A forward has some 70 phases, and each ends with its slowest
/// thread: one that does a task in three times as long makes all others wait for it, 70 times.
#[must_use]
pub fn usual_threads() -> usize {
    let available = thread::available_parallelism().map_or(1, NonZero::get);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    allowed(&status)
        .and_then(|cpus| fast(Path::new(CPUS), &cpus))
        .map_or(available, |fast| fast.min(available))
}

/// The CPUs that Linux allows a process, by the line `Cpus_allowed_list` of its status, such as `0-3,6`.
fn allowed(status: &str) -> Option<Vec<usize>> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut cpus = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let [first, last]: [usize; 2] = [first.parse().ok()?, last.parse().ok()?];
        cpus.extend(first..=last);
    }
    Some(cpus)
}

/// How many of these have at least three fifths of the largest one's capacity: a Cortex-A55 has half of a Cortex-A76's or
/// less, the middle cores of phones have seven tenths of the largest. None where a CPU's is not told.
fn fast(cpus: &Path, allowed: &[usize]) -> Option<usize> {
    let capacity = |cpu: &usize| {
        let text = fs::read_to_string(cpus.join(format!("cpu{cpu}/cpu_capacity"))).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let capacities: Vec<u64> = allowed.iter().map(capacity).collect::<Option<_>>()?;
    let largest = capacities.iter().max()?;
    Some(capacities.iter().filter(|&own| 5 * own >= 3 * largest).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cpus_is_read_or_ignored() {
        let of = |list: &str| {
            allowed(&format!("Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t{list}\nMems_allowed:\t1\n"))
        };
        assert_eq!(of("0-3,6"), Some(vec![0, 1, 2, 3, 6]));
        assert_eq!(of("5"), Some(vec![5]));
        for odd in ["", "a", "1-", "-", "1,,2"] {
            assert_eq!(of(odd), None, "{odd:?}");
        }
        assert_eq!(allowed("Name:\tx\n"), None);
    }

    #[test]
    fn small_cores_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        // An RK3588: four Cortex-A55, four Cortex-A76.
        for (cpu, capacity) in [530, 530, 530, 530, 1024, 1024, 1024, 1024].iter().enumerate() {
            fs::create_dir(dir.path().join(format!("cpu{cpu}"))).unwrap();
            fs::write(dir.path().join(format!("cpu{cpu}/cpu_capacity")), format!("{capacity}\n")).unwrap();
        }
        let fast = |allowed: &[usize]| fast(dir.path(), allowed);
        assert_eq!(fast(&[0, 1, 2, 3, 4, 5, 6, 7]), Some(4));
        assert_eq!(fast(&[2, 3, 7]), Some(1));
        // Who is confined to small cores has those.
        assert_eq!(fast(&[0, 1]), Some(2));
        assert_eq!(fast(&[]), None);
        assert_eq!(fast(&[7, 8]), None, "one that is not told of");
        fs::write(dir.path().join("cpu7/cpu_capacity"), "many").unwrap();
        assert_eq!(fast(&[6, 7]), None);
    }

    #[test]
    fn there_is_a_thread_on_any_machine() {
        let available = thread::available_parallelism().map_or(1, NonZero::get);
        assert!((1..=available).contains(&usual_threads()));
    }
}
