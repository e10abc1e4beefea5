//! Numbers of things, in words.

use std::fmt;

use indicatif::HumanCount;

/// `1 text`, `2 texts`, `12,345 texts`.
pub(crate) fn count(number: usize, thing: &'static str) -> Count {
    Count { number, thing }
}

/// A number with the name of what is counted.
#[derive(Clone, Copy)]
pub(crate) struct Count {
    number: usize,
    /// One of them; more have an s.
    thing: &'static str,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, thing } = *self;
        let s = if number == 1 { "" } else { "s" };
        write!(f, "{} {thing}{s}", HumanCount(number as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn one_is_one_and_all_else_are_many() {
        let said = [0, 1, 2, 12_345].map(|n| count(n, "text").to_string());
        assert_eq!(said, ["0 texts", "1 text", "2 texts", "12,345 texts"]);
    }
}
