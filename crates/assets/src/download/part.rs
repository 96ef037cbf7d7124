//! The partial file on the disk, its sidecar and its hashes, which always tell of the same bytes.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::sidecar::{Sidecar, Validator};
use crate::digest::{self, Background, Digest};
use crate::lock::Demands;
use crate::manifest::Checksums;
use crate::place::Place;
use base::error::{Error, Result};
use base::files;

/// What was written is put on the disk for sure this often, beside the work: a power cut costs little, and little is left to wait for
/// at the end.
const SYNC_EVERY: Duration = Duration::from_secs(30);
/// Or after so many bytes.
const SYNC_BYTES: u64 = 256 << 20;

/// A file that is on its way.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    sidecar_path: PathBuf,
    demanded: Checksums,
    size: Option<u64>,
    file: File,
    length: u64,
    sidecar: Option<Sidecar>,
    /// Of the first `length` bytes; `None` where they were not read yet.
    hashes: Option<Background>,
    /// Whether its bytes came in more than one piece.
    pieced: bool,
    sync: Option<JoinHandle<Result<Sidecar>>>,
    synced_at: Instant,
    /// Length when the last sync began.
    sync_begun: u64,
}

impl Part {
    /// Opens what is there, or an empty one. What cannot be relied on, or came from no `source` that is known and could not
    /// be checked, is cut off.
    pub(crate) fn open(place: &Place, demands: &Demands, sources: &[String]) -> Result<Self> {
        let (path, sidecar_path) = (place.part(), place.sidecar());
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

    /// Bytes that are here.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is known of it; `None` where there is nothing of it.
    pub(crate) fn sidecar(&self) -> Option<&Sidecar> {
        self.sidecar.as_ref()
    }

    /// Whether its bytes came in more than one piece, so that the fault may lie in putting them together.
    pub(crate) fn pieced(&self) -> bool {
        self.pieced
    }

    /// Bytes of the whole file, where known.
    pub(crate) fn total(&self) -> Option<u64> {
        self.size.or(self.sidecar.as_ref().and_then(|sidecar| sidecar.total))
    }

    /// Whether all of it is here.
    pub(crate) fn is_whole(&self) -> bool {
        self.sidecar.is_some() && self.total() == Some(self.length)
    }

    /// Forgets everything that is here.
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.settle_sync()?;
        (self.hashes, self.sidecar, self.length, self.pieced) = (None, None, 0, false);
        self.sync_begun = 0;
        self.file.set_len(0).map_err(|error| Error::io("write", &self.path, &error))?;
        Sidecar::remove(&self.sidecar_path)
    }

    /// Reads what is here into the hashes, so that a damaged disk is noticed; `progress` hears of the bytes.
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
        self.alone(read)?;
        self.hashes = Some(Background::start(digest)?);
        Ok(())
    }

    /// From now on bytes come from this version of this source: from its beginning, or after what is here.
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
        // Before the first byte: a part without a sidecar is worth nothing.
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
            None => return Err(Error::bug("bytes came before the hashes began")),
        }
        let due = self.synced_at.elapsed() >= SYNC_EVERY || self.length - self.sync_begun >= SYNC_BYTES;
        if due && self.sync.as_ref().is_none_or(JoinHandle::is_finished) {
            self.settle_sync()?;
            self.start_sync()?;
        }
        Ok(())
    }

    /// The source said that this was all.
    pub(crate) fn end(&mut self) -> Result<()> {
        match self.sidecar.as_mut().filter(|sidecar| sidecar.total.is_none()) {
            None => return Ok(()),
            Some(sidecar) => sidecar.total = Some(self.length),
        }
        self.settle_sync()?;
        self.sidecar.as_ref().map_or(Ok(()), |sidecar| sidecar.write(&self.sidecar_path))
    }

    /// Puts everything on the disk; the hashes of what is here.
    pub(crate) fn finish(&mut self) -> Result<Checksums> {
        self.settle_sync()?;
        self.file.sync_all().map_err(|error| Error::io("write", &self.path, &error))?;
        self.alone(self.file.metadata().map_err(|error| Error::io("look at", &self.path, &error))?.len())?;
        let mut hashes = match self.hashes.take() {
            Some(hashes) => hashes.finish()?,
            None => return Err(Error::bug("the hashes of a part are gone")),
        };
        if self.demanded.git_blob.is_some() && hashes.git_blob.is_none() {
            // The size was not known at the beginning.
            hashes = digest::hash_file(&self.path, &self.demanded, &mut |_| {})?;
        }
        Ok(hashes)
    }

    /// Moves the file to its place; nothing is left of the part.
    pub(crate) fn move_to(mut self, to: &Path) -> Result<()> {
        self.settle_sync()?;
        files::rename_durably(&self.path, to)?;
        Sidecar::remove(&self.sidecar_path)
    }

    /// Nobody else may write to the part.
    fn alone(&self, length: u64) -> Result<()> {
        match length == self.length {
            true => Ok(()),
            false => Err(Error::infra(format!("something else writes to {}", self.path.display()))
                .because(format!("it should have {} bytes but has {length}", self.length))
                .next("see that nothing else writes there, then run this again")),
        }
    }

    /// Begins to put what was written on the disk, beside the work.
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
        self.sync = Some(thread.map_err(|error| Error::infra("cannot start a thread that syncs").because(error))?);
        Ok(())
    }

    /// Waits for what [`start_sync`](Self::start_sync) began.
    fn settle_sync(&mut self) -> Result<()> {
        if let Some(thread) = self.sync.take() {
            self.sidecar = Some(thread.join().map_err(|_| Error::bug("the thread that syncs has died"))??);
        }
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // A sidecar must not appear after the work on the part has ended. What went wrong here only costs bytes after a power cut.
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
