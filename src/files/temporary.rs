//! Files that get their name when they are complete: of the library and, unseen by others, of its program.
//!
//! Until then a file `stars.nimbert` is called `.stars.nimbert.nimbert-12345-0.part`, after the process that writes it, in
//! the same directory. It is a file with a name even where the system has files without one: those can't take another's
//! place without a name of their own, and two ways would have to be right instead of one.
//!
//! A process that ends well leaves none behind; one that gets a signal calls [`abandon_all`], if it is our program. What a
//! killed one leaves is removed by the next that writes the same file. It knows by the lock on each: the system takes that
//! back however a process ends, while a number like 12345 soon belongs to another, or to one in each container.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, File, TryLockError},
    io, mem,
    path::{Path, PathBuf},
    process,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::files::target::is_same;

/// What this process would leave behind if it ended now.
struct Unfinished {
    /// The number of the next file.
    next: u64,
    files: BTreeSet<PathBuf>,
    /// Those within others after them.
    directories: Vec<PathBuf>,
}

static UNFINISHED: Mutex<Unfinished> =
    Mutex::new(Unfinished { next: 0, files: BTreeSet::new(), directories: Vec::new() });

/// Held while a file is made, named or removed, and not while one is written.
fn unfinished() -> MutexGuard<'static, Unfinished> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes all that is unfinished, and new directories that are empty, for a program that is about to end: who goes on to
/// make or to name a file waits for that.
pub fn abandon_all() {
    let unfinished = unfinished();
    for file in &unfinished.files {
        let _ = fs::remove_file(file);
    }
    for directory in unfinished.directories.iter().rev() {
        let _ = fs::remove_dir(directory);
    }
    mem::forget(unfinished);
}

/// A file that has no name yet. It is removed if it is dropped before it gets one.
#[derive(Debug)]
pub struct Temporary {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Temporary {
    /// A file in the directory of `target`, which names no link. What a killed process left there of the same is removed.
    ///
    /// # Errors
    /// What the system says.
    pub fn beside(target: &Path) -> io::Result<Self> {
        let directory =
            target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let prefix = prefix(target);
        let mut unfinished = unfinished();
        remove_leftovers(directory, &prefix, &unfinished.files);
        loop {
            let path = directory.join(format!("{prefix}{}-{}{SUFFIX}", process_number(), unfinished.next));
            unfinished.next += 1;
            let file = match File::options().read(true).write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            match is_kept(&file, &path) {
                Ok(true) => {
                    unfinished.files.insert(path.clone());
                    return Ok(Self { file, path, target: target.to_owned() });
                }
                Ok(false) => {}
                Err(error) => {
                    let _ = fs::remove_file(&path);
                    return Err(error);
                }
            }
        }
    }

    /// What the file is called as long as it has no name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name, in the place of one that has it.
    ///
    /// # Errors
    /// What the system says, and if by now there is something else than a regular file.
    pub fn replace(self) -> io::Result<()> {
        self.sync()?;
        let _held = unfinished();
        match fs::symlink_metadata(&self.target) {
            Ok(about) if !about.is_file() => Err(io::Error::other("is no regular file any more")),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::rename(&self.path, &self.target),
        }
    }

    /// Gives the file its name, if nothing has it.
    ///
    /// # Errors
    /// What the system says; something of this name is `AlreadyExists`.
    pub fn create(self) -> io::Result<()> {
        self.sync()?;
        let _held = unfinished();
        match fs::hard_link(&self.path, &self.target) {
            // Not every file system has links.
            Err(_) if is_absent(&self.target) => fs::rename(&self.path, &self.target),
            outcome => outcome,
        }
    }

    /// Without this the new name could outlive a power cut that the contents do not.
    fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl io::Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl io::Seek for Temporary {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let mut unfinished = unfinished();
        // If it was renamed, nothing is there.
        let _ = fs::remove_file(&self.path);
        unfinished.files.remove(&self.path);
    }
}

fn is_absent(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

const SUFFIX: &str = ".part";

/// WebAssembly has none, and no other process beside it.
fn process_number() -> u32 {
    if cfg!(target_family = "wasm") { 0 } else { process::id() }
}

/// What the names begin with of files that are to become `target`; cut, so that they are not too long where its own is not.
fn prefix(target: &Path) -> String {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    format!(".{}.nimbert-", &name[..name.floor_char_boundary(150)])
}

fn is_unfinished(name: &OsStr, prefix: &str) -> bool {
    let numbers =
        name.to_str().and_then(|name| name.strip_prefix(prefix)?.strip_suffix(SUFFIX)?.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(process, number)| is_number(process) && is_number(number))
}

/// Removes what ended processes left in `directory`. Whatever does not work out stays, as it does no harm.
fn remove_leftovers(directory: &Path, prefix: &str, ours: &BTreeSet<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_ours = || ours.iter().any(|path| path.file_name() == Some(&name));
        if is_unfinished(&name, prefix) && !is_ours() && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let _ = remove_if_left(&entry.path());
        }
    }
}

fn remove_if_left(path: &Path) -> io::Result<()> {
    let file = File::options().write(true).open(path)?;
    match file.try_lock() {
        Ok(()) if is_at(&file, path)? => fs::remove_file(path),
        _ => Ok(()), // its process lives, or has given it its name
    }
}

/// Locks a new file. Not if another process took it for a leftover before that and removes it. Where there are no locks,
/// none does.
fn is_kept(file: &File, path: &Path) -> io::Result<bool> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(false),
        _ => is_at(file, path),
    }
}

/// Whether `path` is still the name of this very file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        there => Ok(is_same(&there?, &file.metadata()?)),
    }
}

/// Directories made for files to come. Those that are empty when this is dropped go again.
#[derive(Debug)]
pub struct Directories(Vec<PathBuf>);

impl Directories {
    /// Makes `path` and the directories that it is in, as far as they are not there.
    ///
    /// # Errors
    /// What the system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        let missing = path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
        let mut new: Vec<_> = missing.map(Path::to_owned).collect();
        new.reverse();
        unfinished().directories.extend(new.iter().cloned());
        let new = Self(new);
        fs::create_dir_all(path)?;
        Ok(new)
    }
}

impl Drop for Directories {
    fn drop(&mut self) {
        let mut unfinished = unfinished();
        for directory in self.0.iter().rev() {
            let _ = fs::remove_dir(directory); // unless something is in it
        }
        unfinished.directories.retain(|directory| !self.0.contains(directory));
    }
}
