//! A directory of the file system.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Disk, DiskFile};

const LOCK: &str = "lock";

/// A directory that one process owns; the last clone gives it free.
#[derive(Clone, Debug)]
pub struct Directory {
    path: Arc<Path>,
    /// Locked as long as it is open, also by the death of the process.
    _lock: Arc<File>,
}

/// Another process has the directory.
#[derive(Debug, thiserror::Error)]
#[error("another process uses it")]
pub struct Locked;

impl Directory {
    /// Opens a directory, for the owner's eyes only when it has to be made.
    ///
    /// # Errors
    /// What the system says; with a [`Locked`] inside when another process has the directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                File::open(parent)?.sync_all()?;
            }
        }
        let lock = writable().truncate(false).open(path.join(LOCK))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(io::ErrorKind::ResourceBusy, Locked),
            TryLockError::Error(error) => error,
        })?;
        Ok(Self { path: path.into(), _lock: Arc::new(lock) })
    }

    fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn writable() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

impl Disk for Directory {
    type File = File;

    fn names(&self) -> io::Result<Vec<String>> {
        // A name that is no text is none of ours.
        let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().into_string().ok());
        fs::read_dir(&self.path)?.filter_map(|entry| name(entry).transpose()).collect()
    }

    fn read(&self, name: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        let file = File::open(self.path_of(name))?;
        let length = file.metadata()?.len().min(bytes_max as u64);
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        file.take(bytes_max as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, name: &str, length: u64) -> io::Result<File> {
        let file = writable().truncate(true).open(self.path_of(name))?;
        file.set_len(length)?;
        Ok(file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path_of(from), self.path_of(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path_of(name))
    }

    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
