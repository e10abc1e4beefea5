//! The bytes of a packed file: header, tensors and checksums, appearing under the file's name all at once.

use std::{
    io::{self, Write as _},
    iter,
    path::{Path, PathBuf},
};

use half::f16;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{ALIGNMENT, CHECKSUMS, DIGEST, section::Section};
use crate::{
    checkpoint::weights::{Dtype, write_header},
    error::{Error, Result},
    files::temporary::Temporary,
};

/// As long as puts the data on a 64-byte boundary.
pub(super) fn header(sections: &[Section], metadata: Value) -> Vec<u8> {
    let sums = Section::new(CHECKSUMS, Dtype::U8, [sections.len() + 1, ALIGNMENT]);
    let all = sections.iter().chain(iter::once(&sums));
    let entries = all.map(|section| {
        (section.name.as_str(), section.dtype.to_string(), &section.shape[..], section.byte_len())
    });
    write_header(entries, metadata, ALIGNMENT)
}

/// The file being written, under a temporary name beside its own, which is removed if this is dropped.
pub(super) struct Output {
    path: PathBuf,
    file: io::BufWriter<Temporary>,
    /// Bytes in all, and in the tensor that is being written.
    written: [usize; 2],
    sections: std::vec::IntoIter<Section>,
    hasher: Sha256,
    digests: Vec<[u8; DIGEST]>,
}

impl Output {
    /// `path` is what the file is called in errors, `target` its own name.
    pub(super) fn create(path: &Path, target: &Path) -> Result<Self> {
        let file = io::BufWriter::new(Temporary::beside(target).map_err(Error::io(path))?);
        let (sections, hasher) = (Vec::new().into_iter(), Sha256::new());
        Ok(Self { path: path.to_owned(), file, written: [0; 2], sections, hasher, digests: Vec::new() })
    }

    pub(super) fn start(&mut self, header: &[u8], sections: Vec<Section>) -> Result<()> {
        self.sections = sections.into_iter();
        self.put(header)?;
        self.end_part();
        Ok(())
    }

    /// How many tensors are complete.
    pub(super) fn tensors(&self) -> usize {
        self.digests.len() - 1
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.written = self.written.map(|count| count + bytes.len());
        self.file.write_all(bytes).map_err(Error::io(&self.path))
    }

    /// Little-endian, and zeros up to a multiple of `unit` numbers.
    pub(super) fn put_floats(&mut self, values: &[f32], unit: usize) -> Result<()> {
        let padding = values.len().next_multiple_of(unit) - values.len();
        let values = values.iter().copied().chain(iter::repeat_n(0.0, padding));
        self.put(&values.flat_map(f32::to_le_bytes).collect::<Vec<_>>())
    }

    /// The same, rounded to f16.
    pub(super) fn put_halves(&mut self, values: &[f32], unit: usize) -> Result<()> {
        let padding = values.len().next_multiple_of(unit) - values.len();
        let values =
            values.iter().map(|&value| f16::from_f32(value)).chain(iter::repeat_n(f16::ZERO, padding));
        self.put(&values.flat_map(f16::to_le_bytes).collect::<Vec<_>>())
    }

    /// Fills the tensor up to whole cache lines.
    pub(super) fn end_tensor(&mut self) -> Result<()> {
        let written = self.written[1];
        self.put(&[0; ALIGNMENT][..written.next_multiple_of(ALIGNMENT) - written])?;
        let section = self.sections.next().expect("the header lists every tensor that is written");
        assert_eq!(self.written[1], section.byte_len(), "{} is as long as the header says", section.name);
        self.end_part();
        Ok(())
    }

    fn end_part(&mut self) {
        self.digests.push(self.hasher.finalize_reset().into());
        self.written[1] = 0;
    }

    /// Adds the checksums and, if `accept` says so of the complete file, gives it its name. Returns its size then.
    pub(super) fn finish(mut self, accept: impl FnOnce(&Path) -> bool) -> Result<Option<u64>> {
        assert_eq!(self.sections.len(), 0, "every tensor in the header is written");
        for digest in std::mem::take(&mut self.digests) {
            self.put(&digest)?;
            self.put(&[0; ALIGNMENT - DIGEST])?;
        }
        self.file.flush().map_err(Error::io(&self.path))?;
        if !accept(self.file.get_ref().path()) {
            return Ok(None);
        }
        let (temporary, _) = self.file.into_parts(); // nothing is in the buffer
        temporary.replace().map_err(Error::io(&self.path))?;
        Ok(Some(self.written[0] as u64))
    }
}
