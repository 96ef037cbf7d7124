//! Hashes a file that a person downloaded and puts it into its place: linked where it lies on the same file system, else
//! copied. The person's file is never moved or changed.

use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::fault::Fault;
use super::recognise::implausible;
use super::walk::{Candidate, Found};
use crate::claim::{Claim, claim};
use crate::digest::Digest;
use crate::disk;
use crate::event::Event;
use crate::known::Known;
use crate::manifest::Checksums;
use crate::plan::{Item, State};
use crate::receipt::{Glance, Receipt, glance};
use base::error::{Error, Result};
use base::files::{self, Stat};
use base::progress::{Observer, ProgressTask};
use base::{cleanup, signals};

const BUFFER: usize = 1 << 20;
/// The end record of a zip has 22 bytes and a comment of at most 65,535.
const ZIP_END: u64 = 22 + 65_535;

/// How a file is to be brought, and what is known of it.
pub(super) struct Work<'a> {
    pub candidate: &'a Candidate,
    pub item: &'a Item<'a>,
    /// Its hashes, where it was read already.
    pub hashes: Option<Checksums>,
    pub known: &'a Known,
    pub observer: &'a dyn Observer<Event>,
    pub task: &'a ProgressTask<'a, Event>,
}

/// What became of it.
pub(super) enum Brought {
    /// It is in its place.
    Adopted(Receipt),
    /// Somebody else put the right file there meanwhile.
    Present,
    /// It is not the file that it should be: why.
    Refused(Fault),
}

impl Work<'_> {
    /// Claims the place, hashes the file, checks it, and puts it there.
    ///
    /// # Errors
    /// Disk where there is no room; what [`Error::io`] says where files cannot be read or written.
    pub(crate) fn bring(&self) -> Result<Brought> {
        let (item, name) = (self.item, &self.item.asset.name);
        let mut waiting = |by: &str| {
            let why = format!("{by} is at work on it");
            self.observer.event(&Event::waiting(name, why, None));
        };
        let claim = claim(&item.place.claim(), &mut waiting)?;
        let fits = |receipt: &Receipt| item.demands.size_fault(receipt.stat.size).is_none();
        if matches!(glance(&item.place, &item.demands), Glance::Good(receipt) if fits(&receipt)) {
            return Ok(Brought::Present);
        }
        let adopted = match self.candidate.pieces.as_slice() {
            [one] if self.hashes.is_some() || !self.must_copy(one)? => self.link(one, &claim)?,
            _ => self.copy(&claim)?,
        };
        let (hashes, stat_of_source) = match adopted {
            Ok(adopted) => adopted,
            Err(why) => return Ok(Brought::Refused(why)),
        };
        let receipt = Receipt::new(item.place.file(), hashes, &self.candidate.source())?;
        if stat_of_source.is_some_and(|stat| stat != receipt.stat) {
            return Err(changed(item.place.file()));
        }
        receipt.write(&item.place)?;
        Ok(Brought::Adopted(receipt))
    }

    /// Whether it lies on another file system than its place, so that it is read and written in one pass. Where a download
    /// has begun, the file is read first: a wrong one shall not cost what has arrived.
    fn must_copy(&self, one: &Found) -> Result<bool> {
        let folder = files::create_folder_of(self.item.place.file())?;
        let device = std::fs::metadata(folder).map_err(|error| Error::io("look at", folder, &error))?.dev();
        Ok(device != one.device && !matches!(self.item.state, State::Partial(_)))
    }

    /// Links the file to its place once it is known to be right; copies it where the file system has no such links.
    fn link(&self, one: &Found, claim: &Claim) -> Result<Result<(Checksums, Option<Stat>), Fault>> {
        let hashes = match &self.hashes {
            Some(hashes) => hashes.clone(),
            None => self.hash()?,
        };
        if let Some(why) = self.wrong(&hashes, &one.path)? {
            return Ok(Err(why));
        }
        self.make_room(claim)?;
        match std::fs::hard_link(&one.path, self.item.place.file()) {
            Ok(()) => {
                self.forget_download()?;
                Ok(Ok((hashes, Some(one.stat))))
            }
            Err(_) => self.copy(claim),
        }
    }

    /// Reads the whole file into the hashes that are demanded.
    fn hash(&self) -> Result<Checksums> {
        hash(self.candidate, &self.item.demands.checksums, &mut |done| self.progress(done))
    }

    /// Copies all pieces, one after the other, and hashes them on the way.
    fn copy(&self, claim: &Claim) -> Result<Result<(Checksums, Option<Stat>), Fault>> {
        let (place, size) = (&self.item.place, self.candidate.size());
        if matches!(self.item.state, State::Partial(_)) {
            let hashes = self.hash()?;
            if let Some(why) = self.contradiction(&hashes) {
                return Ok(Err(why));
            }
        }
        disk::demand(&[(place.file().to_owned(), size)])?;
        self.forget_download()?;
        let part = place.part();
        files::create_folder_of(&part)?;
        let wrong = |error| Error::io("write", &part, &error);
        let mut out = files::create_own(&part).map_err(wrong)?;
        // Half a copy is worth nothing: it is faster made anew than read again.
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
        files::rename_durably(&part, place.file())?;
        Ok(Ok((hashes, None)))
    }

    /// What is wrong with a file of these hashes, which can be read at `path`.
    fn wrong(&self, hashes: &Checksums, path: &Path) -> Result<Option<Fault>> {
        if let Some(why) = self.contradiction(hashes) {
            return Ok(Some(why));
        }
        let zip = self.item.asset.path.extension().is_some_and(|ending| ending == "zip");
        match zip && self.item.demands.checksums.is_empty() && !ends_like_a_zip(path)? {
            true => Ok(Some("it is no zip archive, or is cut off: its end record is missing".into())),
            false => Ok(None),
        }
    }

    fn contradiction(&self, hashes: &Checksums) -> Option<Fault> {
        if self.item.demands.contradiction {
            return Some("its pin contradicts its published sha256: correct the lock file first".into());
        }
        let other = self.known.other(hashes, &self.item.asset.name).filter(|_| self.item.demands.checksums.is_empty());
        let differs = || {
            let size = implausible(self.item, self.candidate.size());
            size.or_else(|| contradicts(hashes, &self.item.demands.checksums)).map(Fault::from)
        };
        other.map(Fault::from).or_else(differs)
    }

    /// Moves a file that is known to be wrong out of the way.
    fn make_room(&self, claim: &Claim) -> Result<()> {
        if !claim.still_mine() {
            return Err(Error::infra(format!("another process took over the work on `{}`", self.item.asset.name))
                .because("this one was silent for too long, or its claim was removed")
                .next("run this again"));
        }
        let place = &self.item.place;
        files::create_folder_of(place.file())?;
        if !place.file().exists() {
            return Ok(());
        }
        let sha256 = match Receipt::read(place) {
            Some(receipt) => receipt.sha256().to_owned(),
            None => files::sha256(place.file())?,
        };
        let aside = place.suspect(&sha256);
        std::fs::rename(place.file(), &aside).map_err(|error| Error::io("write", &aside, &error))
    }

    /// What a download has left is worth nothing beside the whole file.
    fn forget_download(&self) -> Result<()> {
        for path in [self.item.place.sidecar(), self.item.place.part()] {
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

/// What of the hashes is not as demanded; one that was not taken is not.
pub(super) fn contradicts(hashes: &Checksums, demanded: &Checksums) -> Option<String> {
    let missing = || demanded.not_taken(hashes);
    demanded
        .fault(hashes)
        .or_else(|| missing().map(|(what, wanted)| format!("its {what} was not taken, it should be {wanted}")))
}

/// Hashes of all pieces together; `progress` hears how many bytes were read so far.
///
/// # Errors
/// What [`Error::io`] says; data where a piece changes while it is read.
pub(super) fn hash(candidate: &Candidate, demanded: &Checksums, progress: &mut dyn FnMut(u64)) -> Result<Checksums> {
    let mut digest = Digest::new(demanded, Some(candidate.size()));
    read(candidate, &mut |bytes, done| {
        digest.update(bytes);
        progress(done);
        Ok(())
    })?;
    Ok(digest.finish())
}

/// Reads all pieces; `take` gets bytes and how many there were so far with them.
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
    Error::data(format!("{} changes while it is read", path.display()))
        .next("wait until it is whole, then run this again")
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
