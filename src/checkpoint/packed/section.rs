//! The tensors that the parts of a model become in a packed file.

use super::{ALIGNMENT, FLOATS, PANEL, panel_shape};
use crate::{
    checkpoint::weights::Dtype,
    options::NumberType,
    plan::{Matmul, Part, Table, Vector},
};

/// A tensor of the packed file.
pub(super) struct Section {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
}

impl Section {
    pub(super) fn new(name: impl Into<String>, dtype: Dtype, shape: impl Into<Vec<usize>>) -> Self {
        Self { name: name.into(), dtype, shape: shape.into() }
    }

    fn floats(name: impl Into<String>, len: usize, unit: usize) -> Self {
        Self::new(name, Dtype::F32, [len.next_multiple_of(unit)])
    }

    pub(super) fn byte_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.size()
    }
}

impl Section {
    /// The tensors that a part becomes, in file order; `precision` is what it is stored as.
    pub(super) fn of(part: Part<'_>, precision: NumberType) -> Vec<Self> {
        match part {
            Part::Table(table) => Self::of_table(table, precision),
            Part::Vector(Vector { name, len }) => vec![Self::floats(name, *len, FLOATS)],
            Part::Matmul(matmul) => Self::of_matmul(matmul, precision),
        }
    }

    fn of_table(table: &Table, precision: NumberType) -> Vec<Self> {
        let Table { name, rows, columns, .. } = table;
        let whole = |dtype: Dtype| {
            Self::new(name, dtype, [*rows, columns.next_multiple_of(ALIGNMENT / dtype.size())])
        };
        match precision {
            NumberType::F32 => vec![whole(Dtype::F32)],
            NumberType::F16 => vec![whole(Dtype::F16)],
            NumberType::Int8 => {
                vec![whole(Dtype::I8), Self::floats(format!("{}.scale", table.part()), *rows, FLOATS)]
            }
        }
    }

    fn of_matmul(Matmul { name, n, k, decisive, .. }: &Matmul, precision: NumberType) -> Vec<Self> {
        if *decisive {
            let rows = [*n, k.next_multiple_of(FLOATS)];
            let weight = Self::new(format!("{name}.weight"), Dtype::F32, rows);
            return vec![weight, Self::floats(format!("{name}.bias"), *n, FLOATS)];
        }
        let panels = |dtype| Self::new(format!("{name}.weight"), dtype, panel_shape(dtype, *n, *k));
        let vector = |of: &str| Self::floats(format!("{name}.{of}"), *n, PANEL[0]);
        match precision {
            NumberType::F32 => vec![panels(Dtype::F32), vector("bias")],
            NumberType::F16 => vec![panels(Dtype::F16), vector("bias")],
            NumberType::Int8 => vec![panels(Dtype::U8), vector("scale"), vector("sum"), vector("bias")],
        }
    }

    /// A part of the tokenizer, `len` bytes of it.
    pub(super) fn bytes(name: &str, len: usize) -> Self {
        Self::new(name, Dtype::U8, [len.next_multiple_of(ALIGNMENT)])
    }
}
