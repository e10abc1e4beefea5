//! The attention block: `x = LayerNorm(x + W·Attention(x))`.

use nimbert_kernels::{Activation, Attention, DistanceBias, PANEL};

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
        let hidden = self.heads * self.head_size;
        let x = ws.hidden.input(batch.tokens() * hidden);
        match wanted {
            Wanted::All => {
                let qkv = &mut ws.qkv[..3 * batch.tokens() * hidden];
                self.qkv.forward(exec, x, Activation::Identity, qkv, &mut ws.operand);
                let cu = &batch.cu_seqlens;
                let queries = Queries { rows: &ws.qkv, stride: 3 * hidden, cu, positions: None, bias };
                self.attend(exec, &queries, batch, &ws.qkv, &mut ws.context, &mut ws.attention);
            }
            Wanted::Rows { positions, cu } => {
                // Keys and values of all tokens, queries of the wanted rows only: two parts of one product, in whole
                // panels. Where H is no multiple of 32, the panel with the last queries and the first keys is in both.
                let (key_panel, query_panels) = (hidden / PANEL, hidden.div_ceil(PANEL));
                let columns = Columns::From(key_panel);
                let out = (&mut ws.qkv[key_panel * PANEL..], 3 * hidden);
                self.qkv.forward_columns(exec, x, columns, Activation::Identity, out, &mut ws.operand);

                ws.hidden.keep_rows(hidden, positions);
                let x = ws.hidden.input(positions.len() * hidden);
                let (columns, stride) = (Columns::To(query_panels), (query_panels * PANEL).min(3 * hidden));
                let queries = &mut ws.queries[..positions.len() * stride];
                let out = (&mut *queries, stride);
                self.qkv.forward_columns(exec, x, columns, Activation::Identity, out, &mut ws.operand);
                let queries = Queries { rows: queries, stride, cu, positions: Some(positions), bias };
                self.attend(exec, &queries, batch, &ws.qkv, &mut ws.context, &mut ws.attention);
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
        qkv: &[f32],
        context: &mut [f32],
        scratch: &mut Vec<f32>,
    ) {
        let hidden = self.heads * self.head_size;
        let heads = Attention {
            heads: self.heads,
            head_size: self.head_size,
            q: queries.rows,
            q_stride: queries.stride,
            cu_queries: queries.cu,
            k: &qkv[hidden..],
            v: &qkv[2 * hidden..],
            kv_stride: 3 * hidden,
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

/// Rows of queries, `stride` apart; those of text `b` are `cu[b]..cu[b + 1]`.
struct Queries<'a> {
    rows: &'a [f32],
    stride: usize,
    cu: &'a [u32],
    /// Which tokens they are of, if not of all.
    positions: Option<&'a [u32]>,
    /// What is added to their scores.
    bias: Option<&'a DistanceBias>,
}
