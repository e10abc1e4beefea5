//! Where a product's results go.

use super::check;
use crate::{PANEL, generic::output::Out};

/// Where a product of m rows and n columns leaves its results.
#[derive(Debug)]
pub struct Output<'a> {
    values: &'a mut [f32],
    order: Order,
}

#[derive(Debug, Clone, Copy)]
enum Order {
    Rows { stride: usize },
    Blocks { columns: usize },
}

impl<'a> Output<'a> {
    /// m rows of n values, `stride` apart.
    pub fn rows(values: &'a mut [f32], stride: usize) -> Self {
        Self { values, order: Order::Rows { stride } }
    }

    /// `[⌈n/columns⌉][m][columns]`: what reads the columns of a block, such as those of a head, reads one piece of memory.
    ///
    /// # Panics
    /// When `columns` is no multiple of [`PANEL`].
    pub fn blocks(values: &'a mut [f32], columns: usize) -> Self {
        assert!(columns > 0 && columns.is_multiple_of(PANEL), "blocks of {columns} columns");
        Self { values, order: Order::Blocks { columns } }
    }

    /// The place of `m` rows of `n` columns.
    ///
    /// # Panics
    /// When there is too little of it.
    pub(super) fn of(self, m: usize, n: usize) -> Out {
        let to = self.values.as_mut_ptr();
        match self.order {
            Order::Rows { stride } => {
                check("out", self.values.len(), m, n, stride);
                Out::new(to, stride, u32::MAX, 0)
            }
            Order::Blocks { columns } => {
                let blocks = n.div_ceil(columns);
                let needed = blocks.checked_mul(columns).and_then(|row| row.checked_mul(m));
                assert!(
                    needed.is_some_and(|needed| self.values.len() >= needed),
                    "out: {} values for {m} rows in {blocks} blocks of {columns}",
                    self.values.len()
                );
                Out::new(to, columns, (columns / PANEL) as u32, m * columns)
            }
        }
    }
}
