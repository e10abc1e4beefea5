//! What a name stands for that is to be written: decided here for the library and, unseen by others, for its program.
//!
//! Only regular files are ever replaced. Links are followed, so that it is the file at their end that is replaced and the
//! links stay; one that leads nowhere is refused, since whoever made it had a file in mind that is missing.

use std::{
    ffi::OsStr,
    fs::{self, FileType, Metadata},
    io,
    path::{Path, PathBuf},
};

/// Where that which is written goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// A regular file, which may not be there yet, by its own name: that at the end of all links.
    File(PathBuf),
    /// A pipe or a device such as a terminal, which is written as it stands.
    Stream,
}

impl Target {
    /// What `path` stands for.
    ///
    /// # Errors
    /// If it is a directory, a disk or a socket, or a link to nothing; or what the system says.
    pub fn of(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(about) if about.is_file() => own_name(path, &about).map(Self::File),
            Ok(about) if is_stream(about.file_type()) => Ok(Self::Stream),
            Ok(about) => Err(no_file(about.file_type())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => new_name(path).map(Self::File),
            Err(error) => Err(error),
        }
    }

    /// The regular file that `path` stands for, by its own name.
    ///
    /// # Errors
    /// As of [`Target::of`], and if it is a pipe or a device.
    pub fn file(path: &Path) -> io::Result<PathBuf> {
        match Self::of(path)? {
            Self::File(name) => Ok(name),
            Self::Stream => Err(no_file(fs::metadata(path)?.file_type())),
        }
    }
}

/// Not every open file has a name that can be given to another: `/dev/fd/3` may lead to one that was removed.
fn own_name(path: &Path, about: &Metadata) -> io::Result<PathBuf> {
    let name = path.canonicalize();
    match name.and_then(|name| Ok((fs::symlink_metadata(&name)?, name))) {
        Ok((there, name)) if is_same(&there, about) => Ok(name),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Err(refusal("is a file without a name")),
    }
}

/// The name of a file that is not there.
fn new_name(path: &Path) -> io::Result<PathBuf> {
    if fs::symlink_metadata(path).is_ok() {
        let end = fs::read_link(path)?;
        return Err(refusal(format!("is a link to {}, which is not there", end.display())));
    }
    let ends_with = |name: &OsStr| path.as_os_str().as_encoded_bytes().ends_with(name.as_encoded_bytes());
    match path.file_name() {
        Some(name) if ends_with(name) => Ok(path.to_owned()),
        _ => Err(refusal("names no file")), // as `new/` and `new/.` do
    }
}

#[cfg(unix)]
fn is_stream(kind: FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;
    kind.is_fifo() || kind.is_char_device()
}

#[cfg(not(unix))]
fn is_stream(kind: FileType) -> bool {
    !kind.is_dir()
}

fn no_file(kind: FileType) -> io::Error {
    #[cfg(unix)]
    let special = {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            "is a pipe"
        } else if kind.is_socket() {
            "is a socket"
        } else {
            "is a device"
        }
    };
    #[cfg(not(unix))]
    let special = "is a device";
    let what = if kind.is_dir() { "is a directory" } else { special };
    refusal(format!("{what}, not a regular file"))
}

fn refusal(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason.into())
}

/// Whether both are of one file.
#[cfg(unix)]
pub fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Where it can't be told: one name is one file.
#[cfg(not(unix))]
pub fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}
