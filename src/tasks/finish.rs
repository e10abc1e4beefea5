//! The last of what is made of a text's hidden states: a vector's length and how many of its numbers stay.

use super::pooling::normalize;
use crate::error::{Error, Result};

/// What is done to a vector at the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finish {
    /// The numbers that it has before,
    width: usize,
    /// scaled to length 1,
    pub(super) scale_all: bool,
    /// of which so many are kept,
    pub(super) dimensions: usize,
    /// scaled to length 1.
    scale_kept: bool,
}

impl Finish {
    /// With so many numbers, or all, and scaled or not, or as the model says.
    pub(super) fn new(
        width: usize,
        is_scaled: bool,
        dimensions: Option<usize>,
        normalize: Option<bool>,
    ) -> Result<Self> {
        let dimensions = dimensions.unwrap_or(width);
        if !(1..=width).contains(&dimensions) {
            let reason = format!("{dimensions} is not between 1 and the model's {width}");
            return Err(Error::Option { option: "dimensions", reason });
        }
        let scale_all = is_scaled && normalize != Some(false);
        let scale_kept = normalize.unwrap_or(scale_all && dimensions < width);
        Ok(Self { width, scale_all, dimensions, scale_kept })
    }

    /// The same for other wishes.
    pub(super) fn with(self, dimensions: Option<usize>, normalize: Option<bool>) -> Result<Self> {
        Self::new(self.width, self.scale_all, dimensions, normalize)
    }

    /// `values` is lost.
    pub(super) fn apply(self, values: &mut [f32], out: &mut [f32]) {
        if self.scale_all {
            normalize(values);
        }
        out.copy_from_slice(&values[..self.dimensions]);
        if self.scale_kept {
            normalize(out);
        }
    }
}
