//! Where a product's results go.

use crate::PANEL;

/// A block of a product's results: rows, whose columns stand side by side or in blocks of panels with all rows in each.
#[derive(Clone, Copy)]
pub(crate) struct Out {
    /// The first row, of the first block.
    to: *mut f32,
    /// From one row to the next.
    pub(crate) stride: usize,
    /// The number of the first panel.
    first: u32,
    /// Panels of a block of columns.
    panels: u32,
    /// From one block of columns to the next.
    jump: usize,
}

// SAFETY: whoever writes there says why no two threads write the same values.
unsafe impl Sync for Out {}

impl Out {
    /// `panels` panels side by side in each row, `jump` values from them to the next ones.
    pub(crate) fn new(to: *mut f32, stride: usize, panels: u32, jump: usize) -> Self {
        Self { to, stride, first: 0, panels, jump }
    }

    /// What begins with a row and a panel.
    pub(crate) fn part(self, row: usize, panel: usize) -> Self {
        Self { to: self.to.wrapping_add(row * self.stride), first: self.first + panel as u32, ..self }
    }

    /// Where a row has the first column of a panel.
    #[inline(always)]
    pub(crate) fn at(&self, row: usize, panel: usize) -> *mut f32 {
        let panel = self.first + panel as u32;
        let (block, within) = ((panel / self.panels) as usize, (panel % self.panels) as usize);
        self.to.wrapping_add(row * self.stride + block * self.jump + within * PANEL)
    }
}
