//! The files of a claim: how they are made, looked at and removed.
//!
//! ```text
//! X.claim               the claim: who is at work
//! X.claim.new-TOKEN     a claim before it has its name
//! X.claim.break-TOKEN   who is removing the claim (or the .break file) of that token; itself made and judged like a claim
//! ```

use std::collections::HashMap;
use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};

use base::error::{Error, Result};
use base::files;
use base::process::{Liveness, Owner};

const FILE_LIMIT: u64 = 4096;
/// Files of claims that are older than the newest claim by so many seconds were left by processes that died.
const LEFTOVER: i64 = 600;

/// One claim's files, and when each was last seen to change.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    path: PathBuf,
    watched: HashMap<PathBuf, (Stamp, Instant)>,
}

/// What tells that a file was touched or replaced: inode, seconds, nanoseconds.
type Stamp = (u64, i64, i64);

/// A claim that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    owner: Option<Owner>,
    stamp: Stamp,
}

/// What a look at a claim shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sight {
    Nothing,
    Living(Seen),
    Dead(Seen),
}

impl Ground {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), watched: HashMap::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Token of the claim that is there.
    pub(crate) fn token(&self) -> Option<String> {
        Some(Seen::read(&self.path).ok()??.owner?.token)
    }

    /// Looks at a claim or breaker and judges its owner.
    pub(crate) fn look(&mut self, path: &Path, silence: Duration) -> Result<Sight> {
        match Seen::read(path)? {
            None => {
                self.watched.remove(path);
                Ok(Sight::Nothing)
            }
            Some(seen) => Ok(match self.lives(path, &seen, silence, Instant::now()) {
                true => Sight::Living(seen),
                false => Sight::Dead(seen),
            }),
        }
    }

    pub(super) fn lives(&mut self, path: &Path, seen: &Seen, silence: Duration, now: Instant) -> bool {
        if seen.stamp.1 == 0 {
            return false;
        }
        match seen.owner.as_ref().map_or(Liveness::Unknown, Owner::liveness) {
            Liveness::Alive => true,
            Liveness::Dead => false,
            Liveness::Unknown => match self.watched.get(path) {
                Some((stamp, since)) if *stamp == seen.stamp => now.saturating_duration_since(*since) < silence,
                _ => {
                    self.watched.insert(path.to_owned(), (seen.stamp, now));
                    true
                }
            },
        }
    }

    /// Makes a claim or breaker in this process's name; `None` where the file is there already. The folder is made for a claim only: a
    /// breaker is made where a claim is, or was.
    pub(crate) fn create(&self, path: &Path) -> Result<Option<(String, File)>> {
        let fail = |error: std::io::Error| Error::io("create", path, &error);
        let folder = path.parent().filter(|folder| path == self.path && !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, &error))?;
        }
        let owner = Owner::here();
        let text =
            serde_json::to_vec(&owner).map_err(|error| Error::bug("a claim cannot be written").because(error))?;
        let new = self.beside("new", &owner.token);
        let made = exclusive(&new, &text).and_then(|file| Ok(link(&new, path, &file)?.then_some(file)));
        std::fs::remove_file(&new).ok();
        let made = match made {
            Err(error) if no_links(&error) => match exclusive(path, &text) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => None,
                made => Some(made.map_err(fail)?),
            },
            made => made.map_err(fail)?,
        };
        Ok(made.map(|file| (owner.token, file)))
    }

    /// Removes the claim or breaker that was `seen` at `path`, and no other. Whether it is gone; `false` where another process is removing it.
    pub(crate) fn remove(&mut self, path: &Path, seen: &Seen, silence: Duration) -> Result<bool> {
        let breaker = self.beside("break", &seen.name());
        loop {
            if let Some((token, _file)) = self.create(&breaker)? {
                let removed = unlink(path, |there| there.is(seen));
                unlink(&breaker, |there| there.token() == Some(&token))?;
                return removed.map(|()| true);
            }
            match self.look(&breaker, silence)? {
                Sight::Nothing => {}
                Sight::Living(_) => return Ok(false),
                // Whoever was removing it died. Ends: one turn deeper for each process that died while removing.
                Sight::Dead(dead) => {
                    if !self.remove(&breaker, &dead, silence)? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Gives up one's own claim. Where it cannot be removed now, its time says that it is free.
    pub(crate) fn release(&self, file: &File, token: &str) {
        let free = Timestamps { last_access: omit(), last_modification: Timespec { tv_sec: 0, tv_nsec: 0 } };
        futimens(file, &free).ok();
        let breaker = self.beside("break", token);
        // One that is there belongs to somebody who removes the claim, or to a dead one, and the next to come sees that the claim is free.
        // Where none can be made (a full disk), nobody else can make one either.
        let made = self.create(&breaker);
        if !matches!(made, Ok(None)) {
            unlink(&self.path, |there| there.token() == Some(token)).ok();
        }
        if let Ok(Some((token, _file))) = made {
            unlink(&breaker, |there| there.token() == Some(&token)).ok();
        }
    }

    /// Removes what processes that died have left beside this claim; what cannot be removed does no harm.
    pub(crate) fn sweep(&self, newest: &File) {
        let (Some(folder), Some(name)) = (self.path.parent(), self.path.file_name()) else { return };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let (Ok(entries), Ok(newest)) = (folder.read_dir(), newest.metadata()) else { return };
        let name = name.as_encoded_bytes();
        for entry in entries.flatten() {
            let found = entry.file_name();
            let Some(rest) = found.as_encoded_bytes().strip_prefix(name) else { continue };
            // Both times come from the server of the file system.
            let old = |there: Metadata| there.mtime() < newest.mtime().saturating_sub(LEFTOVER);
            if (rest.starts_with(b".new-") || rest.starts_with(b".break-")) && entry.metadata().is_ok_and(old) {
                std::fs::remove_file(entry.path()).ok();
            }
        }
    }

    fn beside(&self, what: &str, token: &str) -> PathBuf {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{what}-{token}"));
        name.into()
    }
}

impl Seen {
    /// The file at `path`. Opening it makes network file systems ask their server anew.
    fn read(path: &Path) -> Result<Option<Self>> {
        let fail = |error: std::io::Error| Error::io("read", path, &error);
        let mut text = Vec::new();
        let looked = files::open_nonblocking(path).and_then(|file| {
            let metadata = file.metadata()?;
            // What cannot be read counts as garbage.
            file.take(FILE_LIMIT).read_to_end(&mut text).ok();
            Ok(metadata)
        });
        let metadata = match looked {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => std::fs::metadata(path),
            looked => looked,
        };
        match metadata {
            // Nobody claims with a pipe or a device: waiting for its owner would be for nothing.
            Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => {
                Err(files::not_a_file("read the claim", path, &metadata))
            }
            Ok(metadata) => Ok(Some(Self { owner: Owner::parse(&text), stamp: stamp(&metadata) })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            // A network file system's word for a file that was just replaced.
            Err(error) if error.raw_os_error() == Some(libc::ESTALE) => Ok(None),
            Err(error) => Err(fail(error)),
        }
    }

    fn token(&self) -> Option<&str> {
        self.owner.as_ref().map(|owner| owner.token.as_str())
    }

    fn name(&self) -> String {
        self.token().map_or_else(|| format!("unknown-{}", self.stamp.0), str::to_owned)
    }

    /// Whether it is the same claim, touched since or not.
    fn is(&self, other: &Self) -> bool {
        match (self.token(), other.token()) {
            (Some(here), Some(there)) => here == there,
            (None, None) => self.stamp == other.stamp,
            _ => false,
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.owner {
            Some(owner) => owner.fmt(f),
            None => f.write_str("an unknown process (its claim cannot be read)"),
        }
    }
}

/// Shows that the owner lives.
pub(super) fn touch(file: &File) -> std::io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    Ok(futimens(file, &Timestamps { last_access: omit(), last_modification: now })?)
}

fn omit() -> Timespec {
    Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }
}

fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.ino(), metadata.mtime(), metadata.mtime_nsec())
}

/// A new file with this content, which is on disk: others see it whole.
fn exclusive(path: &Path, text: &[u8]) -> std::io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let written = file.write_all(text).and_then(|()| file.sync_data());
    match written {
        Ok(()) => Ok(file),
        Err(error) => {
            std::fs::remove_file(path).ok();
            Err(error)
        }
    }
}

/// Gives `new` a second name; whether it got it. The answer of a network file system may be lost and the request repeated: then it says
/// that the name is taken, and only the number of names tells by whom.
fn link(new: &Path, name: &Path, file: &File) -> std::io::Result<bool> {
    match std::fs::hard_link(new, name) {
        Ok(()) => Ok(true),
        Err(error) if no_links(&error) => Err(error),
        Err(error) => match file.metadata() {
            Ok(metadata) if metadata.nlink() == 2 => Ok(true),
            _ if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            _ => Err(error),
        },
    }
}

/// Whether a file system says that it knows no hard links.
fn no_links(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::EOPNOTSUPP | libc::ENOSYS | libc::EMLINK))
}

/// Removes a file if it is `the` one; one that is not there is fine.
fn unlink(path: &Path, the: impl FnOnce(&Seen) -> bool) -> Result<()> {
    if !Seen::read(path)?.is_some_and(|there| the(&there)) {
        return Ok(());
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, &error)),
        _ => Ok(()),
    }
}
