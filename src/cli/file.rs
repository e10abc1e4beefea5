//! Files that a command writes beside its results.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Result, anyhow, bail};
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
        let failed = |error: io::Error| anyhow!("{name}: {}", plain(&error));
        let sink = match path.metadata() {
            Ok(about) if about.is_dir() => bail!("{name}: is a directory"),
            Ok(about) if !about.is_file() => {
                Sink::Device(File::options().write(true).open(path).map_err(failed)?)
            }
            _ => {
                let directory =
                    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
                Sink::Temporary(builder().tempfile_in(directory).map_err(failed)?)
            }
        };
        Ok(Self { path: path.to_owned(), sink })
    }

    /// Gives the file its name.
    pub(crate) fn finish(mut self) -> Result<()> {
        let name = self.path.display().to_string();
        self.flush().map_err(|error| anyhow!("{name}: {}", plain(&error)))?;
        match self.sink {
            Sink::Device(_) => Ok(()),
            Sink::Temporary(file) => {
                file.persist(&self.path).map(drop).map_err(|error| anyhow!("{name}: {}", plain(&error.error)))
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

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Like any new file; the system takes away what the umask says.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
}

/// Without the temporary file's name, of which nobody has heard.
fn plain(error: &io::Error) -> io::Error {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.source())
        .and_then(|source| source.downcast_ref::<io::Error>());
    let error = inner.unwrap_or(error);
    error
        .raw_os_error()
        .map_or_else(|| io::Error::new(error.kind(), error.to_string()), io::Error::from_raw_os_error)
}
