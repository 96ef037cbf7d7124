//! Verifies a file that the user downloaded, and links it into the workspace, or copies it from another file system. The user's
//! file is never moved or changed.

use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::identify::implausible;
use super::mismatch::Mismatch;
use super::walk::{Candidate, FoundFile};
use crate::claim::{Claim, claim};
use crate::digest::Digest;
use crate::disk;
use crate::event::Event;
use crate::known_files::KnownFiles;
use crate::manifest::Checksums;
use crate::plan::{AssetState, Item};
use crate::receipt::{Glance, Receipt, glance};
use base::error::{Error, Result};
use base::files::{self, Stat};
use base::progress::{Observer, ProgressTask};
use base::{cleanup, signals};

const BUFFER: usize = 1 << 20;
/// Maximum size of the end record of a zip: 22 bytes and a comment of at most 65,535.
const ZIP_END: u64 = 22 + 65_535;

/// A file to install, and what is known about it.
pub(super) struct Installation<'a> {
    pub candidate: &'a Candidate,
    pub item: &'a Item<'a>,
    /// Its hashes, if it was read already.
    pub hashes: Option<Checksums>,
    pub known: &'a KnownFiles,
    pub observer: &'a dyn Observer<Event>,
    pub task: &'a ProgressTask<'a, Event>,
}

/// Result of an installation.
pub(super) enum InstallResult {
    /// It was installed.
    Adopted(Receipt),
    /// Another process has installed the correct file meanwhile.
    Present,
    /// It is not the expected file; with the reason.
    Refused(Mismatch),
}

impl Installation<'_> {
    /// Claims the asset, hashes and checks the file, and installs it.
    ///
    /// # Errors
    /// Disk if there is no space; [`Error::io`] if files cannot be read or written.
    pub(crate) fn install(&self) -> Result<InstallResult> {
        let (item, name) = (self.item, &self.item.asset.name);
        let mut waiting = |by: &str| {
            let why = format!("{by} is working on it");
            self.observer.event(&Event::waiting(name, why, None));
        };
        let claim = claim(&item.paths.claim(), &mut waiting)?;
        let fits = |receipt: &Receipt| item.demands.size_mismatch(receipt.stat.size).is_none();
        if matches!(glance(&item.paths, &item.demands), Glance::Good(receipt) if fits(&receipt)) {
            return Ok(InstallResult::Present);
        }
        let adopted = match self.candidate.pieces.as_slice() {
            [one] if self.hashes.is_some() || !self.must_copy(one)? => self.link(one, &claim)?,
            _ => self.copy(&claim)?,
        };
        let (hashes, stat_of_source) = match adopted {
            Ok(adopted) => adopted,
            Err(why) => return Ok(InstallResult::Refused(why)),
        };
        let receipt = Receipt::new(item.paths.file(), hashes, &self.candidate.source())?;
        if stat_of_source.is_some_and(|stat| stat != receipt.stat) {
            return Err(changed(item.paths.file()));
        }
        receipt.write(&item.paths)?;
        Ok(InstallResult::Adopted(receipt))
    }

    /// Returns whether it is on another file system than the workspace, so that it is read and written in one pass. `false` if
    /// there is a partial download: the file is then read first, since a wrong one must not replace the partial download.
    fn must_copy(&self, one: &FoundFile) -> Result<bool> {
        let folder = files::create_folder_of(self.item.paths.file())?;
        let device = std::fs::metadata(folder).map_err(|error| Error::io("look at", folder, &error))?.dev();
        Ok(device != one.device && !matches!(self.item.state, AssetState::Partial(_)))
    }

    /// Links the file if it is correct; copies it if the file system has no hard links.
    fn link(&self, one: &FoundFile, claim: &Claim) -> Result<Result<(Checksums, Option<Stat>), Mismatch>> {
        let hashes = match &self.hashes {
            Some(hashes) => hashes.clone(),
            None => self.hash()?,
        };
        if let Some(why) = self.wrong(&hashes, &one.path)? {
            return Ok(Err(why));
        }
        self.make_room(claim)?;
        match std::fs::hard_link(&one.path, self.item.paths.file()) {
            Ok(()) => {
                self.forget_download()?;
                Ok(Ok((hashes, Some(one.stat))))
            }
            Err(_) => self.copy(claim),
        }
    }

    /// Reads the whole file and computes the demanded hashes.
    fn hash(&self) -> Result<Checksums> {
        hash(self.candidate, &self.item.demands.checksums, &mut |done| self.progress(done))
    }

    /// Copies all parts in order, and hashes them in the same pass.
    fn copy(&self, claim: &Claim) -> Result<Result<(Checksums, Option<Stat>), Mismatch>> {
        let (paths, size) = (&self.item.paths, self.candidate.size());
        if matches!(self.item.state, AssetState::Partial(_)) {
            let hashes = self.hash()?;
            if let Some(why) = self.contradiction(&hashes) {
                return Ok(Err(why));
            }
        }
        disk::require_space(&[(paths.file().to_owned(), size)])?;
        self.forget_download()?;
        let part = paths.part();
        files::create_folder_of(&part)?;
        let wrong = |error| Error::io("write", &part, &error);
        let mut out = files::create_own(&part).map_err(wrong)?;
        // A partial copy is useless: copying again is as fast as reading it.
        let half = part.clone();
        let _removed = cleanup::on_abrupt_exit(move || drop(std::fs::remove_file(half)));
        let mut digest = Digest::new(&self.item.demands.checksums, Some(size));
        let copied = read(self.candidate, &mut |bytes, done| {
            digest.update(bytes);
            self.progress(done);
            out.write_all(bytes).map_err(wrong)
        });
        let give_up = |error: Error| {
            let _ = std::fs::remove_file(&part);
            error
        };
        copied.and_then(|()| out.sync_all().map_err(wrong)).map_err(give_up)?;
        let hashes = digest.finish();
        if let Some(why) = self.wrong(&hashes, &part).map_err(give_up)? {
            std::fs::remove_file(&part).map_err(|error| Error::io("remove", &part, &error))?;
            return Ok(Err(why));
        }
        self.make_room(claim)?;
        files::rename_durably(&part, paths.file())?;
        Ok(Ok((hashes, None)))
    }

    /// Returns what is wrong with a file with these hashes, which can be read at `path`.
    fn wrong(&self, hashes: &Checksums, path: &Path) -> Result<Option<Mismatch>> {
        if let Some(why) = self.contradiction(hashes) {
            return Ok(Some(why));
        }
        let zip = self.item.asset.path.extension().is_some_and(|ending| ending == "zip");
        match zip && self.item.demands.checksums.is_empty() && !ends_like_a_zip(path)? {
            true => Ok(Some("it is not a complete zip archive: its end record is missing".into())),
            false => Ok(None),
        }
    }

    fn contradiction(&self, hashes: &Checksums) -> Option<Mismatch> {
        if self.item.demands.contradiction {
            return Some("its pinned sha256 differs from the published one: correct the lock file first".into());
        }
        let other = self.known.other(hashes, &self.item.asset.name).filter(|_| self.item.demands.checksums.is_empty());
        let differs = || {
            let size = implausible(self.item, self.candidate.size());
            size.or_else(|| contradicts(hashes, &self.item.demands.checksums)).map(Mismatch::from)
        };
        other.map(Mismatch::from).or_else(differs)
    }

    /// Moves a wrong file aside.
    fn make_room(&self, claim: &Claim) -> Result<()> {
        if !claim.still_mine() {
            return Err(Error::infra(format!("another process took over the work on `{}`", self.item.asset.name))
                .because("this one was suspended for too long, or its claim was removed")
                .next("run this again"));
        }
        let paths = &self.item.paths;
        files::create_folder_of(paths.file())?;
        if !paths.file().exists() {
            return Ok(());
        }
        let sha256 = match Receipt::read(paths) {
            Some(receipt) => receipt.sha256().to_owned(),
            None => files::sha256(paths.file())?,
        };
        let aside = paths.suspect(&sha256);
        std::fs::rename(paths.file(), &aside).map_err(|error| Error::io("write", &aside, &error))
    }

    /// Removes a partial download, which is no longer needed.
    fn forget_download(&self) -> Result<()> {
        for path in [self.item.paths.sidecar(), self.item.paths.part()] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", &path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn progress(&self, done: u64) {
        self.task.at(done, String::new);
    }
}

/// Returns how the hashes differ from the demanded ones; a missing hash is a difference.
pub(super) fn contradicts(hashes: &Checksums, demanded: &Checksums) -> Option<String> {
    let missing = || demanded.first_missing(hashes);
    demanded
        .mismatch(hashes)
        .or_else(|| missing().map(|(what, wanted)| format!("its {what} was not computed, it must be {wanted}")))
}

/// Hashes all parts together; `progress` receives the number of bytes read so far.
///
/// # Errors
/// [`Error::io`]; data if a part changes while it is read.
pub(super) fn hash(candidate: &Candidate, demanded: &Checksums, progress: &mut dyn FnMut(u64)) -> Result<Checksums> {
    let mut digest = Digest::new(demanded, Some(candidate.size()));
    read(candidate, &mut |bytes, done| {
        digest.update(bytes);
        progress(done);
        Ok(())
    })?;
    Ok(digest.finish())
}

/// Reads all parts; `take` receives each chunk and the number of bytes read so far, including the chunk.
fn read(candidate: &Candidate, take: &mut dyn FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
    let (mut buffer, mut done) = (vec![0; BUFFER], 0_u64);
    for piece in &candidate.pieces {
        let wrong = |error| Error::io("read", &piece.path, &error);
        let mut file = files::open_regular(&piece.path)?;
        let before = done;
        loop {
            signals::check()?;
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    done = done.saturating_add(count as u64);
                    take(&buffer[..count], done)?;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(wrong(error)),
            }
        }
        if Stat::of(&file.metadata().map_err(wrong)?) != piece.stat || done - before != piece.stat.size {
            return Err(changed(&piece.path));
        }
    }
    Ok(())
}

fn changed(path: &Path) -> Error {
    Error::data(format!("{} changed while it was read", path.display()))
        .next("wait until it is complete, then run this again")
}

fn ends_like_a_zip(path: &Path) -> Result<bool> {
    let wrong = |error| Error::io("read", path, &error);
    let mut file = files::open_regular(path)?;
    let size = file.metadata().map_err(wrong)?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(ZIP_END))).map_err(wrong)?;
    let mut tail = Vec::new();
    file.take(ZIP_END).read_to_end(&mut tail).map_err(wrong)?;
    Ok(memchr::memmem::find(&tail, b"PK\x05\x06").is_some())
}
