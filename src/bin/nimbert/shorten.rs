//! Foreign text on one line.

/// The first `length` characters on one line, harmless to a terminal: each run of spaces and control characters
/// becomes one space, and an ellipsis stands for what was left out.
pub(crate) fn shorten(text: &str, length: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
