//! Writes huge files. The temporary file has a fixed name, so that the next try finds and removes it if this process is killed.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::hex;
use super::relay::{Feed, FeedError};
use crate::cleanup::{self, CleanupGuard};
use crate::error::{Error, Result};

/// A file `NAME.part` that is being written; removed unless finished.
pub struct PartFile {
    path: PathBuf,
    part: PathBuf,
    file: File,
    finished: bool,
    _removed: CleanupGuard,
}

impl PartFile {
    /// Starts the file `path`. Creates its folder if missing and removes what an earlier try left.
    pub fn create(path: &Path) -> Result<Self> {
        super::create_folder_of(path)?;
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("remove", &part, &error)),
            _ => {}
        }
        let make = || Ok((OpenOptions::new().write(true).create_new(true).open(&part)?, part.clone()));
        let made = cleanup::temporary(make);
        let (file, removed) = made.map_err(|error: std::io::Error| Error::io("create", &part, &error))?;
        Ok(Self { path: path.to_owned(), part, file, finished: false, _removed: removed })
    }

    /// Writes all blocks of `feed` and syncs the file. Returns the number of bytes and their SHA-256; `progress` receives the
    /// bytes of each block.
    pub fn fill(&mut self, mut feed: Feed, progress: &mut dyn FnMut(u64)) -> Result<(u64, String), FeedError> {
        let failed = |error: &std::io::Error| FeedError::Failed(Error::io("write", &self.path, error));
        let (mut bytes, mut hash) = (0, Sha256::new());
        while let Some(block) = feed.next_block()? {
            hash.update(&block[..]);
            self.file.write_all(&block).map_err(|error| failed(&error))?;
            bytes += block.len() as u64;
            progress(block.len() as u64);
            feed.done_with(block);
        }
        self.file.sync_all().map_err(|error| failed(&error))?;
        Ok((bytes, hex(&hash.finalize())))
    }

    /// Renames the file to its final name.
    pub fn finish(mut self) -> Result<()> {
        std::fs::rename(&self.part, &self.path).map_err(|error| Error::io("write", &self.path, &error))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.finished {
            let _ = std::fs::remove_file(&self.part);
        }
    }
}
