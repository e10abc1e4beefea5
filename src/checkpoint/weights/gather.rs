//! Weights side by side in large pages.
//!
//! A forward of a few tokens reads every weight once. In pages of 4 KiB the processor then looks up an address for
//! every 64 cache lines, which costs more than the reading on a virtual machine; in pages of 2 MiB it does not.

use memmap2::MmapOptions;

use super::Bytes;

/// A page of transparent huge pages on x86-64, and the usual one on aarch64.
const LARGE_PAGE: usize = 2 << 20;
/// Every part starts on a cache line.
const LINE: usize = 64;

/// Moves `parts` into one block of memory, in large pages where the system has them for who asks. Where they would leave
/// most of a page empty, or there is no memory for the block, everything stays as it is.
pub(crate) fn gather(parts: &mut [&mut Bytes]) {
    let total: usize = parts.iter().map(|part| part.len().next_multiple_of(LINE)).sum();
    if total < LARGE_PAGE / 2 {
        return;
    }
    // Whole large pages: the last of them may be one, too.
    let Ok(mut block) = MmapOptions::new().len(total.next_multiple_of(LARGE_PAGE)).map_anon() else { return };
    // A system without large pages says no, and is only slower.
    #[cfg(target_os = "linux")]
    let _ = block.advise(memmap2::Advice::HugePage);
    let mut start = 0;
    let mut ranges = Vec::with_capacity(parts.len());
    for part in parts.iter() {
        block[start..start + part.len()].copy_from_slice(part);
        ranges.push(start..start + part.len());
        start += part.len().next_multiple_of(LINE);
    }
    let Ok(block) = block.make_read_only().map(Bytes::from_map) else { return };
    for (part, range) in parts.iter_mut().zip(ranges) {
        **part = block.slice(range);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gathered_keeps_its_bytes_on_cache_lines_of_one_block() {
        static LARGE: [u8; LARGE_PAGE + 1] = [7; LARGE_PAGE + 1];
        let mut parts = [&b"one"[..], b"", &LARGE].map(Bytes::from_static);
        let before: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
        gather(&mut parts.each_mut());
        let after: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
        assert_eq!(after, before);
        let at = |part: usize| parts[part].as_ptr().addr();
        assert!(at(0).is_multiple_of(LINE) && at(1) == at(0) + LINE && at(2) == at(1));
        // Too little to be worth a page.
        let mut small = [&b"one"[..], b"three"].map(Bytes::from_static);
        let before = small.each_ref().map(|part| part.as_ptr());
        gather(&mut small.each_mut());
        assert_eq!(small.each_ref().map(|part| part.as_ptr()), before);
        gather(&mut []);
    }
}
