//! Every buffer that a forward pass writes. They grow with the largest batch and never shrink: a steady state
//! allocates nothing.

use nimbert_kernels::QuantizedRows;

use crate::{
    config::Config,
    error::Result,
    linear::{Input, Operand},
    memory::grow,
};

/// The activations of one forward pass; a buffer may be longer than its shape says. `R` rows of hidden size `H`, at
/// first `R = T`, one for each token; from the last layer's attention on `R = B`, one for each text.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// `R`
    pub(crate) rows: usize,
    /// `[R, H]`: what flows from layer to layer.
    pub(crate) hidden: Hidden,
    /// `[T, 3H]`: query, key and value.
    pub(crate) qkv: Vec<f32>,
    /// `[B, H↑32]`: queries of the rows' first tokens, in the last layer.
    pub(crate) first_queries: Vec<f32>,
    /// `[R, H]`: attention's weighted values.
    pub(crate) context: Vec<f32>,
    /// `[R, H]`: what a block adds to `hidden`.
    pub(crate) dense: Vec<f32>,
    /// `[R, I]`: the feed-forward's inside.
    pub(crate) intermediate: Vec<f32>,
    /// `[B, H]`
    pub(crate) pooled: Vec<f32>,
    /// `[B, labels]`
    pub(crate) logits: Vec<f32>,
    /// `R` rows, the left side of a product in f16 or int8.
    pub(crate) operand: Operand,
    /// Keys and values of a head in panels, one for each thread.
    pub(crate) attention: Vec<f32>,
}

/// Hidden states and, where the next products are in int8, the same in eight bits.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    pub(crate) values: Vec<f32>,
    /// Whether `int8` is kept.
    in_int8: bool,
    int8: QuantizedRows,
    /// Whether `int8` is of the same rows as `values`.
    is_current: bool,
}

impl Hidden {
    /// The first `len` values, and where their normalization, which is to follow, leaves them in eight bits.
    pub(crate) fn parts(&mut self, len: usize) -> (&mut [f32], Option<&mut QuantizedRows>) {
        self.is_current = self.in_int8;
        (&mut self.values[..len], self.in_int8.then_some(&mut self.int8))
    }

    /// What the next product reads: the first `len` values, all that there are.
    pub(crate) fn input(&self, len: usize) -> Input<'_> {
        Input::new(&self.values[..len], self.is_current.then_some(&self.int8))
    }
}

impl Workspace {
    /// Makes room for `tokens` tokens in `texts` texts; with `in_int8` hidden states are kept in eight bits, too. What the
    /// kernels allocate beside these, the same rows in fewer bits and a head's keys, is less.
    ///
    /// # Errors
    /// When there is no memory; what there is stays as it was.
    pub(crate) fn reserve(
        &mut self,
        config: &Config,
        tokens: usize,
        texts: usize,
        in_int8: bool,
    ) -> Result<()> {
        let hidden = config.hidden_size;
        self.rows = tokens;
        self.hidden.in_int8 = in_int8;
        self.hidden.is_current = false;
        grow(&mut self.hidden.values, tokens * hidden)?;
        grow(&mut self.qkv, tokens * 3 * hidden)?;
        grow(&mut self.first_queries, texts * hidden.next_multiple_of(nimbert_kernels::PANEL))?;
        grow(&mut self.context, tokens * hidden)?;
        grow(&mut self.dense, tokens * hidden)?;
        grow(&mut self.intermediate, tokens * config.intermediate_size)?;
        grow(&mut self.pooled, texts * hidden)?;
        grow(&mut self.logits, texts * config.labels.len())
    }

    /// Goes on with fewer rows of `hidden`: those of the tokens at `positions`, which ascend.
    pub(crate) fn keep_rows(&mut self, hidden_size: usize, positions: impl Iterator<Item = usize>) {
        self.rows = 0;
        self.hidden.is_current = false;
        for position in positions {
            let row = position * hidden_size..(position + 1) * hidden_size;
            self.hidden.values.copy_within(row, self.rows * hidden_size);
            self.rows += 1;
        }
    }
}
