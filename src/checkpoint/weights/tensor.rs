//! One tensor and its number type.

use std::fmt;

use half::{bf16, f16, slice::HalfFloatSliceExt};
use safetensors::Dtype as FileDtype;

use super::Bytes;
use crate::{error::Result, memory};

/// The number types that checkpoints and packed files use here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dtype {
    F32,
    F16,
    Bf16,
    U8,
    I8,
}

impl Dtype {
    pub(super) fn of_file(dtype: FileDtype) -> Option<Self> {
        Some(match dtype {
            FileDtype::F32 => Self::F32,
            FileDtype::F16 => Self::F16,
            FileDtype::BF16 => Self::Bf16,
            FileDtype::U8 => Self::U8,
            FileDtype::I8 => Self::I8,
            _ => return None,
        })
    }

    pub(super) fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::Bf16)
    }

    /// Bytes of one number.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::U8 | Self::I8 => 1,
        }
    }
}

/// As safetensors headers have it.
impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::U8 => "U8",
            Self::I8 => "I8",
        })
    }
}

/// One tensor, row-major and little-endian, where it lies in its file.
#[derive(Debug, Clone)]
pub(crate) struct Tensor {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    /// Exactly `shape`'s product of numbers, at any alignment.
    pub(crate) bytes: Bytes,
}

impl Tensor {
    /// How many numbers it holds.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() / self.dtype.size()
    }

    /// All numbers, row-major.
    pub(crate) fn to_f32(&self) -> Result<Vec<f32>> {
        let mut values = memory::zeros(self.len())?;
        self.read_f32(0, &mut values);
        Ok(values)
    }

    /// Fills `out` with the numbers from element `start` on, row-major: one row of a table, for instance.
    ///
    /// # Panics
    ///
    /// If the tensor ends before `out` does.
    pub(crate) fn read_f32(&self, start: usize, out: &mut [f32]) {
        let size = self.dtype.size();
        let bytes = &self.bytes[start * size..(start + out.len()) * size];
        match self.dtype {
            Dtype::F32 => fill(bytes.as_chunks().0, out, f32::from_le_bytes),
            Dtype::Bf16 => fill(bytes.as_chunks().0, out, |b| bf16::from_le_bytes(b).to_f32()),
            Dtype::F16 => {
                // In blocks, since `half` uses the CPU's conversion instructions on slices alone.
                let mut block = [f16::ZERO; 256];
                for (bytes, out) in bytes.chunks(2 * block.len()).zip(out.chunks_mut(block.len())) {
                    let block = &mut block[..out.len()];
                    fill(bytes.as_chunks().0, block, f16::from_le_bytes);
                    block.convert_to_f32_slice(out);
                }
            }
            Dtype::U8 => fill(bytes.as_chunks().0, out, |[b]| f32::from(b)),
            Dtype::I8 => fill(bytes.as_chunks().0, out, |[b]| f32::from(b.cast_signed())),
        }
    }
}

fn fill<const N: usize, T>(bytes: &[[u8; N]], out: &mut [T], value: impl Fn([u8; N]) -> T) {
    for (out, &bytes) in out.iter_mut().zip(bytes) {
        *out = value(bytes);
    }
}
