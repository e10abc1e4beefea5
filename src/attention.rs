//! The attention block: `x = LayerNorm(x + W·Attention(x))`.

use nimbert_kernels::{Activation, Attention, PANEL};

use crate::{
    batch::Batch,
    config::Config,
    embeddings::LayerNorm,
    error::Result,
    exec::{Exec, Operation},
    linear::{Columns, Input, Linear},
    options::Precision,
    source::Source,
    workspace::Workspace,
};

/// Self-attention of one layer, with its projections.
#[derive(Debug, Clone)]
pub(crate) struct SelfAttention {
    qkv: Linear,
    output: Linear,
    norm: LayerNorm,
    heads: usize,
    head_size: usize,
    /// Whether scores and values may be computed in half precision.
    half: bool,
}

impl SelfAttention {
    /// `layer` is such as `bert.encoder.layer.0`.
    pub(crate) fn load(
        source: Source<'_>,
        layer: &str,
        config: &Config,
        precision: Precision,
    ) -> Result<Self> {
        let (hidden, name) = (config.hidden_size, format!("{layer}.attention"));
        Ok(Self {
            qkv: source.qkv(&format!("{name}.self"), hidden, precision)?.counted_as(Operation::Qkv),
            output: source
                .linear(&format!("{name}.output.dense"), hidden, hidden, precision)?
                .counted_as(Operation::AttentionOutput),
            norm: LayerNorm::load(source, &format!("{name}.output.LayerNorm"), config)?,
            heads: config.num_attention_heads,
            head_size: config.head_size(),
            half: precision == Precision::Int8,
        })
    }

    /// All tokens.
    pub(crate) fn forward(&self, exec: Exec<'_>, batch: &Batch, ws: &mut Workspace) {
        let hidden = self.heads * self.head_size;
        let qkv = &mut ws.qkv[..3 * ws.rows * hidden];
        self.qkv.forward(exec, ws.hidden.input(ws.rows * hidden), Activation::Identity, qkv, &mut ws.operand);
        let queries = Queries { rows: &ws.qkv, stride: 3 * hidden, cu: &batch.cu_seqlens };
        self.attend(exec, &queries, batch, &ws.qkv, &mut ws.context, &mut ws.attention);
        self.add(exec, ws);
    }

    /// Keys and values of all tokens, but queries of each text's first token only: all that a classifier reads of the
    /// last layer. Leaves the workspace with one row for each text.
    pub(crate) fn forward_first(&self, exec: Exec<'_>, batch: &Batch, ws: &mut Workspace) {
        let hidden = self.heads * self.head_size;
        // Whole panels: where H is no multiple of 32, the panel with the last queries and the first keys is in both.
        let (key_panel, query_panels) = (hidden / PANEL, hidden.div_ceil(PANEL));
        let columns = Columns::From(key_panel);
        let x = ws.hidden.input(ws.rows * hidden);
        let keys_and_values = (&mut ws.qkv[key_panel * PANEL..], 3 * hidden);
        self.qkv.forward_columns(exec, x, columns, Activation::Identity, keys_and_values, &mut ws.operand);

        ws.keep_rows(hidden, batch.first_tokens());
        let stride = (query_panels * PANEL).min(3 * hidden);
        let columns = Columns::To(query_panels);
        let x = ws.hidden.input(ws.rows * hidden);
        let first = &mut ws.first_queries[..ws.rows * stride];
        self.qkv.forward_columns(exec, x, columns, Activation::Identity, (first, stride), &mut ws.operand);
        let queries = Queries { rows: first, stride, cu: &batch.cu_rows };
        self.attend(exec, &queries, batch, &ws.qkv, &mut ws.context, &mut ws.attention);
        self.add(exec, ws);
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
            half: self.half,
        };
        exec.time(Operation::Attention, || exec.kernels.attention(exec.team, &heads, context, scratch));
    }

    /// The output projection, residual and normalization.
    fn add(&self, exec: Exec<'_>, ws: &mut Workspace) {
        let len = ws.rows * self.output.n();
        let (context, dense) = (Input::from(&ws.context[..len]), &mut ws.dense[..len]);
        self.output.forward(exec, context, Activation::Identity, dense, &mut ws.operand);
        self.norm.add(exec, ws);
    }

    pub(crate) fn linears(&self) -> [&Linear; 2] {
        [&self.qkv, &self.output]
    }

    pub(crate) fn linears_mut(&mut self) -> [&mut Linear; 2] {
        [&mut self.qkv, &mut self.output]
    }
}

/// Rows of queries, `stride` apart; those of text `b` are `cu[b]..cu[b + 1]`.
struct Queries<'a> {
    rows: &'a [f32],
    stride: usize,
    cu: &'a [u32],
}
