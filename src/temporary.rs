//! Files that get their name when they are complete.

use std::path::Path;

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
    // The system's error would name the temporary file, which nobody asked for.
    builder.tempfile_in(dir).map_err(|error| Error::io(path)(std::io::Error::from(error.kind())))
}
