//! The scalar oracle: each kernel written as its definition, sums in f64 or exact integers. For tests and benches.

use crate::Activation;

/// `activation` of one value, in f64 (erf by its series and continued fraction).
pub fn activate(x: f64, activation: Activation) -> f64 {
    match activation {
        Activation::Identity => x,
        Activation::Gelu => 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
            0.5 * x * (1.0 + inner.tanh())
        }
        Activation::Relu => x.max(0.0),
        Activation::Tanh => x.tanh(),
    }
}

/// The error function: Maclaurin series below 3, continued fraction of erfc above; about 1e-14.
fn erf(x: f64) -> f64 {
    let a = x.abs();
    let positive = if a < 3.0 {
        let (mut term, mut sum, mut n) = (a, a, 0.0);
        while term.abs() > 1e-17 * sum.abs() {
            n += 1.0;
            term *= -a * a / n;
            sum += term / (2.0 * n + 1.0);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    } else {
        let fraction = (1..60).rev().fold(0.0, |tail, n| f64::from(n) / 2.0 / (a + tail));
        1.0 - (-a * a).exp() / std::f64::consts::PI.sqrt() / (a + fraction)
    };
    positive.copysign(x)
}

/// `activation(lhs · rhsᵀ + bias)`: `[m, k]` times `[n, k]`, in f64.
pub fn matmul(lhs: &[f32], rhs: &[f32], bias: &[f32], k: usize, activation: Activation) -> Vec<f64> {
    let dot = |row: &[f32], column: &[f32]| -> f64 {
        row.iter().zip(column).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
    };
    lhs.chunks_exact(k)
        .flat_map(|row| {
            rhs.chunks_exact(k)
                .zip(bias)
                .map(move |(column, &bias)| activate(dot(row, column) + f64::from(bias), activation))
        })
        .collect()
}

/// Σ a·w for every row of `lhs` `[m, k]` and of `rhs` `[n, k]`, exact.
pub fn matmul_int8(lhs: &[i8], rhs: &[i8], k: usize) -> Vec<i32> {
    let dot =
        |row: &[i8], column: &[i8]| row.iter().zip(column).map(|(&a, &w)| i32::from(a) * i32::from(w)).sum();
    lhs.chunks_exact(k).flat_map(|row| rhs.chunks_exact(k).map(move |column| dot(row, column))).collect()
}

/// Quantization of one row over its own range: bytes, scale and middle; a byte q stands for `middle + scale * q`.
pub fn quantize(row: &[f32]) -> (Vec<i8>, f32, f32) {
    let low = row.iter().copied().fold(f32::INFINITY, f32::min);
    let high = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let middle = 0.5 * high + 0.5 * low;
    let half = (high - middle).max(middle - low);
    let inverse = 127.0 / half;
    let inverse = if inverse.is_finite() { inverse } else { 0.0 };
    let bytes = row.iter().map(|x| ((x - middle) * inverse).round_ties_even() as i8).collect();
    (bytes, half / 127.0, middle)
}

/// LayerNorm of one row, in f64.
pub fn layer_norm(row: &[f32], gamma: &[f32], beta: &[f32], epsilon: f32) -> Vec<f64> {
    let n = row.len() as f64;
    let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let variance = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
    let scaled = |x: f32| (f64::from(x) - mean) / (variance + f64::from(epsilon)).sqrt();
    row.iter().zip(gamma).zip(beta).map(|((&x, &g), &b)| scaled(x) * f64::from(g) + f64::from(b)).collect()
}

/// softmax(q·kᵀ/√d)·v of one head: q `[queries, d]`, k and v `[keys, d]`, in f64.
pub fn attention(q: &[f32], k: &[f32], v: &[f32], d: usize) -> Vec<f64> {
    attention_with_bias(q, k, v, d, |_, _| 0.0)
}

/// [`attention`] with what `bias` gives for a query and a key added to their score.
pub fn attention_with_bias(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    d: usize,
    bias: impl Fn(usize, usize) -> f32,
) -> Vec<f64> {
    let mut out = Vec::new();
    for (query, q) in q.chunks_exact(d).enumerate() {
        let score = |k: &[f32]| q.iter().zip(k).map(|(&q, &k)| f64::from(q) * f64::from(k)).sum::<f64>();
        let score = |(key, k)| score(k) / (d as f64).sqrt() + f64::from(bias(query, key));
        let scores: Vec<f64> = k.chunks_exact(d).enumerate().map(score).collect();
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let p: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
        let sum: f64 = p.iter().sum();
        out.extend(
            (0..d).map(|i| {
                p.iter().zip(v.chunks_exact(d)).map(|(p, v)| p / sum * f64::from(v[i])).sum::<f64>()
            }),
        );
    }
    out
}
