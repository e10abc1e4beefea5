//! How fast a forward pass could be on this machine: work to do over rates that were measured.

use nimbert_kernels::Arithmetic;

use crate::{exec::Exec, linear::Linear, options::NumberType, plan::Layer};

/// What a machine allows, measured: no forward pass is faster than [`Limits::seconds`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Operations a second, a multiply-add being two, of matrix products in the engine's precision.
    pub matmul_rate: f64,
    /// The same of attention.
    pub attention_rate: f64,
    /// Bytes a second at which the model's weights are read from where they are.
    pub read_rate: f64,
}

/// What the forward pass of a number of rows has to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Work {
    /// Operations of the matrix products, a multiply-add being two.
    pub matmul: f64,
    /// Operations of scores and weighted values.
    pub attention: f64,
    /// Bytes of weights to be read, once.
    pub bytes: f64,
}

impl Limits {
    pub(crate) fn measure(exec: Exec<'_>, precision: NumberType, panels: &[&[u8]]) -> Self {
        let peak = |arithmetic| exec.kernels.peak(exec.team, arithmetic);
        let (matmul, attention) = match precision {
            NumberType::Int8 => (Arithmetic::Int8, Arithmetic::HalfAttention),
            NumberType::F16 => (Arithmetic::F16, Arithmetic::F32),
            NumberType::F32 => (Arithmetic::F32, Arithmetic::F32),
        };
        let read_rate = exec.kernels.read_rate(exec.team, panels);
        Self { matmul_rate: peak(matmul), attention_rate: peak(attention), read_rate }
    }

    /// The least time that `work` can take: its arithmetic, or its reading where that is longer.
    pub fn seconds(&self, work: &Work) -> f64 {
        let compute = work.matmul / self.matmul_rate + work.attention / self.attention_rate;
        compute.max(work.bytes / self.read_rate)
    }
}

impl Work {
    /// Of an encoder whose panels have so many `bytes`, for texts of `lengths` tokens. `wanted` says of how many of a text's
    /// tokens the last layer's hidden states are read: it computes no others.
    pub(crate) fn encoder(
        layers: &[Layer],
        bytes: usize,
        lengths: &[usize],
        wanted: impl Fn(usize) -> usize,
    ) -> Self {
        let sum = |each: &dyn Fn(usize) -> usize| lengths.iter().map(|&n| each(n) as f64).sum::<f64>();
        let (tokens, rows) = (sum(&|n| n), sum(&|n| wanted(n)));
        let (mut matmul, mut attention) = (0.0, 0.0);
        for (i, layer) in layers.iter().enumerate() {
            let whole: f64 = layer.matmuls().iter().map(|matmul| matmul.weights() as f64).sum();
            // Keys and values, two thirds of the first matrix, are of every token in the last layer, too.
            let keys_and_values = layer.qkv.weights() as f64 * 2.0 / 3.0;
            let (rows, pairs) = if i + 1 == layers.len() {
                (rows, sum(&|n| n * wanted(n)))
            } else {
                (tokens, sum(&|n| n * n))
            };
            matmul += tokens * keys_and_values + rows * (whole - keys_and_values);
            attention += 4.0 * (layer.qkv.n / 3) as f64 * pairs;
        }
        Self { matmul: 2.0 * matmul, attention, bytes: bytes as f64 }
    }

    /// And that of a fully connected layer which reads so many rows.
    pub(crate) fn with(self, rows: usize, linear: &Linear) -> Self {
        let weights = (linear.n() * linear.k()) as f64;
        Self {
            matmul: self.matmul + 2.0 * rows as f64 * weights,
            bytes: self.bytes + linear.panels().len() as f64,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::Preset, exec::Operation, plan::Matmul, tasks::Task};

    /// Multiply-adds of a token in a layer: of all matrices, and of keys and values alone.
    const LAYER: [usize; 2] = [4 * 768 * 768 + 2 * 768 * 3072, 2 * 768 * 768];

    #[test]
    fn work_of_one_token_is_two_operations_a_weight() {
        let layers = Preset::BertBaseChinese.config(Task::Classify).plan().layers;
        let plan = Matmul::new("classifier".to_owned(), 5, 768, Operation::Head).decisive();
        let head = Linear::from_f32(&plan, &[0.0; 5 * 768], &[0.0; 5], NumberType::F32, |_| unreachable!());
        let head = head.expect("finite weights");
        let work = Work::encoder(&layers, 100, &[1], |_| 1).with(1, &head);
        let weights = 12 * LAYER[0] + 5 * 768;
        assert_eq!((work.matmul, work.attention), (2.0 * weights as f64, 12.0 * 4.0 * 768.0));
        assert_eq!(work.bytes, 100.0 + head.panels().len() as f64);
        let two = Work::encoder(&layers, 100, &[1, 1], |_| 1).with(2, &head);
        assert_eq!((two.matmul, two.attention), (2.0 * work.matmul, 2.0 * work.attention));
        assert_eq!(two.bytes, work.bytes);
    }

    #[test]
    fn the_last_layer_does_no_more_than_is_wanted() {
        let layers = Preset::BertBaseChinese.config(Task::Classify).plan().layers;
        let lengths = [3, 5];
        let all = Work::encoder(&layers, 0, &lengths, |n| n);
        assert_eq!(all.matmul, 2.0 * 8.0 * 12.0 * LAYER[0] as f64);
        assert_eq!(all.attention, 12.0 * 4.0 * 768.0 * (9.0 + 25.0));
        let first = Work::encoder(&layers, 0, &lengths, |_| 1);
        assert_eq!(all.matmul - first.matmul, 2.0 * 6.0 * (LAYER[0] - LAYER[1]) as f64);
        assert_eq!(all.attention - first.attention, 4.0 * 768.0 * (34.0 - 8.0));
    }

    #[test]
    fn the_limit_is_the_longer_of_arithmetic_and_reading() {
        let limits = Limits { matmul_rate: 2.0, attention_rate: 1.0, read_rate: 10.0 };
        let seconds = |bytes| limits.seconds(&Work { matmul: 6.0, attention: 2.0, bytes });
        assert_eq!((seconds(10.0), seconds(100.0)), (5.0, 10.0));
    }
}
