//! What attention adds to scores by the distance from query to key.

use std::{collections::TryReserveError, f32::consts::LOG2_E};

use crate::PANEL;

/// Numbers that are added to the scores of a head's keys before the softmax, by how far the key is from the query: one table for each
/// head, shared by all layers (Raffel et al., 2019, in the form of Song et al., 2020).
#[derive(Debug, Clone)]
pub struct DistanceBias {
    heads: usize,
    reach: usize,
    /// `[heads][stride]`, as exponents of 2: from the distance `1 - reach` to `reach - 1`, then zeros that a register may read.
    values: Vec<f32>,
}

impl DistanceBias {
    /// For texts of at most `reach` tokens: what `of` gives for each head and distance, which is the key's position less the query's.
    ///
    /// # Errors
    /// When the system does not give so much memory.
    ///
    /// # Panics
    /// When `reach` is 0.
    pub fn new(
        heads: usize,
        reach: usize,
        of: impl Fn(usize, isize) -> f32,
    ) -> Result<Self, TryReserveError> {
        assert!(reach > 0, "a text has a token");
        let (mut values, len) = (Vec::new(), heads.saturating_mul(stride(reach)));
        values.try_reserve_exact(len)?;
        values.resize(len, 0.0);
        for (head, values) in values.chunks_exact_mut(stride(reach)).enumerate() {
            for (distance, value) in (1 - reach.cast_signed()..reach.cast_signed()).zip(values) {
                *value = of(head, distance) * LOG2_E;
            }
        }
        Ok(Self { heads, reach, values })
    }

    /// Heads that it is for.
    pub(super) fn heads(&self) -> usize {
        self.heads
    }

    /// The most tokens that a text may have.
    pub(super) fn reach(&self) -> usize {
        self.reach
    }

    /// Those of one head, and where distance 0 is. Before it are `reach - 1`, after it as many and whole panels.
    pub(super) fn head(&self, head: usize) -> (&[f32], usize) {
        (&self.values[head * stride(self.reach)..][..stride(self.reach)], self.reach - 1)
    }
}

/// From one head's values to the next's.
const fn stride(reach: usize) -> usize {
    2 * reach - 1 + PANEL
}
