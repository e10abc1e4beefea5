//! Where characters and tokens come from in their text, for who asks: code that does not is compiled without it.

use std::fmt::Debug;

/// A part of a text, in characters.
pub(super) trait Place: Copy + Debug + Default + PartialEq {
    /// Whether places are known, and characters have to be counted.
    const IS_KNOWN: bool;

    /// From character `start` to before `end`.
    fn new(start: usize, end: usize) -> Self;

    /// The first character.
    fn start(self) -> usize;

    /// The character after it.
    fn end(self) -> usize;

    /// From where this one starts to where `last` ends.
    fn to(self, last: Self) -> Self;
}

/// For ids alone.
impl Place for () {
    const IS_KNOWN: bool = false;

    fn new(_: usize, _: usize) -> Self {}

    fn start(self) -> usize {
        0
    }

    fn end(self) -> usize {
        0
    }

    fn to(self, (): Self) -> Self {}
}

/// A place that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Place for Span {
    const IS_KNOWN: bool = true;

    fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    fn start(self) -> usize {
        self.start
    }

    fn end(self) -> usize {
        self.end
    }

    fn to(self, last: Self) -> Self {
        Self { start: self.start, end: last.end }
    }
}
