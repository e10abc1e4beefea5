//! Words as `ByteLevel` of the `tokenizers` crate splits them, by GPT-2's regular expression written out by hand, and the
//! alphabet in which its vocabularies write bytes.
//!
//! `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+` leaves nothing out: a word is one of the
//! seven endings, or a run of letters, of numbers, or of what is neither, with the space before it; or white space, of which
//! what is before a word leaves it the last.

mod class;
#[cfg(test)]
mod tests;

use std::mem;

use super::{
    added::Unit,
    place::Place,
    spec::ByteLevel,
    words::{Next, Word, Words},
};
use class::Class;

/// A word that has so many bytes ends: nobody writes one, and places in a word are 32 bits.
const LONGEST: usize = 1 << 28;

/// A text's words.
pub(super) struct ByteWords<I, P> {
    units: I,
    settings: ByteLevel,
    /// What was read ahead, the next one last.
    ahead: Vec<Unit<P>>,
    /// Whether what comes next is the first of a text, or after an added token.
    is_start: bool,
}

impl<I: Iterator<Item = Unit<P>>, P: Place> ByteWords<I, P> {
    pub(super) fn new(units: I, settings: ByteLevel) -> Self {
        Self { units, settings, ahead: Vec::new(), is_start: true }
    }

    #[inline]
    fn next(&mut self) -> Option<Unit<P>> {
        self.ahead.pop().or_else(|| self.units.next())
    }

    /// Reads the characters of a class that come next, or all.
    fn run(&mut self, word: &mut Word<P>, class: Option<Class>) {
        while word.text.len() < LONGEST {
            match self.next() {
                Some(Unit::Char(c, place)) if class.is_none_or(|class| class == Class::of(c)) => {
                    word.push(c, place);
                }
                other => return self.ahead.extend(other),
            }
        }
    }

    /// After an apostrophe: whether it and what comes next are an ending, which is then read.
    fn ending(&mut self, word: &mut Word<P>) -> bool {
        let first = self.next();
        if let Some(Unit::Char(c @ ('s' | 't' | 'm' | 'd'), place)) = first {
            word.push(c, place);
            return true;
        }
        if let Some(Unit::Char(c @ ('r' | 'v' | 'l'), place)) = first {
            let second = self.next();
            if let Some(Unit::Char(d @ ('e' | 'l'), last)) = second
                && (c == 'l') == (d == 'l')
            {
                word.push(c, place);
                word.push(d, last);
                return true;
            }
            self.ahead.extend(second);
        }
        self.ahead.extend(first);
        false
    }

    /// After white space that is not in the word yet: what is of the word that it starts.
    fn white_space(&mut self, word: &mut Word<P>, mut last: (char, P)) {
        while word.text.len() < LONGEST {
            match self.next() {
                Some(Unit::Char(c, place)) => match Class::of(c) {
                    Class::Space => {
                        word.push(last.0, last.1);
                        last = (c, place);
                    }
                    class if word.text.is_empty() && last.0 == ' ' => {
                        word.push(last.0, last.1);
                        word.push(c, place);
                        return self.run(word, Some(class));
                    }
                    _ => {
                        self.ahead.push(Unit::Char(c, place));
                        if !word.text.is_empty() {
                            return self.ahead.push(Unit::Char(last.0, last.1));
                        }
                        break;
                    }
                },
                end => {
                    self.ahead.extend(end);
                    break;
                }
            }
        }
        word.push(last.0, last.1);
    }
}

impl<I: Iterator<Item = Unit<P>>, P: Place> Words<P> for ByteWords<I, P> {
    #[inline]
    fn read(&mut self, word: &mut Word<P>, _: usize) -> Option<Next<P>> {
        let (mut c, place) = match self.next()? {
            Unit::Char(c, place) => (c, place),
            Unit::Token(id, place) => {
                self.is_start = true;
                return Some(Next::Token(id, place));
            }
        };
        if mem::take(&mut self.is_start) && self.settings.add_prefix_space && c != ' ' {
            self.ahead.push(Unit::Char(c, place));
            c = ' ';
        }
        match Class::of(c) {
            _ if !self.settings.use_regex => {
                word.push(c, place);
                self.run(word, None);
            }
            Class::Space => self.white_space(word, (c, place)),
            class => {
                word.push(c, place);
                if c != '\'' || !self.ending(word) {
                    self.run(word, Some(class));
                }
            }
        }
        Some(Next::Word)
    }
}

/// The character that stands for a byte: itself where it is one that can be seen, else one from U+0100 on.
pub(super) fn char_of(byte: u8) -> char {
    let number = u32::from(byte);
    let stands_for = match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae.. => number,
        0..=b' ' => 0x100 + number,
        0x7f..=0xa0 => 0x121 + number - 0x7f,
        0xad => 0x143,
    };
    char::from_u32(stands_for).unwrap_or_default()
}

/// The byte that a character stands for.
pub(super) fn byte_of(c: char) -> Option<u8> {
    let number = u32::from(c);
    let byte = match number {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => number,
        0x100..=0x120 => number - 0x100,
        0x121..=0x142 => number - 0x121 + 0x7f,
        0x143 => 0xad,
        _ => return None,
    };
    Some(byte as u8)
}

/// The text of tokens: of bytes in the alphabet, or of their own where one has another character.
pub(super) fn decode<'a>(tokens: impl IntoIterator<Item = &'a str>) -> String {
    let mut bytes = Vec::new();
    for token in tokens {
        let before = bytes.len();
        for c in token.chars() {
            let Some(byte) = byte_of(c) else {
                bytes.truncate(before);
                bytes.extend(token.as_bytes());
                break;
            };
            bytes.push(byte);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
