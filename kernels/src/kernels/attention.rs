//! Attention: every head of every sequence is a task.

use super::{DistanceBias, Kernels, Shared, check};
use crate::{
    Buffer, Team,
    generic::attention::{self, Bias},
};

/// Self-attention over ragged sequences; rows are tokens.
///
/// Sequence `s` has keys `cu_keys[s]..cu_keys[s + 1]` and queries `cu_queries[s]..cu_queries[s + 1]`. Head `h` of a query begins
/// `h * q_head` values after head 0, and is columns `h * head_size..(h + 1) * head_size` of the output.
#[derive(Debug, Clone, Copy)]
pub struct Attention<'a> {
    /// Number of heads.
    pub heads: usize,
    /// Columns of a head.
    pub head_size: usize,
    /// Query rows, from the first value of the first row on.
    pub q: &'a [f32],
    /// From one row of `q` to the next.
    pub q_stride: usize,
    /// From one head of a row of `q` to the next.
    pub q_head: usize,
    /// Where a sequence's queries begin and end.
    pub cu_queries: &'a [u32],
    /// Key rows.
    pub k: &'a [f32],
    /// Value rows.
    pub v: &'a [f32],
    /// From one row of `k`, and of `v`, to the next.
    pub kv_stride: usize,
    /// From one head of a row of `k`, and of `v`, to the next.
    pub kv_head: usize,
    /// Where a sequence's keys and values begin and end.
    pub cu_keys: &'a [u32],
    /// Added to scores by the distance from query to key.
    pub bias: Option<&'a DistanceBias>,
    /// Which key row each query is of, for `bias`; `None`: queries are all the keys' tokens, in their order.
    pub positions: Option<&'a [u32]>,
    /// Compute in half precision where the machine has arithmetic for it ([`crate::Isa::Avx512Fp16`]), in integers
    /// ([`crate::Isa::Avx512Vnni`]) or bfloat16 ([`crate::Isa::Avx512Amx`]): up to three times as fast, and good to about three
    /// digits.
    pub half: bool,
}

impl Kernels {
    /// softmax(q·kᵀ/√head_size + bias)·v for every head of every sequence; `out` has a row of `heads * head_size` values for
    /// each query; those of a sequence without keys are left as they are. `scratch` grows as needed and can be used
    /// again.
    ///
    /// # Panics
    /// When shapes don't fit.
    pub fn attention(&self, team: &Team, of: &Attention<'_>, out: &mut [f32], scratch: &mut Buffer<f32>) {
        let Attention { heads, head_size, q_stride, q_head, kv_stride, kv_head, cu_queries, cu_keys, .. } =
            *of;
        let hidden = heads.checked_mul(head_size).expect("columns of all heads");
        assert!(
            cu_keys.len() == cu_queries.len() && !cu_keys.is_empty(),
            "as many sequences of queries as of keys"
        );
        assert!(cu_keys.is_sorted() && cu_queries.is_sorted(), "sequences follow each other");
        let [queries, keys] = [cu_queries, cu_keys].map(|cu| cu[cu.len() - 1] as usize);
        check_heads("q", of.q.len(), (queries, q_stride), (heads, q_head), head_size);
        check_heads("k", of.k.len(), (keys, kv_stride), (heads, kv_head), head_size);
        check_heads("v", of.v.len(), (keys, kv_stride), (heads, kv_head), head_size);
        check("out", out.len(), queries, hidden, hidden);
        check_bias(of, queries);
        let longest = cu_keys.windows(2).map(|w| (w[1] - w[0]) as usize).max().unwrap_or(0);
        let scratch_len = attention::scratch_len(longest, head_size).next_multiple_of(16);
        let needed = scratch_len.checked_mul(team.threads()).expect("scratch of all threads");
        scratch.grow(needed);
        let attend = if of.half { self.table.attention_half } else { self.table.attention };
        let (out, scratch) = (Shared(out.as_mut_ptr()), Shared(scratch.as_mut_ptr()));
        let attend_one = |worker: usize, task: usize| {
            let (sequence, head) = (task / heads, task % heads);
            let [query, queries] = [cu_queries[sequence], cu_queries[sequence + 1]].map(|i| i as usize);
            let [key, keys] = [cu_keys[sequence], cu_keys[sequence + 1]].map(|i| i as usize);
            if queries == query || keys == key {
                return;
            }
            let args = attention::Args {
                queries: queries - query,
                keys: keys - key,
                head_size,
                q: of.q[query * q_stride + head * q_head..].as_ptr(),
                q_stride,
                q_head,
                k: of.k[key * kv_stride + head * kv_head..].as_ptr(),
                v: of.v[key * kv_stride + head * kv_head..].as_ptr(),
                kv_stride,
                kv_head,
                out: out.at(query * hidden + head * head_size),
                out_stride: hidden,
                scale: std::f32::consts::LOG2_E / (head_size as f32).sqrt(),
                bias: of.bias.map(|bias| bias_of(bias, head, of.positions, query, key)),
                scratch: scratch.at(worker * scratch_len),
            };
            // SAFETY: the tier is available (`new`); the shapes were checked above; each task writes rows and columns
            // of its own, each worker has scratch of its own, and worker numbers are below the team's threads.
            unsafe {
                let is_good = attend(&args);
                if of.half && !is_good {
                    // Numbers that fewer bits do not hold, or that are none in f32 either.
                    (self.table.attention)(&args);
                }
            }
        };
        let heads_of_all = (cu_keys.len() - 1) * heads;
        team.run(heads_of_all, 1, |worker, tasks| tasks.for_each(|task| attend_one(worker, task)));
    }
}

/// Asserts that `len` values hold `head_size` values of each row and head, which are so far apart.
fn check_heads(
    what: &str,
    len: usize,
    (rows, stride): (usize, usize),
    (heads, head): (usize, usize),
    head_size: usize,
) {
    let last = |count: usize, step: usize| {
        // Checked: a product that wraps would let a hostile stride through to the raw pointers.
        let last = count.saturating_sub(1).checked_mul(step);
        last.and_then(|last| last.checked_add(head_size)).unwrap_or(usize::MAX)
    };
    let (row, all) = (last(heads, head), last(rows, stride));
    assert!(
        rows <= 1 || stride >= row || head >= all,
        "{what}: rows at stride {stride} of {heads} heads of {head_size} at {head} overlap"
    );
    let needed = if rows == 0 || heads == 0 { 0 } else { row.saturating_add(all - head_size) };
    assert!(
        len >= needed,
        "{what}: {len} values for {rows} rows at stride {stride} of {heads} heads of {head_size} at {head}"
    );
}

/// A task reads the bias from the distance of its last query to the first key, to that of its first query to the last key.
fn check_bias(of: &Attention<'_>, queries: usize) {
    let Some(bias) = of.bias else { return };
    assert!(bias.heads() == of.heads, "bias of as many heads");
    if let Some(positions) = of.positions {
        assert!(positions.len() >= queries, "positions of all queries");
    }
    for (cu_queries, cu_keys) in of.cu_queries.windows(2).zip(of.cu_keys.windows(2)) {
        let (first, keys) = (cu_keys[0], cu_keys[1] - cu_keys[0]);
        assert!(keys as usize <= bias.reach(), "bias for {keys} keys");
        let in_keys = match of.positions {
            // Without a key nothing is computed.
            _ if keys == 0 => true,
            None => cu_queries[1] - cu_queries[0] <= keys,
            Some(positions) => positions[cu_queries[0] as usize..cu_queries[1] as usize]
                .iter()
                .all(|position| (first..cu_keys[1]).contains(position)),
        };
        assert!(in_keys, "positions of queries among the keys");
    }
}

/// That of a head over the sequence whose queries begin at `query` and whose keys at `key`.
fn bias_of(bias: &DistanceBias, head: usize, positions: Option<&[u32]>, query: usize, key: usize) -> Bias {
    let (values, zero) = bias.head(head);
    let positions = positions.map(|positions| positions[query..].as_ptr());
    Bias { zero: values[zero..].as_ptr(), positions, first: key }
}
