//! The safe boundary: what does not fit is refused by a panic, before anything is read or written.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::common::*;
use nimbert_kernels::{
    Activation, Attention, Buffer, CacheLine, DistanceBias, Int8Panels, Kernels, LayerNorm, Output, PANEL,
    Panels, QuantizedRows, Team, pack_f32, pack_int8, zeroed,
};

/// Asserts that `f` panics with a message that has `part` in it.
#[track_caller]
fn refused(part: &str, f: impl FnOnce()) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let result = catch_unwind(AssertUnwindSafe(f));
    std::panic::set_hook(hook);
    let panic = result.expect_err("a panic");
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .expect("a message");
    assert!(message.contains(part), "{message:?} does not say {part:?}");
}

fn matmul(kernels: Kernels, lhs: usize, (n, k): (usize, usize), bias: usize, out: usize, stride: usize) {
    let lines = pack_f32(&vec![1.0; n * k], n, k);
    let (lhs, bias, mut out) = (vec![1.0; lhs], vec![0.0; bias], vec![0.0; out]);
    let panels = Panels::f32(&lines, n, k);
    kernels.matmul_f32(
        &Team::solo(),
        &lhs,
        panels,
        &bias,
        Activation::Identity,
        Output::rows(&mut out, stride),
    );
}

fn matmul_int8(kernels: Kernels, (m, rows_k): (usize, usize), n: usize, padded: [usize; 3], out: [usize; 2]) {
    let mut rows = QuantizedRows::default();
    kernels.quantize_rows(&Team::solo(), &vec![1.0; m * rows_k], rows_k, &mut rows);
    let bytes = vec![128; n.div_ceil(PANEL) * PANEL * 8];
    let ([scales, sums, bias], mut memory) = (padded.map(|len| vec![1.0; len]), vec![0.0; out[0]]);
    let weights = Int8Panels { panels: Panels::int8(&bytes, n, 6), scales: &scales, sums: &sums };
    let identity = Activation::Identity;
    kernels.matmul_int8(&Team::solo(), &rows, weights, &bias, identity, Output::rows(&mut memory, out[1]));
}

// One test: the panic hook belongs to the whole process.
#[test]
fn shapes_that_do_not_fit_are_refused() {
    for kernels in tiers() {
        // Each part is what the panic must say; nothing where the text is the compiler's.
        matmul(kernels, 3 * 6, (33, 6), 64, 3 * 33, 33);
        refused("rows of 6", || matmul(kernels, 3 * 6 + 1, (33, 6), 64, 4 * 33, 33));
        refused("out", || matmul(kernels, 3 * 6, (33, 6), 64, 3 * 33 - 1, 33));
        let blocks = |columns: usize, len: usize| {
            let (lines, mut out) = (pack_f32(&[1.0; 66 * 6], 66, 6), vec![0.0; len]);
            let (rhs, to) = (Panels::f32(&lines, 66, 6), Output::blocks(&mut out, columns));
            kernels.matmul_f32(&Team::solo(), &[1.0; 18], rhs, &[0.0; 96], Activation::Identity, to);
        };
        blocks(64, 2 * 3 * 64);
        refused("out", || blocks(64, 2 * 3 * 64 - 1));
        refused("blocks of 33", || blocks(33, 1 << 10));
        refused("blocks of 0", || blocks(0, 1 << 10));
        refused("overlap", || matmul(kernels, 3 * 6, (33, 6), 64, 3 * 33, 32));
        refused("bias", || matmul(kernels, 3 * 6, (33, 6), 63, 3 * 33, 33));
        refused("", || matmul(kernels, 0, (33, 0), 64, 0, 33));
        // (m - 1) · stride is 2⁶⁴, which is 0 to a product that wraps.
        refused("", || matmul(kernels, 9 * 6, (33, 6), 64, 9 * 33, 1 << (usize::BITS - 3)));

        matmul_int8(kernels, (3, 6), 33, [64; 3], [3 * 33, 33]);
        refused("inner", || matmul_int8(kernels, (3, 7), 33, [64; 3], [3 * 33, 33]));
        refused("out", || matmul_int8(kernels, (3, 6), 33, [64; 3], [3 * 33 - 1, 33]));
        refused("overlap", || matmul_int8(kernels, (3, 6), 33, [64; 3], [3 * 33, 32]));
        refused("bias", || matmul_int8(kernels, (3, 6), 33, [64, 64, 63], [3 * 33, 33]));
        refused("scales", || matmul_int8(kernels, (3, 6), 33, [63, 64, 64], [3 * 33, 33]));
        refused("sums", || matmul_int8(kernels, (3, 6), 33, [64, 63, 64], [3 * 33, 33]));
        refused("", || matmul_int8(kernels, (9, 6), 33, [64; 3], [9 * 33, 1 << (usize::BITS - 3)]));

        let (team, mut rows) = (Team::solo(), QuantizedRows::default());
        refused("rows of 4", || kernels.quantize_rows(&team, &[0.0; 7], 4, &mut rows));
        refused("rows of 0", || kernels.quantize_rows(&team, &[], 0, &mut rows));
        refused("rows of 4", || drop(kernels.rows_of_bytes(&[0; 7], 4)));

        let norm = |x: usize, residual: usize, gamma: usize, beta: usize| {
            let (mut x, residual) = (vec![1.0; x], vec![1.0; residual]);
            let (gamma, beta) = (vec![1.0; gamma], vec![1.0; beta]);
            let norm = LayerNorm { gamma: &gamma, beta: &beta, epsilon: 1e-12 };
            kernels.add_layer_norm(&team, &mut x, Some(&residual), norm, None);
        };
        norm(6, 6, 3, 3);
        refused("rows of 3", || norm(7, 7, 3, 3));
        refused("rows of 3", || norm(6, 6, 3, 2));
        refused("residual", || norm(6, 5, 3, 3));
        refused("", || norm(0, 0, 0, 0));

        refused_attention(kernels);
    }
    refused_panels();
}

fn refused_attention(kernels: Kernels) {
    let memory = vec![1.0; 7 * 8];
    let fits = Attention {
        heads: 2,
        head_size: 4,
        q: &memory,
        q_stride: 8,
        q_head: 4,
        cu_queries: &[0, 3, 7],
        k: &memory,
        v: &memory,
        kv_stride: 8,
        kv_head: 4,
        cu_keys: &[0, 3, 7],
        bias: None,
        positions: None,
        half: false,
    };
    let run = |of: Attention<'_>, out: usize| {
        kernels.attention(&Team::solo(), &of, &mut vec![0.0; out], &mut Buffer::default());
    };
    run(fits, 7 * 8);
    refused("out", || run(fits, 7 * 8 - 1));
    refused("q:", || run(Attention { q: &memory[1..], ..fits }, 56));
    refused("k:", || run(Attention { k: &memory[1..], ..fits }, 56));
    refused("v:", || run(Attention { v: &memory[1..], ..fits }, 56));
    refused("overlap", || run(Attention { q_stride: 7, ..fits }, 56));
    refused("overlap", || run(Attention { kv_stride: 7, ..fits }, 56));
    // Each head's rows in a block of their own.
    let blocks = Attention { q_stride: 4, q_head: 28, kv_stride: 4, kv_head: 28, ..fits };
    run(blocks, 56);
    refused("overlap", || run(Attention { q_head: 27, ..blocks }, 56));
    refused("k:", || run(Attention { kv_head: 29, ..blocks }, 56));
    refused("", || run(Attention { kv_head: 1 << (usize::BITS - 1), ..blocks }, 56));
    refused("sequences", || run(Attention { cu_queries: &[0, 7], ..fits }, 56));
    refused("sequences", || run(Attention { cu_queries: &[], cu_keys: &[], ..fits }, 56));
    refused("sequences", || run(Attention { cu_queries: &[0, 8, 7], ..fits }, 56));
    refused("sequences", || run(Attention { cu_keys: &[9, 3, 7], ..fits }, 56));
    refused("k:", || run(Attention { cu_keys: &[0, 3, 8], ..fits }, 56));
    refused("q:", || run(Attention { cu_queries: &[0, 3, 8], ..fits }, 64));
    let bias = |heads, reach| DistanceBias::new(heads, reach, |_, _| 0.0).unwrap();
    let (four, three, of_one) = (bias(2, 4), bias(2, 3), bias(1, 4));
    let biased = Attention { bias: Some(&four), ..fits };
    run(biased, 56);
    run(Attention { positions: Some(&[0, 2, 0, 3, 6, 6, 3]), ..biased }, 56);
    refused("heads", || run(Attention { bias: Some(&of_one), ..fits }, 56));
    refused("bias for 4", || run(Attention { bias: Some(&three), ..fits }, 56));
    refused("positions", || run(Attention { positions: Some(&[0; 6]), ..biased }, 56));
    refused("positions", || run(Attention { positions: Some(&[0, 2, 3, 3, 6, 6, 3]), ..biased }, 56));
    refused("positions", || run(Attention { positions: Some(&[0, 2, 0, 3, 7, 6, 3]), ..biased }, 56));
    refused("positions", || run(Attention { cu_keys: &[0, 2, 6], ..biased }, 56));
    // Products that are 0 when they wrap.
    let half = 1 << (usize::BITS / 2);
    refused("", || run(Attention { heads: half, head_size: half, ..fits }, 56));
    refused("", || run(Attention { kv_stride: 1 << (usize::BITS - 1), ..fits }, 56));
    refused("", || {
        let team = Team::new(1 << (usize::BITS - 1));
        kernels.attention(&team, &fits, &mut [0.0; 56], &mut Buffer::default());
    });
}

fn refused_panels() {
    let lines: Vec<CacheLine> = zeroed::<f32>(2 * 32 * 6);
    let f32 = |n: usize, k: usize| {
        let _ = Panels::f32(&lines, n, k);
    };
    f32(64, 6);
    refused("panels", || f32(65, 6));
    refused("panels", || f32(64, 7));
    refused("", || f32(1 << (usize::BITS / 2), 1 << (usize::BITS / 2)));

    let int8 = |bytes: &[u8], n: usize, k: usize| {
        let _ = Panels::int8(bytes, n, k);
    };
    let bytes = [0; 2 * 32 * 8];
    int8(&bytes, 64, 8);
    refused("panels", || int8(&bytes, 65, 8));
    refused("panels", || int8(&bytes, 64, 9));
    refused("", || int8(&bytes, usize::MAX - 31, 4));
    refused("i32", || int8(&vec![0; 66_004 * 32], 1, 66_001));

    let range = |first: usize, end: usize| {
        let _ = Panels::f32(&lines, 64, 6).to_panel(end).from_panel(first);
    };
    range(2, 2);
    refused("of 2", || range(0, 3));
    refused("of 2", || range(3, 2));
    refused("weights", || drop(pack_f32(&[0.0; 5], 2, 3)));
    refused("weights", || drop(pack_int8(&[0.0; 5], 2, 3)));
}
