//! The partial file on disk, with its sidecar and its hashes, which always describe the same bytes.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::sidecar::{Sidecar, Validator};
use crate::digest::{self, BackgroundDigest, Digest};
use crate::lock::Demands;
use crate::manifest::Checksums;
use crate::paths::AssetPaths;
use base::error::{Error, Result};
use base::files;

/// Interval of syncs in the background, so that a power cut loses little and the final sync is short.
const SYNC_EVERY: Duration = Duration::from_secs(30);
/// Number of bytes after which a sync is due earlier.
const SYNC_BYTES: u64 = 256 << 20;

/// A partial file.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    sidecar_path: PathBuf,
    demanded: Checksums,
    size: Option<u64>,
    file: File,
    length: u64,
    sidecar: Option<Sidecar>,
    /// Hashes of the first `length` bytes; `None` if these were not read yet.
    hashes: Option<BackgroundDigest>,
    /// Whether its bytes came from several requests.
    pieced: bool,
    sync: Option<JoinHandle<Result<Sidecar>>>,
    synced_at: Instant,
    /// Length at the start of the last sync.
    sync_begun: u64,
}

impl Part {
    /// Opens or creates the partial file. Bytes that cannot be trusted are cut off, as are those from an unknown source without
    /// a checksum.
    pub(crate) fn open(paths: &AssetPaths, demands: &Demands, sources: &[String]) -> Result<Self> {
        let (path, sidecar_path) = (paths.part(), paths.sidecar());
        files::create_folder_of(&path)?;
        let wrong = |error| Error::io("open", &path, &error);
        let file = files::open_own(&path)?;
        let there = file.metadata().map_err(wrong)?.len();
        let sidecar = Sidecar::read(&sidecar_path)
            .filter(|sidecar| !demands.checksums.is_empty() || sources.contains(&sidecar.url));
        let length = sidecar.as_ref().map_or(0, |sidecar| sidecar.trusted(there));
        if length != there {
            file.set_len(length).map_err(wrong)?;
        }
        Ok(Self {
            path,
            sidecar_path,
            demanded: demands.checksums.clone(),
            size: demands.size,
            file,
            length,
            sidecar,
            hashes: None,
            pieced: length > 0,
            sync: None,
            synced_at: Instant::now(),
            sync_begun: length,
        })
    }

    /// Returns the number of bytes present.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its sidecar; `None` if it is empty.
    pub(crate) fn sidecar(&self) -> Option<&Sidecar> {
        self.sidecar.as_ref()
    }

    /// Returns whether its bytes came from several requests, so that a mix of versions may be why it is wrong.
    pub(crate) fn pieced(&self) -> bool {
        self.pieced
    }

    /// Returns the size of the complete file in bytes, if known.
    pub(crate) fn total(&self) -> Option<u64> {
        self.size.or(self.sidecar.as_ref().and_then(|sidecar| sidecar.total))
    }

    /// Returns whether it is complete.
    pub(crate) fn is_whole(&self) -> bool {
        self.sidecar.is_some() && self.total() == Some(self.length)
    }

    /// Discards all bytes.
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.settle_sync()?;
        (self.hashes, self.sidecar, self.length, self.pieced) = (None, None, 0, false);
        self.sync_begun = 0;
        self.file.set_len(0).map_err(|error| Error::io("write", &self.path, &error))?;
        Sidecar::remove(&self.sidecar_path)
    }

    /// Reads and hashes the present bytes, which detects a damaged disk; `progress` receives the number of bytes of each read.
    pub(crate) fn read_again(&mut self, progress: &mut dyn FnMut(u64)) -> Result<()> {
        if self.hashes.is_some() {
            return Ok(());
        }
        let mut digest = Digest::new(&self.demanded, self.total());
        self.file.seek(SeekFrom::Start(0)).map_err(|error| Error::io("read", &self.path, &error))?;
        let mut read = 0;
        digest::feed(&mut self.file, &self.path, &mut digest, &mut |count| {
            read += count;
            progress(count);
        })?;
        self.check_length(read)?;
        self.hashes = Some(BackgroundDigest::start(digest)?);
        Ok(())
    }

    /// Starts to receive bytes of this version from this source: from the first byte, or after the present ones.
    pub(crate) fn begin(
        &mut self,
        from: u64,
        url: &str,
        validator: Option<Validator>,
        total: Option<u64>,
    ) -> Result<()> {
        match from {
            0 => self.clear()?,
            _ => self.pieced = true,
        }
        self.settle_sync()?;
        let synced = self.sidecar.as_ref().map_or(0, Sidecar::synced);
        let sidecar = Sidecar::new(url, validator, total, synced);
        // Before the first byte: a partial file without a sidecar is useless.
        sidecar.write(&self.sidecar_path)?;
        self.sidecar = Some(sidecar);
        self.read_again(&mut |_| {})
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.file.write_all(&bytes).map_err(|error| Error::io("write", &self.path, &error))?;
        self.length += bytes.len() as u64;
        match &self.hashes {
            Some(hashes) => hashes.update(bytes)?,
            None => return Err(Error::bug("bytes were written before the hashes were started")),
        }
        let due = self.synced_at.elapsed() >= SYNC_EVERY || self.length - self.sync_begun >= SYNC_BYTES;
        if due && self.sync.as_ref().is_none_or(JoinHandle::is_finished) {
            self.settle_sync()?;
            self.start_sync()?;
        }
        Ok(())
    }

    /// Records that the source has sent everything.
    pub(crate) fn end(&mut self) -> Result<()> {
        match self.sidecar.as_mut().filter(|sidecar| sidecar.total.is_none()) {
            None => return Ok(()),
            Some(sidecar) => sidecar.total = Some(self.length),
        }
        self.settle_sync()?;
        self.sidecar.as_ref().map_or(Ok(()), |sidecar| sidecar.write(&self.sidecar_path))
    }

    /// Syncs all bytes and returns their hashes.
    pub(crate) fn finish(&mut self) -> Result<Checksums> {
        self.settle_sync()?;
        self.file.sync_all().map_err(|error| Error::io("write", &self.path, &error))?;
        self.check_length(self.file.metadata().map_err(|error| Error::io("look at", &self.path, &error))?.len())?;
        let mut hashes = match self.hashes.take() {
            Some(hashes) => hashes.finish()?,
            None => return Err(Error::bug("the hashes of a partial file are missing")),
        };
        if self.demanded.git_blob.is_some() && hashes.git_blob.is_none() {
            // The size was unknown at the start.
            hashes = digest::hash_file(&self.path, &self.demanded, &mut |_| {})?;
        }
        Ok(hashes)
    }

    /// Renames the file, and removes its sidecar.
    pub(crate) fn move_to(mut self, to: &Path) -> Result<()> {
        self.settle_sync()?;
        files::rename_durably(&self.path, to)?;
        Sidecar::remove(&self.sidecar_path)
    }

    /// Checks that no other process writes to the file.
    fn check_length(&self, length: u64) -> Result<()> {
        match length == self.length {
            true => Ok(()),
            false => Err(Error::infra(format!("another program writes to {}", self.path.display()))
                .because(format!("it must have {} bytes but has {length}", self.length))
                .next("stop the other program, then run this again")),
        }
    }

    /// Starts a sync in the background.
    fn start_sync(&mut self) -> Result<()> {
        (self.synced_at, self.sync_begun) = (Instant::now(), self.length);
        let Some(sidecar) = &self.sidecar else { return Ok(()) };
        let sidecar = Sidecar::new(&sidecar.url, sidecar.validator.clone(), sidecar.total, self.length);
        let (path, to) = (self.path.clone(), self.sidecar_path.clone());
        let file = self.file.try_clone().map_err(|error| Error::io("write", &self.path, &error))?;
        let work = move || {
            file.sync_data().map_err(|error| Error::io("write", &path, &error))?;
            sidecar.write(&to)?;
            Ok(sidecar)
        };
        let thread = std::thread::Builder::new().name("sync".into()).spawn(work);
        self.sync = Some(thread.map_err(|error| Error::infra("cannot start the sync thread").because(error))?);
        Ok(())
    }

    /// Waits for the sync that [`start_sync`](Self::start_sync) started.
    fn settle_sync(&mut self) -> Result<()> {
        if let Some(thread) = self.sync.take() {
            self.sidecar = Some(thread.join().map_err(|_| Error::bug("the sync thread has panicked"))??);
        }
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // The sidecar must not be written after this. A failure here only loses bytes after a power cut.
        if let Some(thread) = self.sync.take() {
            let _ = thread.join();
        }
        if self.length == 0 {
            let empty = std::fs::metadata(&self.path).is_ok_and(|part| part.len() == 0);
            if empty && self.sidecar.is_none() {
                let _ = std::fs::remove_file(&self.path);
            }
        }
    }
}
