//! What a file is that is not of the expected kind, by its first bytes: for errors.

/// Bytes of a text that are looked at.
const SAMPLE: usize = 512;

/// First bytes, and what begins with them.
const BEGINNINGS: [(&[u8], &str); 9] = [
    (
        b"version https://git-lfs",
        "a Git LFS pointer, not the weights: run `git lfs pull` where it was cloned",
    ),
    (b"PK\x03\x04", "a zip archive, such as PyTorch's"),
    (b"GGUF", "a GGUF file, as llama.cpp reads them"),
    (b"\x89HDF\r\n", "an HDF5 file, as Keras writes them"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\x7fELF", "a program or a library"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
];

/// What `file` seems to be, as the beginning of a sentence; `None` where its first bytes say nothing.
pub(crate) fn kind(file: &[u8]) -> Option<&'static str> {
    if file.is_empty() {
        return Some("an empty file");
    }
    if let Some((_, kind)) = BEGINNINGS.iter().find(|(start, _)| file.starts_with(start)) {
        return Some(kind);
    }
    // The first fields of its protocol buffer: the version, then the length and the name of the producer.
    if let [8, _, 0x12, length, producer @ ..] = file
        && producer.get(..usize::from(*length)).is_some_and(|name| !name.is_empty() && name.is_ascii())
    {
        return Some("an ONNX model");
    }
    let sample = &file[..file.len().min(SAMPLE)];
    let text = match std::str::from_utf8(sample) {
        Ok(text) => text,
        // A character that the sample cuts.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&sample[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_text = !text.is_empty() && text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace());
    match text.trim_start().as_bytes().first() {
        _ if !is_text => None,
        Some(b'{') => Some("a JSON text"),
        _ => Some("a text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        for (file, expected) in [
            (&b""[..], Some("an empty file")),
            (b"root:x:0:0:root:/root:/bin/bash\n", Some("a text")),
            (b" {\n  \"hidden_size\": 8}", Some("a JSON text")),
            (b"[PAD]\n[UNK]\n", Some("a text")),
            ("好看".as_bytes(), Some("a text")),
            (b"\xe5\xa5", None),
            (b"PK\x03\x04", Some("a zip archive, such as PyTorch's")),
            (b"\x08\x07\x12\x07pytorch\x1a", Some("an ONNX model")),
            (b"\x80\x02}q\0.", Some("a Python pickle")),
            (b"\x40\0\0\0\0\0\0\0{}", None),
            (b"\xff\xfe", None),
        ] {
            assert_eq!(kind(file), expected, "{file:?}");
        }
        let cut = "a".repeat(SAMPLE - 1) + "好";
        assert_eq!(kind(cut.as_bytes()), Some("a text"));
    }
}
