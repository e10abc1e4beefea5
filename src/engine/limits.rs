//! How fast a forward pass could be on this machine: work to do over rates that were measured.

use nimbert_kernels::Arithmetic;

use crate::{exec::Exec, options::NumberType, plan::Plan};

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
    /// Of rows of `lengths` tokens, of which a head reads the first of each text.
    pub(crate) fn new(plan: &Plan, panels: &[&[u8]], lengths: &[usize]) -> Self {
        let [rows, tokens] = [lengths.len(), lengths.iter().sum()].map(|n| n as f64);
        let squares: f64 = lengths.iter().map(|&n| (n as f64).powi(2)).sum();
        let (mut matmul, mut attention) = (0.0, 0.0);
        for (i, layer) in plan.layers.iter().enumerate() {
            let whole: f64 = layer.matmuls().iter().map(|matmul| matmul.weights() as f64).sum();
            // The last layer has one row for each text but in its keys and values, two thirds of the first matrix.
            let keys_and_values = layer.qkv.weights() as f64 * 2.0 / 3.0;
            let (every_token, pairs) =
                if i + 1 == plan.layers.len() { (keys_and_values, tokens) } else { (whole, squares) };
            matmul += tokens * every_token + rows * (whole - every_token);
            attention += 4.0 * (layer.qkv.n / 3) as f64 * pairs;
        }
        let head: f64 = plan.head.matmuls().map(|matmul| matmul.weights() as f64).sum();
        Self {
            matmul: 2.0 * (matmul + rows * head),
            attention,
            bytes: panels.iter().map(|part| part.len() as f64).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Preset;

    #[test]
    fn work_of_one_token_is_two_operations_a_weight() {
        let plan = Preset::BertBaseChinese.config().plan();
        let work = Work::new(&plan, &[&[0; 100], &[0; 28]], &[1]);
        let weights = 12 * (4 * 768 * 768 + 2 * 768 * 3072) + 768 * (768 + 5);
        assert_eq!(
            (work.matmul, work.attention, work.bytes),
            (2.0 * weights as f64, 12.0 * 4.0 * 768.0, 128.0)
        );
        let two = Work::new(&plan, &[], &[1, 1]);
        assert_eq!((two.matmul, two.attention), (2.0 * work.matmul, 2.0 * work.attention));
    }

    #[test]
    fn the_limit_is_the_longer_of_arithmetic_and_reading() {
        let limits = Limits { matmul_rate: 2.0, attention_rate: 1.0, read_rate: 10.0 };
        let seconds = |bytes| limits.seconds(&Work { matmul: 6.0, attention: 2.0, bytes });
        assert_eq!((seconds(10.0), seconds(100.0)), (5.0, 10.0));
    }
}
