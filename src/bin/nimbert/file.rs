//! Files that a command writes beside its results.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Result, anyhow, bail};
use nimbert::files::{
    target::{Target, is_same},
    temporary::Temporary,
};

/// A file that gets its name when it is complete, so that one that was there before stays as it is until then. A pipe or a
/// device such as `/dev/null` is written directly.
pub(crate) struct NewFile {
    path: PathBuf,
    sink: Sink,
}

enum Sink {
    Temporary(Temporary),
    Stream(File),
}

impl NewFile {
    /// Refuses to replace any of `inputs`, which the command reads.
    pub(crate) fn create(path: &Path, inputs: &[&Path]) -> Result<Self> {
        refuse_inputs(path, inputs)?;
        let sink = Sink::open(path).map_err(|error| anyhow!("{}: {error}", path.display()))?;
        Ok(Self { path: path.to_owned(), sink })
    }

    /// Writes all of it, and gives the file its name.
    pub(crate) fn fill(mut self, content: &[u8]) -> Result<()> {
        self.write_all(content).map_err(|error| anyhow!("{}: {error}", self.path.display()))?;
        self.finish()
    }

    /// Gives the file its name.
    pub(crate) fn finish(mut self) -> Result<()> {
        let flushed = self.flush();
        let outcome = flushed.and_then(|()| match self.sink {
            Sink::Temporary(file) => file.replace(),
            Sink::Stream(_) => Ok(()),
        });
        outcome.map_err(|error| anyhow!("{}: {error}", self.path.display()))
    }
}

impl Sink {
    fn open(path: &Path) -> io::Result<Self> {
        match Target::of(path)? {
            Target::File(name) => Temporary::beside(&name).map(Self::Temporary),
            Target::Stream => File::options().write(true).open(path).map(Self::Stream),
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Temporary(file) => file.write(bytes),
            Sink::Stream(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Temporary(file) => file.flush(),
            Sink::Stream(file) => file.flush(),
        }
    }
}

/// An error if `path` is one of `inputs`, or a file that standard output goes to: what is said there would be lost with the
/// file that is replaced.
pub(crate) fn refuse_inputs(path: &Path, inputs: &[&Path]) -> Result<()> {
    let name = path.display();
    let Ok(target) = path.canonicalize() else { return Ok(()) };
    if inputs.iter().any(|input| input.canonicalize().is_ok_and(|input| input == target)) {
        bail!("{name}: is read by this command and would be replaced");
    }
    if let (Ok(about), Ok(stdout)) = (target.metadata(), about_stdout())
        && about.is_file()
        && is_same(&about, &stdout)
    {
        bail!("{name}: is where standard output goes and would be replaced");
    }
    Ok(())
}

#[cfg(unix)]
fn about_stdout() -> io::Result<fs::Metadata> {
    use std::os::fd::AsFd;
    File::from(io::stdout().as_fd().try_clone_to_owned()?).metadata()
}

#[cfg(not(unix))]
fn about_stdout() -> io::Result<fs::Metadata> {
    Err(io::ErrorKind::Unsupported.into())
}
