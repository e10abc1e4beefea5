//! What models are read from and written to: safetensors and `pytorch_model.bin`, and the packed file. Which tensors there
//! are, a [plan](crate::plan) says.

mod import;
pub(crate) mod made_up;
pub(crate) mod numbers;
pub(crate) mod opened;
pub(crate) mod packed;
pub(crate) mod sentence;
pub(crate) mod source;
pub(crate) mod weights;

pub use self::{
    import::{ImportSummary, import},
    packed::{
        PackOptions, PackedInfo, Summary as PackSummary, f16_parts, verify as verify_packed, write as pack,
        write_if as pack_if,
    },
    weights::{fuzz_pytorch, fuzz_safetensors},
};
