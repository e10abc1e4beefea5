//! From logits of starts and ends to answers: the rules of the question-answering pipeline of transformers 4.57.

use std::collections::{HashMap, hash_map::Entry};

use super::{Answer, ReadOptions, TokenSpan};
use crate::tasks::characters::Characters;

/// A window's tokens, of which some are the context's.
pub(super) struct Window<'a> {
    /// Of the start and the end of an answer, by token.
    pub(super) logits: &'a [[f32; 2]],
    /// Of each token of the context, the part of it that an answer has which starts or ends there.
    pub(super) places: &'a [Option<Place>],
}

/// From one character to before another: of the token, or of the word that it is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A way to answer: from one token to another.
#[derive(Debug, Clone, Copy)]
struct Span {
    score: f32,
    first: usize,
    last: usize,
}

/// The answers that the windows of a context give, the best first; of equals, the first that was found.
pub(super) fn answers(
    windows: &[Window<'_>],
    context: &Characters<'_>,
    options: &ReadOptions,
) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    let mut places = HashMap::<String, usize>::new();
    let mut impossible = f32::INFINITY;
    for window in windows {
        let [starts, ends] = [0, 1].map(|side| window.probabilities(side));
        impossible = impossible.min(starts[0] * ends[0]);
        for Span { score, first, last } in window.best_spans(&starts, &ends, options) {
            let [Some(first), Some(last)] = [first, last].map(|token| window.places[token]) else { continue };
            let Place { start, .. } = first;
            let end = last.end.max(start);
            let text = context.slice(start, end);
            // The same words, wherever they stand, are one answer.
            let key = text.to_lowercase();
            match places.entry(key) {
                Entry::Occupied(place) => answers[*place.get()].score += score,
                Entry::Vacant(place) => {
                    place.insert(answers.len());
                    answers.push(Answer { score, start, end, text: text.to_owned() });
                }
            }
        }
    }
    if options.handle_impossible {
        answers.push(Answer { score: impossible, start: 0, end: 0, text: String::new() });
    }
    answers.sort_by(|a, b| b.score.total_cmp(&a.score));
    answers.truncate(options.top_k);
    answers
}

impl Window<'_> {
    /// The likeliest span of window `window`, if it has any of the context.
    pub(super) fn best(&self, window: usize, options: &ReadOptions) -> Option<TokenSpan> {
        let [starts, ends] = [0, 1].map(|side| self.probabilities(side));
        let Span { score, first, last } = *self.best_spans(&starts, &ends, options).first()?;
        Some(TokenSpan { score, window, first, last })
    }

    /// How likely an answer starts, or ends, at each token: nowhere outside the context but at `[CLS]`, which stands for no answer.
    fn probabilities(&self, side: usize) -> Vec<f32> {
        let counts = |token: usize| token == 0 || self.places[token].is_some();
        let logits = self.logits.iter().enumerate().filter(|(token, _)| counts(*token));
        let largest = logits.map(|(_, logits)| logits[side]).fold(f32::NEG_INFINITY, f32::max);
        let power = |(token, logits): (usize, &[f32; 2])| {
            if counts(token) { (logits[side] - largest).exp() } else { 0.0 }
        };
        let mut powers: Vec<_> = self.logits.iter().enumerate().map(power).collect();
        let sum: f32 = powers.iter().sum();
        powers.iter_mut().for_each(|power| *power /= sum);
        powers
    }

    /// The likeliest spans of tokens of the context, the best first: more than are asked for, as several become one answer.
    fn best_spans(&self, starts: &[f32], ends: &[f32], options: &ReadOptions) -> Vec<Span> {
        let top_k = options.top_k;
        let enough = if options.align_to_words { top_k.saturating_mul(2).saturating_add(10) } else { top_k };
        let mut spans = Vec::new();
        for (first, start) in starts.iter().enumerate().skip(1) {
            let lasts = ends.iter().enumerate().skip(first).take(options.max_answer_tokens);
            spans.extend(lasts.map(|(last, end)| Span { score: start * end, first, last }));
            // Now and then the worse ones go, so that a long window takes no more memory than a short one.
            if spans.len() >= enough.saturating_mul(4).saturating_add(4096) {
                keep_best(&mut spans, enough);
            }
        }
        keep_best(&mut spans, enough);
        spans.retain(|span| span.score > 0.0);
        spans
    }
}

/// The `count` best, the best first; of equals, the first.
fn keep_best(spans: &mut Vec<Span>, count: usize) {
    spans.sort_by(|a, b| b.score.total_cmp(&a.score).then((a.first, a.last).cmp(&(b.first, b.last))));
    spans.truncate(count);
}
