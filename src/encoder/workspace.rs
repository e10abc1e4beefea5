//! Every buffer that a forward pass writes. They grow with the largest batch and never shrink: a steady state
//! allocates nothing.

use nimbert_kernels::{Buffer, PANEL, QuantizedRows};

use crate::{
    config::Shape,
    error::Result,
    linear::{Input, Operand},
    memory::grow,
};

/// The activations of one forward pass of `T` tokens and `B` texts; a buffer may be longer than its shape says. `R` is `T` in
/// all layers but the last, whose attention leaves the rows that are [wanted](super::Wanted).
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// `[R, H]`: what flows from layer to layer.
    pub(crate) hidden: Hidden,
    /// `[3, heads, T, head_size]` or `[T, 3H]`: query, key and value.
    pub(super) qkv: Buffer<f32>,
    /// `[R, H↑32]`: queries of the rows that are wanted, in the last layer.
    pub(super) queries: Buffer<f32>,
    /// `[R, H]`: attention's weighted values.
    pub(super) context: Buffer<f32>,
    /// `[R, H]`: what a block adds to `hidden`.
    pub(super) dense: Buffer<f32>,
    /// `[R, I]`: the feed-forward's inside.
    pub(super) intermediate: Buffer<f32>,
    /// `[R, H]`, what a head makes of `hidden`: of vectors one for each pooling, or what follows.
    pub(crate) pooled: Buffer<f32>,
    /// `[R, n]`, what it makes of that.
    pub(crate) logits: Buffer<f32>,
    /// `R` rows, the left side of a product in f16 or int8.
    pub(crate) operand: Operand,
    /// Keys and values of a head in panels, one for each thread.
    pub(super) attention: Buffer<f32>,
}

/// Hidden states and, where the next products are in int8, the same in eight bits.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    pub(crate) values: Buffer<f32>,
    /// Whether `int8` is kept.
    in_int8: bool,
    int8: QuantizedRows,
    /// Whether `int8` is of the same rows as `values`.
    is_current: bool,
}

impl Hidden {
    /// The first `len` values, and where their normalization, which is to follow, leaves them in eight bits.
    pub(super) fn parts(&mut self, len: usize) -> (&mut [f32], Option<&mut QuantizedRows>) {
        self.is_current = self.in_int8;
        (&mut self.values[..len], self.in_int8.then_some(&mut self.int8))
    }

    /// Goes on with fewer rows: those at `positions`, which ascend.
    pub(crate) fn keep_rows(&mut self, hidden_size: usize, positions: &[u32]) {
        self.is_current = false;
        for (to, &position) in positions.iter().enumerate() {
            let row = position as usize * hidden_size..(position as usize + 1) * hidden_size;
            self.values.copy_within(row, to * hidden_size);
        }
    }

    /// What the next product reads: the first `len` values, all that there are.
    pub(crate) fn input(&self, len: usize) -> Input<'_> {
        Input::new(&self.values[..len], self.is_current.then_some(&self.int8))
    }
}

impl Workspace {
    /// Makes room for `tokens` tokens, of which `wanted` go through the whole last layer; with `in_int8` hidden states are kept
    /// in eight bits, too. What the kernels allocate beside these, the same rows in fewer bits and a head's keys, is less.
    ///
    /// # Errors
    /// When there is no memory; what there is stays as it was.
    pub(super) fn reserve(
        &mut self,
        shape: &Shape,
        tokens: usize,
        wanted: usize,
        in_int8: bool,
    ) -> Result<()> {
        let hidden = shape.hidden_size;
        self.hidden.in_int8 = in_int8;
        self.hidden.is_current = false;
        grow(&mut self.hidden.values, tokens * hidden)?;
        grow(&mut self.qkv, tokens * 3 * hidden)?;
        grow(&mut self.queries, wanted * hidden.next_multiple_of(PANEL))?;
        grow(&mut self.context, tokens * hidden)?;
        grow(&mut self.dense, tokens * hidden)?;
        grow(&mut self.intermediate, tokens * shape.intermediate_size)
    }
}
