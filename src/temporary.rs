//! Files that get their name when they are complete: of the library and, unseen by others, of its program.

use std::{io, path::Path};

use tempfile::NamedTempFile;

/// A file in the directory of `path`, to be renamed to it; removed if it is dropped before.
///
/// # Errors
/// What the system says, without the temporary file's name.
pub fn beside(path: &Path) -> io::Result<NamedTempFile> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Like any new file, instead of for the owner alone; the system takes away what the umask says.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(dir).map_err(plain)
}

/// Gives the file its name.
///
/// # Errors
/// As [`beside`].
pub fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    // Without this the new name could outlive a power cut that the contents do not.
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| plain(error.error))
}

/// An error without the name of the temporary file, of which nobody has heard.
fn plain(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.source()?.downcast_ref::<io::Error>());
    let code = inner.unwrap_or(&error).raw_os_error();
    code.map_or(error, io::Error::from_raw_os_error)
}
