//! Parts of a text by characters, as the places of tokens count them.

/// A text, and where each of its characters begins.
pub(crate) struct Characters<'a> {
    text: &'a str,
    /// In bytes, and one more for the end; none of a text whose characters are a byte each.
    starts: Vec<usize>,
}

impl<'a> Characters<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let mut starts = Vec::new();
        if !text.is_ascii() {
            starts.extend(text.char_indices().map(|(start, _)| start).chain([text.len()]));
        }
        Self { text, starts }
    }

    /// From character `start` to before `end`.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        &self.text[self.byte(start)..self.byte(end)]
    }

    /// Whether character `place`, or the one before it, is a space.
    pub(super) fn is_at_space(&self, place: usize) -> bool {
        let at = self.byte(place).min(self.text.len());
        self.text[..at].ends_with(' ') || self.text[at..].starts_with(' ')
    }

    /// Where character `place` begins, in bytes; of the one behind the last, where the text ends.
    pub(crate) fn byte(&self, place: usize) -> usize {
        self.starts.get(place).copied().unwrap_or(place)
    }
}

#[cfg(test)]
mod tests {
    use super::Characters;

    #[test]
    fn characters_are_not_bytes() {
        assert_eq!(Characters::of("plain").slice(1, 3), "la");
        let text = Characters::of("naïve 电影");
        assert_eq!([text.slice(2, 3), text.slice(6, 8), text.slice(8, 8)], ["ï", "电影", ""]);
        assert_eq!([4, 5, 6, 7, 8].map(|place| text.is_at_space(place)), [false, true, true, false, false]);
        assert_eq!([text.byte(2), text.byte(3), text.byte(8)], [2, 4, 13]);
    }
}
