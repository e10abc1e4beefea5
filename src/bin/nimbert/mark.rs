//! Parts of a text marked in it, for people.

use std::iter;

/// The text with marks around its parts, each of which is from one character to before another and has something to be said after it.
/// Parts come in the order of the text; one that overlaps with what was marked is left out. Line breaks and control characters become
/// spaces, as a terminal has its own.
pub(crate) fn mark<'a>(text: &str, parts: impl IntoIterator<Item = (usize, usize, &'a str)>) -> String {
    let (mut marked, mut place) = (String::new(), 0);
    let mut characters = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut copy = |marked: &mut String, count: usize| marked.extend(characters.by_ref().take(count));
    for (start, end, said) in parts {
        if start < place || end < start {
            continue;
        }
        copy(&mut marked, start - place);
        marked.push('[');
        copy(&mut marked, end - start);
        marked.extend(iter::once("]").chain(if said.is_empty() { None } else { Some(said) }));
        place = end;
    }
    marked.extend(characters);
    marked
}

/// What a text has around a part of it, which is marked: `around` characters before and after, and an ellipsis where there is more.
pub(crate) fn mark_in_context(text: &str, (start, end): (usize, usize), around: usize) -> String {
    let first = start.saturating_sub(around);
    let length = text.chars().count();
    let last = end.saturating_add(around).min(length);
    let cut: String = text.chars().skip(first).take(last.saturating_sub(first)).collect();
    let [before, after] = [first > 0, last < length].map(|is_more| if is_more { "…" } else { "" });
    format!("{before}{}{after}", mark(&cut, [(start - first, end - first, "")]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_marked_by_characters() {
        let parts = [(0, 2, "PER"), (1, 3, "LOC"), (4, 5, ""), (9, 12, "ORG")];
        assert_eq!(mark("无间道\ta", parts), "[无间]PER道 [a][]ORG");
        assert_eq!(mark("plain\n", []), "plain ");
    }

    #[test]
    fn a_long_text_is_shown_around_the_part() {
        assert_eq!(mark_in_context("one two three four", (8, 13), 4), "…two [three] fou…");
        assert_eq!(mark_in_context("无间道", (0, 3), 4), "[无间道]");
        assert_eq!(mark_in_context("无间道", (0, 0), 1), "[]无…");
    }
}
