//! The module Dense: its configuration and weights.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::json::Json;
use crate::{
    checkpoint::{packed::PackedModel, weights::Weights},
    error::Result,
    exec::Operation,
    plan::Matmul,
};

/// A fully connected layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Dense {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) activation: DenseActivation,
    /// `[outputs, inputs]`
    #[serde(skip)]
    pub(crate) weight: Vec<f32>,
    /// `[outputs]`
    #[serde(skip)]
    pub(crate) bias: Vec<f32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DenseActivation {
    Identity,
    Tanh,
    Relu,
    Gelu,
    Sigmoid,
}

impl Dense {
    /// The module in `dir`, which reads `width` numbers.
    pub(super) fn open(dir: &Path, width: usize) -> Result<Self> {
        let json = Json::open(&dir.join("config.json"))?;
        let [inputs, outputs] = [json.size("in_features")?, json.size("out_features")?];
        if inputs != width {
            let reason = format!("{inputs}, but what comes before it gives {width}");
            return Err(json.error("in_features", reason));
        }
        for key in ["module_input_name", "module_output_name"] {
            if let Some(name) = json.get(key).filter(|name| *name != "sentence_embedding") {
                return Err(json.error(key, format!("{name} is not supported, only \"sentence_embedding\"")));
            }
        }
        let activation = match json.get("activation_function").map(|name| name.as_str().unwrap_or_default()) {
            None | Some("torch.nn.modules.activation.Tanh") => DenseActivation::Tanh,
            Some("torch.nn.modules.linear.Identity") => DenseActivation::Identity,
            Some("torch.nn.modules.activation.ReLU") => DenseActivation::Relu,
            Some("torch.nn.modules.activation.GELU") => DenseActivation::Gelu,
            Some("torch.nn.modules.activation.Sigmoid") => DenseActivation::Sigmoid,
            Some(other) => {
                let reason =
                    format!("{other:?} is not supported, only Identity, Tanh, ReLU, GELU and Sigmoid");
                return Err(json.error("activation_function", reason));
            }
        };
        let weights = Weights::open_dir(dir)?;
        let weight = weights.finite("linear.weight", &[outputs, inputs])?;
        let bias = if json.flag("bias", true)? {
            weights.finite("linear.bias", &[outputs])?
        } else {
            vec![0.0; outputs]
        };
        Ok(Self { inputs, outputs, activation, weight, bias })
    }

    /// As the part of a model that a packed file has as step `step`. It is small, and stays in f32.
    pub(crate) fn plan(&self, step: usize) -> Matmul {
        let name = format!("sentence.dense.{step}");
        Matmul::new(name, self.outputs, self.inputs, Operation::Head).decisive()
    }

    pub(super) fn read_packed(&mut self, model: &PackedModel, step: usize) -> Result<()> {
        let Matmul { name, n, k, .. } = self.plan(step);
        self.weight = model.matrix(&format!("{name}.weight"), n, k)?;
        self.bias = model.vector(&format!("{name}.bias"), n)?;
        Ok(())
    }
}
