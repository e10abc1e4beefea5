//! Whether a packed file is what was written: every byte has its checksum, and every float is a number.
//!
//! Loading looks at the vectors alone (norms, biases, scales), which are small, and at matrices that it converts. What is
//! used where it lies in the map is not read before a text needs it; a number that is not finite in there makes an error
//! of the first text that meets it.

use std::path::Path;

use safetensors::Dtype as FileDtype;
use sha2::{Digest, Sha256};

use super::{ALIGNMENT, CHECKSUMS, DIGEST, PANEL, PackedInfo, PackedModel};
use crate::{
    checkpoint::{
        numbers,
        weights::{Dtype, place},
    },
    error::{Error, Result},
};

/// What a file has that is whole, but has numbers that are not finite.
pub(super) const PACK_AGAIN: &str = "pack the checkpoint again";
/// Numbers that are looked at together.
const BLOCK: usize = 4_096;

/// Reads a whole packed file, compares it with the checksums in it, and looks for floats that are not finite, which an older
/// version may have written.
///
/// # Errors
/// When it is no packed file, some byte of it is not what was written, or a float is infinite or not a number; the first
/// such part is named.
pub fn verify(path: &Path) -> Result<PackedInfo> {
    let model = PackedModel::open(path)?;
    model.verify()?;
    let PackedModel { precision, producer, source_sha256, .. } = model;
    Ok(PackedInfo { precision, producer, source_sha256 })
}

impl PackedModel {
    /// Reads the whole file; the error names the first part that is not as it should be.
    pub(crate) fn verify(&self) -> Result<()> {
        self.verify_checksums()?;
        self.verify_numbers()
    }

    pub(super) fn verify_checksums(&self) -> Result<()> {
        let tensors = self.weights.raw().count();
        let sums = self.weights.get_as(CHECKSUMS, Dtype::U8, &[tensors, ALIGNMENT])?.bytes;
        let headers = self.weights.files().map(|(_, bytes, header_len)| ("header", &bytes[..header_len]));
        let parts = headers.chain(self.weights.raw().filter(|(name, _)| *name != CHECKSUMS));
        for ((name, bytes), sum) in parts.zip(sums.chunks(ALIGNMENT)) {
            let (sum, padding) = sum.split_at(DIGEST);
            if Sha256::digest(bytes)[..] != *sum || padding.iter().any(|&byte| byte != 0) {
                let reason = format!("{name} does not match its checksum: the file is damaged");
                return Err(Error::weights(self.weights.path(), reason));
            }
        }
        Ok(())
    }

    fn verify_numbers(&self) -> Result<()> {
        let mut block = [0.0; BLOCK];
        let floats = self.weights.tensors();
        for (name, raw) in floats.filter(|(_, raw)| matches!(raw.dtype, FileDtype::F32 | FileDtype::F16)) {
            let tensor = self.weights.get(name, raw.shape)?;
            for start in (0..tensor.len()).step_by(BLOCK) {
                let block = &mut block[..BLOCK.min(tensor.len() - start)];
                tensor.read_f32(start, block);
                if let Err(lost) = numbers::finite(block) {
                    let place = matrix_place(&place(raw.shape, start + lost.at));
                    let reason = format!("{}: {PACK_AGAIN}", lost.reason);
                    return Err(self.weights.lost(name, &place, block[lost.at], &reason));
                }
            }
        }
        Ok(())
    }
}

/// Row and column of the matrix that panels were made from; the place itself in everything else.
fn matrix_place(place: &[usize]) -> Vec<usize> {
    match *place {
        [panel, column, lane] => vec![panel * PANEL[0] + lane, column],
        _ => place.to_vec(),
    }
}
