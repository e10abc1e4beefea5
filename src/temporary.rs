//! Files that get their name when they are complete.

use std::{io, path::Path};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// A file in the directory of `path`, to be renamed to it; removed if it is dropped before.
pub(crate) fn beside(path: &Path) -> Result<NamedTempFile> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Like any new file, instead of for the owner alone; the system takes away what the umask says.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(dir).map_err(failed(path))
}

/// Gives the file its name.
pub(crate) fn persist(file: NamedTempFile, path: &Path) -> Result<()> {
    // Without this the new name could outlive a power cut that the contents do not.
    file.as_file().sync_all().map_err(Error::io(path))?;
    file.persist(path).map(drop).map_err(|error| Error::io(path)(error.error))
}

/// An error of writing `path`, without the name of the temporary file, which nobody asked for.
pub(crate) fn failed(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |error| {
        let inner = error.get_ref().and_then(|inner| inner.source()?.downcast_ref::<io::Error>());
        let code = inner.unwrap_or(&error).raw_os_error();
        Error::io(path)(code.map_or(error, io::Error::from_raw_os_error))
    }
}
