//! Which of two texts' tokens stay when there is no room for all: Hugging Face's `longest_first`.

/// What is known of a text's tokens when there is room for so many.
pub(super) struct Side<I> {
    /// The first of them, one more than there is room for if there are so many.
    pub(super) ids: Vec<u32>,
    /// All others.
    rest: I,
}

impl<I: Iterator<Item = u32>> Side<I> {
    pub(super) fn read(mut rest: I, room: usize) -> Self {
        Self { ids: rest.by_ref().take(room.saturating_add(1)).collect(), rest }
    }
}

/// How many tokens stay of two texts of so many, which together have more than there is `room` for.
pub(super) fn longest_first([first, second]: [usize; 2], room: usize) -> [usize; 2] {
    let [shorter, longer] = kept(first.min(second), room);
    if first > second { [longer, shorter] } else { [shorter, longer] }
}

/// How many tokens stay of the shorter text, which has so many, and of the longer one.
fn kept(shorter: usize, room: usize) -> [usize; 2] {
    let keep = shorter.min(room / 2);
    [keep, room - keep]
}

/// Cuts the longer text first, then both to half, where the longer one (the second of equals) keeps the odd token.
/// Together they have more tokens than there is room for.
///
/// That a text has more than `room` tokens is all there is to know of its length, but for one thing. Whether the shorter
/// one fits in half the room is known of its first `room` tokens, and if it does, the other keeps what is left, which is
/// not more than it has. If not, the halves are the same whatever the lengths, and only which of the two keeps an odd
/// token is open: known if one of them has no more than `room`, and of no account if the room is even.
pub(super) fn cut_longest_first<A, B>(first: &mut Side<A>, second: &mut Side<B>, room: usize)
where
    A: Iterator<Item = u32>,
    B: Iterator<Item = u32>,
{
    debug_assert!(first.ids.len() + second.ids.len() > room);
    let both_open = first.ids.len() > room && second.ids.len() > room;
    let first_is_longer = if both_open && room % 2 == 1 {
        is_longer(&mut first.rest, &mut second.rest)
    } else {
        first.ids.len() > second.ids.len()
    };
    let (longer, shorter) =
        if first_is_longer { (&mut first.ids, &mut second.ids) } else { (&mut second.ids, &mut first.ids) };
    let kept = kept(shorter.len(), room);
    shorter.truncate(kept[0]);
    longer.truncate(kept[1]);
}

/// Whether the first has more to give. Both are read until one ends, and nothing is held.
fn is_longer(first: &mut impl Iterator, second: &mut impl Iterator) -> bool {
    loop {
        match (first.next(), second.next()) {
            (Some(_), Some(_)) => {}
            (more, _) => return more.is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_n;

    use super::*;

    /// The rule as the `tokenizers` crate's `truncate_encodings` has it, from all lengths.
    fn reference(first: usize, second: usize, room: usize) -> (usize, usize) {
        let (n1, mut n2) = (first.min(second), first.max(second));
        n2 = if n1 > room { n1 } else { n1.max(room - n1).min(n2) };
        let (n1, n2) = if n1 + n2 > room { (room / 2, room / 2 + room % 2) } else { (n1, n2) };
        if first > second { (n2, n1) } else { (n1, n2) }
    }

    #[test]
    fn what_is_known_of_the_lengths_is_enough() {
        for (first, second, room) in
            (0..24).flat_map(|a| (0..24).flat_map(move |b| (0..24).map(move |c| (a, b, c))))
        {
            let (mut one, mut other) =
                (Side::read(repeat_n(1, first), room), Side::read(repeat_n(2, second), room));
            assert_eq!(one.ids.len() + other.ids.len() > room, first + second > room);
            if first + second > room {
                cut_longest_first(&mut one, &mut other, room);
                let kept = (one.ids.len(), other.ids.len());
                assert_eq!(longest_first([first, second], room), <[usize; 2]>::from(kept));
                assert_eq!(kept, reference(first, second, room), "{first} and {second} in {room}");
            }
        }
    }

    /// A text that never ends can be cut beside one that does.
    #[test]
    fn the_longer_text_is_not_read_to_its_end() {
        let (mut one, mut other) = (Side::read(std::iter::repeat(1), 9), Side::read(repeat_n(2, 1000), 9));
        cut_longest_first(&mut one, &mut other, 9);
        assert_eq!((one.ids.len(), other.ids.len()), (5, 4));
        assert_eq!(one.rest.by_ref().take(3).count(), 3);
    }
}
