//! A few of many, each with the same chance.

use super::bootstrap::SplitMix64;

/// A uniform sample of a stream of unknown length (Vitter's algorithm R, 1985), the same in every run.
pub(crate) struct Sample<T> {
    items: Vec<T>,
    most: usize,
    offered: usize,
    random: SplitMix64,
}

impl<T> Sample<T> {
    /// Of at most `most` items.
    pub(crate) fn new(most: usize) -> Self {
        Self { items: Vec::new(), most, offered: 0, random: SplitMix64(0) }
    }

    /// Makes the next item if it is to be in the sample.
    pub(crate) fn offer<E>(&mut self, item: impl FnOnce() -> Result<T, E>) -> Result<(), E> {
        self.offered += 1;
        if self.items.len() < self.most {
            self.items.push(item()?);
            return Ok(());
        }
        let place = self.random.below(self.offered);
        if place < self.most {
            self.items[place] = item()?;
        }
        Ok(())
    }

    pub(crate) fn into_items(self) -> Vec<T> {
        self.items
    }
}
