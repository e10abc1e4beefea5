//! Files that a command writes beside its results.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Result, anyhow, bail};
use nimbert::temporary;
use tempfile::NamedTempFile;

/// A file that gets its name when it is complete, so that one that was there before stays as it is until then. A device
/// such as `/dev/null` is written directly.
pub(crate) struct NewFile {
    path: PathBuf,
    sink: Sink,
}

enum Sink {
    Temporary(NamedTempFile),
    Device(File),
}

impl NewFile {
    /// Refuses to replace any of `inputs`, which the command reads.
    pub(crate) fn create(path: &Path, inputs: &[&Path]) -> Result<Self> {
        let name = path.display();
        refuse_inputs(path, inputs)?;
        let failed = |error: io::Error| anyhow!("{name}: {error}");
        let sink = match path.metadata() {
            Ok(about) if about.is_dir() => bail!("{name}: is a directory"),
            Ok(about) if !about.is_file() => {
                Sink::Device(File::options().write(true).open(path).map_err(failed)?)
            }
            _ => Sink::Temporary(temporary::beside(path).map_err(failed)?),
        };
        Ok(Self { path: path.to_owned(), sink })
    }

    /// Writes all of it, and gives the file its name.
    pub(crate) fn fill(mut self, content: &[u8]) -> Result<()> {
        self.write_all(content).map_err(|error| anyhow!("{}: {error}", self.path.display()))?;
        self.finish()
    }

    /// Gives the file its name.
    pub(crate) fn finish(mut self) -> Result<()> {
        let name = self.path.display().to_string();
        self.flush().map_err(|error| anyhow!("{name}: {error}"))?;
        match self.sink {
            Sink::Device(_) => Ok(()),
            Sink::Temporary(file) => {
                temporary::persist(file, &self.path).map_err(|error| anyhow!("{name}: {error}"))
            }
        }
    }

    fn sink(&mut self) -> &mut File {
        match &mut self.sink {
            Sink::Temporary(file) => file.as_file_mut(),
            Sink::Device(file) => file,
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink().flush()
    }
}

/// An error if `path` is one of `inputs`.
pub(crate) fn refuse_inputs(path: &Path, inputs: &[&Path]) -> Result<()> {
    let Ok(target) = path.canonicalize() else { return Ok(()) };
    if inputs.iter().any(|input| input.canonicalize().is_ok_and(|input| input == target)) {
        bail!("{}: is read by this command and would be replaced", path.display());
    }
    Ok(())
}
