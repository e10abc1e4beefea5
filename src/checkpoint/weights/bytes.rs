//! Bytes that several owners read at once: a mapped file, a part of the program, or memory of our own.

use std::{
    fmt,
    fs::{self, File},
    io,
    ops::{Deref, Range},
    path::Path,
    sync::Arc,
};

use memmap2::Mmap;
use nimbert_kernels::CacheLine;

use crate::error::{Error, Result};

enum Source {
    Map(Mmap),
    Static(&'static [u8]),
    Lines(Vec<CacheLine>),
}

/// A range of bytes that stays valid while anyone holds it. A clone or a slice costs one counter.
#[derive(Clone)]
pub(crate) struct Bytes {
    source: Arc<Source>,
    range: Range<usize>,
}

impl Bytes {
    /// Maps a file; nothing of it is read yet.
    ///
    /// The bytes are the file's own for as long as they are held: a program that writes into the file meanwhile
    /// changes them, and one that cuts it short makes the next access to the lost part end this process (SIGBUS on
    /// Unix), where our program still says why. Replace a model file by renaming a new one over it, which leaves the old
    /// map alone.
    pub(crate) fn map(path: &Path) -> Result<Self> {
        // Asked of the path and before opening, since opening a named pipe would wait for a writer.
        let metadata = fs::metadata(path).map_err(Error::io(path))?;
        if !metadata.is_file() {
            return Err(Error::io(path)(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
        }
        let file = File::open(path).map_err(Error::io(path))?;
        if file.metadata().map_err(Error::io(path))?.len() == 0 {
            // Some systems refuse to map nothing.
            return Ok(Self::from_static(&[]));
        }
        Self::contents(&file).map_err(Error::io(path))
    }

    #[cfg(any(unix, windows))]
    fn contents(file: &File) -> io::Result<Self> {
        // SAFETY: the map is read-only and lives in the `Source` that every slice of it holds, so no reference
        // outlives it. What remains is that someone else may change the file while it is mapped, which Rust does
        // not allow for a `&[u8]` and no program can prevent. Whoever may write to the model file is trusted not
        // to, as the documentation above asks. Headers are parsed once into owned values and never looked up again
        // in the map, so that even then no offset can leave its checked range.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(file) }?;
        Ok(Self::all(Source::Map(map)))
    }

    /// Where the system maps no files they are read: WebAssembly.
    #[cfg(not(any(unix, windows)))]
    fn contents(mut file: &File) -> io::Result<Self> {
        let too_large = |_| io::Error::from(io::ErrorKind::OutOfMemory);
        let len = usize::try_from(file.metadata()?.len()).map_err(too_large)?;
        let mut lines = nimbert_kernels::try_zeroed::<u8>(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        io::Read::read_exact(&mut file, &mut bytemuck::cast_slice_mut(&mut lines)[..len])?;
        Ok(Self::from_lines(lines).slice(0..len))
    }

    /// A map that nobody else has.
    pub(super) fn from_map(map: Mmap) -> Self {
        Self::all(Source::Map(map))
    }

    /// Whether they are memory of this process alone, in a block of their own.
    pub(crate) fn is_owned(&self) -> bool {
        matches!(*self.source, Source::Lines(_))
    }

    /// Bytes that are part of the program.
    pub(crate) fn from_static(bytes: &'static [u8]) -> Self {
        Self::all(Source::Static(bytes))
    }

    /// Owned memory that starts on a 64-byte boundary.
    pub(crate) fn from_lines(lines: Vec<CacheLine>) -> Self {
        Self::all(Source::Lines(lines))
    }

    /// The part at `range`, counted from the start of these bytes.
    ///
    /// # Panics
    ///
    /// If the range reaches outside: the caller has checked the header that it comes from.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len(), "{range:?} of {} bytes", self.len());
        let start = self.range.start;
        Self { source: Arc::clone(&self.source), range: start + range.start..start + range.end }
    }

    fn all(source: Source) -> Self {
        let len = source.len();
        Self { source: Arc::new(source), range: 0..len }
    }
}

impl Deref for Source {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Map(map) => map,
            Self::Static(bytes) => bytes,
            Self::Lines(lines) => bytemuck::cast_slice(lines),
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.source[self.range.clone()]
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({})", self.len())
    }
}
