//! Which numbers survive a change of type. What would become an infinity is refused, with its place and value, where a
//! model is packed and where it is loaded.
//!
//! Rounding is no loss. f16 keeps 11 bits of a number, and steps of 2⁻²⁴ below 2⁻¹⁴: what is under 2⁻²⁵ becomes 0, which
//! moves a sum of products no more than rounding one weight of 10⁻⁴ in it does. int8 is within half a step of every number,
//! however small its row (see [`nimbert_kernels::int8_step`]). bf16 and f16 become f32 exactly, and f64 is not read.

use crate::options::NumberType;

/// The least magnitude that f16 rounds to infinity: half a step above the 65,504 that it holds.
const BEYOND_F16: f32 = 65_520.0;

const NOT_FINITE: &str = "not a finite number";
const NOT_IN_F16: &str = "f16 holds at most 65504, precision int8 or f32 keeps it";

/// A number that is not there any more after a change of type: its place among others, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) at: usize,
    pub(crate) reason: &'static str,
}

/// Whether all are finite, or the first that is not.
pub(crate) fn finite(values: &[f32]) -> Result<(), Lost> {
    below(values, f32::INFINITY)
}

/// Whether all are finite and stay so when they are stored at `precision`, or the first that does not.
pub(crate) fn fit(values: &[f32], precision: NumberType) -> Result<(), Lost> {
    match precision {
        NumberType::F16 => below(values, BEYOND_F16),
        NumberType::Int8 | NumberType::F32 => finite(values),
    }
}

/// Whether all magnitudes are below `limit`, or the first that is not, or is none.
fn below(values: &[f32], limit: f32) -> Result<(), Lost> {
    /// Numbers that are looked at together: whole models pass here.
    const BLOCK: usize = 1_024;
    // As integers magnitudes have the same order, and what is no number is above infinity.
    let magnitude = |value: &f32| value.abs().to_bits();
    let is_bad = |value: &f32| magnitude(value) >= limit.to_bits();
    let largest = |block: &[f32]| block.iter().map(magnitude).fold(0, u32::max);
    let Some(block) = values.chunks(BLOCK).position(|block| largest(block) >= limit.to_bits()) else {
        return Ok(());
    };
    let rest = &values[block * BLOCK..];
    let at = rest.iter().position(is_bad).expect("the block has one");
    let reason = if rest[at].is_finite() { NOT_IN_F16 } else { NOT_FINITE };
    Err(Lost { at: block * BLOCK + at, reason })
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn f16_fits_what_it_does_not_round_to_infinity() {
        for value in [65_504.0, 65_519.996, 6e-8, 1e-40, 0.0, -65_519.996] {
            assert_eq!(fit(&[1.0, value], NumberType::F16), Ok(()), "{value}");
            assert!(f16::from_f32(value).is_finite(), "{value}");
        }
        for value in [65_520.0, 7e4, f32::MAX, -65_520.0] {
            assert_eq!(
                fit(&[1.0, value], NumberType::F16),
                Err(Lost { at: 1, reason: NOT_IN_F16 }),
                "{value}"
            );
            assert!(f16::from_f32(value).is_infinite(), "{value}");
            for precision in [NumberType::Int8, NumberType::F32] {
                assert_eq!(fit(&[1.0, value], precision), Ok(()), "{value}");
            }
        }
    }

    #[test]
    fn what_is_not_finite_fits_nowhere() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for precision in [NumberType::Int8, NumberType::F16, NumberType::F32] {
                let mut values = vec![-6e4; 3_000];
                values[2_500] = value;
                let lost = Err(Lost { at: 2_500, reason: NOT_FINITE });
                assert_eq!(fit(&values, precision), lost, "{value} {precision}");
                assert_eq!(finite(&values), lost);
                assert_eq!(fit(&values[..2_500], precision), Ok(()));
            }
        }
    }
}
