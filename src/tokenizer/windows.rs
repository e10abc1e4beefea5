//! Texts with where their tokens come from, whole, cut, or in windows that overlap.

use std::ops::Range;

use super::{
    Tokenizer,
    encoding::{Cut, Origin, Window},
    ids::Token,
    place::Span,
    truncation::longest_first,
};

/// A token where the template leaves it.
struct Placed {
    token: Token<Span>,
    /// Its place as the first of a window.
    first: Span,
}

/// The tokens of a text, or of a part of it.
type Part<'a> = &'a [Placed];

impl Tokenizer {
    /// [`Tokenizer::encode`], and for every token where it comes from. Of a text of more than `max_tokens` tokens, `[CLS]` and
    /// `[SEP]` included, `cut` says which of a pair is cut.
    ///
    /// With a `stride` what is cut off is not lost: there are as many windows as it takes, each of which begins with the last
    /// `stride` tokens of the one before. (Windows of a pair are of one of its texts, so [`Cut::Longest`] has none.)
    ///
    /// ```
    /// # #[cfg(feature = "demo")] {
    /// use nimbert::{Cut, Engine, Options};
    ///
    /// let engine = Engine::demo(Options::default())?;
    /// let windows = engine.tokenizer().windows("特效好，故事烂", None, 6, Cut::First, Some(1)).unwrap();
    /// let texts: Vec<_> = windows.iter().map(|window| {
    ///     let origins: Vec<_> = window.origins.iter().flatten().collect();
    ///     (origins[0].start, origins[origins.len() - 1].end)
    /// }).collect();
    /// assert_eq!(texts, [(0, 4), (3, 7)]);
    /// # }
    /// # Ok::<(), nimbert::Error>(())
    /// ```
    ///
    /// # Errors
    /// Says why, for the caller to add which text it was: a limit that leaves no room for the special tokens or the text that stays
    /// whole, or a stride that is not less than the room.
    pub fn windows(
        &self,
        text: &str,
        pair: Option<&str>,
        max_tokens: usize,
        cut: Cut,
        stride: Option<usize>,
    ) -> Result<Vec<Window>, String> {
        let room = self.room(max_tokens, pair.is_some())?;
        let all = |text: &str| self.placed_tokens(text);
        let (first, second) = (all(text), pair.map(all));
        let other = second.as_deref().unwrap_or_default();
        if first.len() + other.len() <= room {
            return Ok(vec![self.window(&first, second.as_deref(), false)]);
        }
        let cut = if pair.is_none() { Cut::First } else { cut };
        let (kept, sliced) = match cut {
            Cut::Longest if stride.is_some() => {
                return Err("windows of a pair: which text is cut has to be said".to_owned());
            }
            Cut::Longest => {
                let [one, two] = longest_first([first.len(), other.len()], room);
                return Ok(vec![self.window(&first[..one], second.as_deref().map(|s| &s[..two]), true)]);
            }
            Cut::First => (other.len(), &*first),
            Cut::Second => (first.len(), other),
        };
        let room = room.checked_sub(kept).filter(|&room| room > 0).ok_or_else(|| {
            format!("at most {max_tokens} tokens leave no room beside the {kept} of the text that is not cut")
        })?;
        let window = |part: Range<usize>| match (cut, &second) {
            (Cut::Second, _) => self.window(&first, Some(&sliced[part]), true),
            (_, second) => self.window(&sliced[part], second.as_deref(), true),
        };
        let Some(stride) = stride else { return Ok(vec![window(0..room)]) };
        Ok(parts(sliced.len(), room, stride)?.map(window).collect())
    }

    /// The text's tokens, in their places as the template leaves them.
    fn placed_tokens(&self, text: &str) -> Vec<Placed> {
        let tokens = self.tokens::<Span>(text);
        let trims = &self.template.trims;
        if trims.is_empty() {
            return tokens.map(|token| Placed { token, first: token.place }).collect();
        }
        let chars: Vec<_> = text.chars().collect();
        let place = |token: Token<Span>| {
            let own: Vec<_>;
            let text = if token.is_added {
                // With the white space that it took.
                &chars[token.place.start..token.place.end]
            } else {
                let is_known = Some(token.id) != self.model.unknown();
                own = self.model.token(token.id).filter(|_| is_known).unwrap_or_default().chars().collect();
                &own
            };
            let place =
                |is_first| trims.iter().fold(token.place, |place, trim| trim.place(text, is_first, place));
            let (first, place) = (place(true), place(false));
            Placed { token: Token { place, ..token }, first }
        };
        tokens.map(place).collect()
    }

    fn window(&self, first: Part<'_>, second: Option<Part<'_>>, truncated: bool) -> Window {
        let ids = |part: Part<'_>| part.iter().map(|placed| placed.token.id).collect::<Vec<_>>();
        let encoding = self.with_special_tokens(&ids(first), second.map(ids).as_deref(), truncated);
        let origins = |sequence: usize, part: Part<'_>| {
            let origin = |(i, &Placed { token, first }): (usize, &Placed)| {
                let Span { start, end } = if i == 0 { first } else { token.place };
                Origin { sequence, word: token.word, start, end }
            };
            part.iter().enumerate().map(origin).collect::<Vec<_>>()
        };
        let second = second.map(|part| origins(1, part).into_iter());
        let origins = self.template.origins(origins(0, first).into_iter(), second);
        Window { encoding, origins }
    }
}

/// Parts of `len` tokens, of at most `room` each, that have `stride` of them in common: the last one ends where the tokens do.
fn parts(len: usize, room: usize, stride: usize) -> Result<impl Iterator<Item = Range<usize>>, String> {
    let step = room.checked_sub(stride).filter(|&step| step > 0).ok_or_else(|| {
        format!("a stride of {stride} tokens is not less than the {room} that a window has of the text")
    })?;
    let count = 1 + len.saturating_sub(room).div_ceil(step);
    Ok((0..count).map(move |i| i * step..(i * step + room).min(len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the `tokenizers` crate's `Encoding::truncate` has it.
    fn reference(len: usize, room: usize, stride: usize) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        for start in (0..len).step_by(room - stride) {
            let end = len.min(start + room);
            parts.push(start..end);
            if end == len {
                break;
            }
        }
        parts
    }

    #[test]
    fn parts_are_those_of_the_crate() {
        for (len, room, stride) in
            (1..30).flat_map(|a| (1..12).flat_map(move |b| (0..b).map(move |c| (a, b, c))))
        {
            let found: Vec<_> = parts(len, room, stride).unwrap().collect();
            assert_eq!(found, reference(len, room, stride), "{len} {room} {stride}");
        }
        assert!(parts(9, 3, 3).is_err() && parts(9, 3, 4).is_err());
    }
}
