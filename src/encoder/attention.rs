//! The attention block: `x = LayerNorm(x + W·Attention(x))`.

use nimbert_kernels::{Activation, Attention, Buffer, DistanceBias, Output, PANEL};

use super::{Batch, Wanted, Workspace, norm::LayerNorm};
use crate::{
    checkpoint::source::Source,
    config::Shape,
    error::Result,
    exec::{Exec, Operation},
    linear::{Columns, Input, Linear},
    options::NumberType,
    plan,
};

/// Self-attention of one layer, with its projections.
#[derive(Debug, Clone)]
pub(super) struct SelfAttention {
    qkv: Linear,
    output: Linear,
    norm: LayerNorm,
    heads: usize,
    head_size: usize,
    /// Whether scores and values may be computed in half precision.
    half: bool,
}

impl SelfAttention {
    pub(super) fn load(
        source: Source<'_>,
        layer: &plan::Layer,
        shape: &Shape,
        precision: NumberType,
    ) -> Result<Self> {
        Ok(Self {
            qkv: source.matmul(&layer.qkv, precision)?,
            output: source.matmul(&layer.attention_output, precision)?,
            norm: LayerNorm::load(source, &layer.attention_norm)?,
            heads: shape.num_attention_heads,
            head_size: shape.head_size(),
            half: precision == NumberType::Int8,
        })
    }

    /// Reads all tokens' rows of `hidden`; leaves those that are wanted.
    pub(super) fn forward(
        &self,
        exec: Exec<'_>,
        batch: &Batch,
        wanted: Wanted<'_>,
        bias: Option<&DistanceBias>,
        ws: &mut Workspace,
    ) {
        let (hidden, tokens) = (self.heads * self.head_size, batch.tokens());
        let x = ws.hidden.input(tokens * hidden);
        let qkv = Layout::new(tokens, self.heads, self.head_size);
        match wanted {
            Wanted::All => {
                let to = qkv.output(&mut ws.qkv[..3 * tokens * hidden]);
                self.qkv.forward_columns(exec, x, Columns::All, Activation::Identity, to, &mut ws.operand);
                let cu = &batch.cu_seqlens;
                let Layout { stride, head, .. } = qkv;
                let queries = Queries { rows: &ws.qkv, stride, head, cu, positions: None, bias };
                self.attend(exec, &queries, batch, (&ws.qkv, qkv), &mut ws.context, &mut ws.attention);
            }
            Wanted::Rows { positions, cu } => {
                // Keys and values of all tokens, queries of the wanted rows only: two parts of one product, in whole
                // panels. Where H is no multiple of 32, the panel with the last queries and the first keys is in both.
                let (key_panel, query_panels) = (hidden / PANEL, hidden.div_ceil(PANEL));
                let first = if qkv.in_blocks { qkv.part } else { key_panel * PANEL };
                let columns = Columns::From(key_panel);
                let to = qkv.output(&mut ws.qkv[first..3 * tokens * hidden]);
                self.qkv.forward_columns(exec, x, columns, Activation::Identity, to, &mut ws.operand);

                ws.hidden.keep_rows(hidden, positions);
                let x = ws.hidden.input(positions.len() * hidden);
                let (columns, stride) = (Columns::To(query_panels), (query_panels * PANEL).min(3 * hidden));
                let rows = &mut ws.queries[..positions.len() * stride];
                let to = Output::rows(rows, stride);
                self.qkv.forward_columns(exec, x, columns, Activation::Identity, to, &mut ws.operand);
                let (head, positions) = (self.head_size, Some(positions));
                let queries = Queries { rows, stride, head, cu, positions, bias };
                self.attend(exec, &queries, batch, (&ws.qkv, qkv), &mut ws.context, &mut ws.attention);
            }
        }
        let rows = wanted.count(batch);
        let len = rows * self.output.n();
        let (context, dense) = (Input::from(&ws.context[..len]), &mut ws.dense[..len]);
        self.output.forward(exec, context, Activation::Identity, dense, &mut ws.operand);
        self.norm.add(exec, rows, ws);
    }

    /// Weighted values for `queries` over the keys and values of all tokens.
    fn attend(
        &self,
        exec: Exec<'_>,
        queries: &Queries<'_>,
        batch: &Batch,
        (qkv, layout): (&[f32], Layout),
        context: &mut [f32],
        scratch: &mut Buffer<f32>,
    ) {
        let heads = Attention {
            heads: self.heads,
            head_size: self.head_size,
            q: queries.rows,
            q_stride: queries.stride,
            q_head: queries.head,
            cu_queries: queries.cu,
            k: &qkv[layout.part..],
            v: &qkv[2 * layout.part..],
            kv_stride: layout.stride,
            kv_head: layout.head,
            cu_keys: &batch.cu_seqlens,
            bias: queries.bias,
            positions: queries.positions,
            half: self.half,
        };
        exec.time(Operation::Attention, || exec.kernels.attention(exec.team, &heads, context, scratch));
    }

    pub(super) fn linears(&self) -> [&Linear; 2] {
        [&self.qkv, &self.output]
    }

    pub(super) fn linears_mut(&mut self) -> [&mut Linear; 2] {
        [&mut self.qkv, &mut self.output]
    }
}

/// How queries, keys and values stand beside each other.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// Whether as `[3, heads, T, head_size]`, so that what a head reads is in one piece, or as `[T, 3H]`.
    in_blocks: bool,
    /// From one row to the next.
    stride: usize,
    /// From one head to the next.
    head: usize,
    /// From queries to keys, and from keys to values.
    part: usize,
}

impl Layout {
    fn new(tokens: usize, heads: usize, head_size: usize) -> Self {
        let (in_blocks, hidden) = (head_size.is_multiple_of(PANEL), heads * head_size);
        if in_blocks {
            Self { in_blocks, stride: head_size, head: tokens * head_size, part: tokens * hidden }
        } else {
            Self { in_blocks, stride: 3 * hidden, head: head_size, part: hidden }
        }
    }

    fn output(self, values: &mut [f32]) -> Output<'_> {
        if self.in_blocks { Output::blocks(values, self.stride) } else { Output::rows(values, self.stride) }
    }
}

/// Rows of queries, `stride` apart, with their heads `head` apart; those of text `b` are `cu[b]..cu[b + 1]`.
struct Queries<'a> {
    rows: &'a [f32],
    stride: usize,
    head: usize,
    cu: &'a [u32],
    /// Which tokens they are of, if not of all.
    positions: Option<&'a [u32]>,
    /// What is added to their scores.
    bias: Option<&'a DistanceBias>,
}
