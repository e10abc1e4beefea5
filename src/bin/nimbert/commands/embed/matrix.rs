//! All vectors as one matrix in a file, `[texts, numbers]` in f32, written as they come: how many they are stands at the
//! file's start, where room is left for it.

use std::{
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use anyhow::{Result, anyhow, bail};
use nimbert::{
    Embedding,
    files::{target::Target, temporary::Temporary},
};
use serde_json::json;

use crate::{file::refuse_inputs, input::Row, stream::Writer};

/// Bytes before the numbers: both kinds fill what they do not need with spaces.
const HEADER: usize = 128;

#[derive(Clone, Copy)]
enum Kind {
    /// NumPy's format, version 1.0.
    Npy,
    Safetensors,
}

pub(super) struct Matrix {
    path: PathBuf,
    kind: Kind,
    file: BufWriter<Temporary>,
    rows: usize,
    columns: usize,
}

impl Matrix {
    pub(super) fn create(path: &Path, inputs: &[&Path], columns: usize) -> Result<Self> {
        let name = path.display();
        let kind = match path.extension().and_then(|ending| ending.to_str()) {
            Some("npy") => Kind::Npy,
            Some("safetensors") => Kind::Safetensors,
            _ => bail!("{name}: expected a name that ends in .npy or .safetensors"),
        };
        refuse_inputs(path, inputs)?;
        let tell = |error: io::Error| anyhow!("{name}: {error}");
        let Target::File(target) = Target::of(path).map_err(tell)? else {
            bail!(
                "{name}: is not a regular file: how many vectors there are is written at its start, when all are known"
            );
        };
        let mut file = BufWriter::new(Temporary::beside(&target).map_err(tell)?);
        file.write_all(&kind.header(0, columns)).map_err(tell)?;
        Ok(Self { path: path.to_owned(), kind, file, rows: 0, columns })
    }

    /// Gives the file its name.
    pub(super) fn finish(mut self) -> Result<()> {
        let header = self.kind.header(self.rows, self.columns);
        let outcome = self.file.seek(SeekFrom::Start(0)).and_then(|_| self.file.write_all(&header));
        outcome
            .and_then(|()| self.file.into_inner().map_err(io::IntoInnerError::into_error))
            .and_then(Temporary::replace)
            .map_err(|error| anyhow!("{}: {error}", self.path.display()))
    }
}

impl Kind {
    fn header(self, rows: usize, columns: usize) -> Vec<u8> {
        let mut header = match self {
            Self::Npy => {
                let about =
                    format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
                let mut start = b"\x93NUMPY\x01\x00".to_vec();
                start.extend(((HEADER - 10) as u16).to_le_bytes());
                start.extend(about.bytes());
                start
            }
            Self::Safetensors => {
                let bytes = 4 * rows as u64 * columns as u64;
                let tensor = json!({"dtype": "F32", "shape": [rows, columns], "data_offsets": [0, bytes]});
                let mut start = ((HEADER - 8) as u64).to_le_bytes().to_vec();
                start.extend(json!({ "embeddings": tensor }).to_string().bytes());
                start
            }
        };
        assert!(header.len() < HEADER, "the largest sizes have room");
        header.resize(HEADER, b' ');
        if let Self::Npy = self {
            header[HEADER - 1] = b'\n';
        }
        header
    }
}

impl Writer<Embedding> for Matrix {
    fn write(&mut self, _: usize, _: &Row, result: &Embedding) -> io::Result<()> {
        self.rows += 1;
        let tell =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display()));
        result.values.iter().try_for_each(|x| self.file.write_all(&x.to_le_bytes())).map_err(tell)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
