//! A huge file on its way to its name: the temporary one has a name that the next try finds and removes, should this
//! process be killed.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::hex;
use super::relay::{Feed, Stop};
use crate::cleanup::{self, Registered};
use crate::error::{Error, Result};

/// The file `NAME.part`; removed unless finished.
pub struct Part {
    path: PathBuf,
    part: PathBuf,
    file: File,
    finished: bool,
    _removed: Registered,
}

impl Part {
    /// Begins the file `path`, whose folder is created where it is missing. What an earlier try left is removed.
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

    /// Writes all that comes and waits until it is on the disk. Gives the number of bytes and their SHA-256; `progress` hears
    /// of bytes just written.
    pub fn fill(&mut self, mut feed: Feed, progress: &mut dyn FnMut(u64)) -> Result<(u64, String), Stop> {
        let failed = |error: &std::io::Error| Stop::Failed(Error::io("write", &self.path, error));
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

    /// Gives the file its name.
    pub fn finish(mut self) -> Result<()> {
        std::fs::rename(&self.part, &self.path).map_err(|error| Error::io("write", &self.path, &error))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.finished {
            let _ = std::fs::remove_file(&self.part);
        }
    }
}
