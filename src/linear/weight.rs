//! A matrix in the form that a product reads, at one of the precisions.

use half::f16;
use nimbert_kernels::{
    Int8Weights, expand_int8, f32_panels_len, int8_panels_len, try_halve_panels, try_pack_f32, try_pack_int8,
    unpack,
};

use crate::{
    checkpoint::{
        numbers::{self, Lost},
        weights::Bytes,
    },
    error::{Error, Result},
    memory,
    options::NumberType,
};

/// Packed weights, see [`nimbert_kernels::Panels`] and [`nimbert_kernels::Int8Weights`].
#[derive(Debug, Clone)]
pub(crate) enum Weight {
    F32(Bytes),
    F16(Bytes),
    Int8 {
        panels: Bytes,
        /// Per output column, whole panels.
        scales: Vec<f32>,
        /// Likewise.
        sums: Vec<f32>,
    },
}

impl Weight {
    /// From a row-major `[n, k]` matrix; `lost` makes an error of a number that the precision does not hold.
    pub(crate) fn pack(
        values: &[f32],
        (n, k): (usize, usize),
        precision: NumberType,
        lost: impl Fn(Lost) -> Error,
    ) -> Result<Self> {
        numbers::fit(values, precision).map_err(&lost)?;
        let pack_f32 = || try_pack_f32(values, n, k).map_err(memory::refused::<f32>(f32_panels_len(n, k)));
        Ok(match precision {
            NumberType::Int8 => {
                let packed =
                    try_pack_int8(values, n, k).map_err(memory::refused::<u8>(int8_panels_len(n, k)))?;
                let Int8Weights { panels, scales, sums } = packed;
                if let Some(row) = sums.iter().position(|sum| !sum.is_finite()) {
                    let reason =
                        "with the rest of its row it adds up to more than f32 holds, as int8 needs it";
                    return Err(lost(Lost { at: row * k, reason }));
                }
                Self::Int8 { panels: Bytes::from_lines(panels), scales, sums }
            }
            NumberType::F16 => {
                let panels = pack_f32()?;
                let halves = try_halve_panels(&panels);
                Self::F16(Bytes::from_lines(halves.map_err(memory::refused::<f16>(f32_panels_len(n, k)))?))
            }
            NumberType::F32 => Self::F32(Bytes::from_lines(pack_f32()?)),
        })
    }

    /// The row-major `[n, k]` matrix that the panels stand for.
    pub(crate) fn unpack(&self, (n, k): (usize, usize)) -> Result<Vec<f32>> {
        match self {
            Self::F32(panels) => memory::collect(n * k, unpack(bytemuck::cast_slice(panels), n, k)),
            Self::F16(panels) => {
                let halves = unpack::<u16>(bytemuck::cast_slice(panels), n, k);
                memory::collect(n * k, halves.map(|bits| f16::from_bits(bits).to_f32()))
            }
            Self::Int8 { panels, scales, .. } => memory::collect(n * k, expand_int8(panels, scales, n, k)),
        }
    }
}
