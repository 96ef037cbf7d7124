//! The files of a claim: creates, reads and removes them.
//!
//! ```text
//! X.claim               the claim, which names its owner
//! X.claim.new-TOKEN     a new claim, before it is linked to its name
//! X.claim.break-TOKEN   the process that removes the claim (or .break file) with that token; works like a claim itself
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
/// Age in seconds, relative to the newest claim, from which companion files count as left by dead processes.
const LEFTOVER_AGE: i64 = 600;

/// The files of one claim, and when each was last seen to change.
#[derive(Debug, Clone)]
pub(super) struct Lockfile {
    path: PathBuf,
    watched: HashMap<PathBuf, (Stamp, Instant)>,
}

/// Inode, seconds and nanoseconds of a file; they change when it is touched or replaced.
type Stamp = (u64, i64, i64);

/// The content of a claim and its time stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LockRecord {
    owner: Option<Owner>,
    stamp: Stamp,
}

/// State of a claim, by its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LockState {
    Free,
    Live(LockRecord),
    Dead(LockRecord),
}

impl Lockfile {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), watched: HashMap::new() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the token of the current claim.
    pub(crate) fn token(&self) -> Option<String> {
        Some(LockRecord::read(&self.path).ok()??.owner?.token)
    }

    /// Reads a claim or breaker and decides whether its owner is alive.
    pub(crate) fn inspect(&mut self, path: &Path, silence: Duration) -> Result<LockState> {
        match LockRecord::read(path)? {
            None => {
                self.watched.remove(path);
                Ok(LockState::Free)
            }
            Some(seen) => Ok(match self.is_alive(path, &seen, silence, Instant::now()) {
                true => LockState::Live(seen),
                false => LockState::Dead(seen),
            }),
        }
    }

    pub(super) fn is_alive(&mut self, path: &Path, seen: &LockRecord, silence: Duration, now: Instant) -> bool {
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

    /// Creates a claim or breaker owned by this process; `None` if the file exists already. The folder is created for a claim
    /// only: a breaker is beside a present or former claim.
    pub(crate) fn create(&self, path: &Path) -> Result<Option<(String, File)>> {
        let fail = |error: std::io::Error| Error::io("create", path, &error);
        let folder = path.parent().filter(|folder| path == self.path && !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|error| Error::io("create the folder", folder, &error))?;
        }
        let owner = Owner::here();
        let text = serde_json::to_vec(&owner).map_err(|error| Error::bug("cannot write a claim").because(error))?;
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

    /// Removes the claim or breaker that was `seen` at `path`, and no other. Returns `false` if another process is removing it.
    pub(crate) fn remove(&mut self, path: &Path, seen: &LockRecord, silence: Duration) -> Result<bool> {
        let breaker = self.beside("break", &seen.name());
        loop {
            if let Some((token, _file)) = self.create(&breaker)? {
                let removed = unlink(path, |there| there.is(seen));
                unlink(&breaker, |there| there.token() == Some(&token))?;
                return removed.map(|()| true);
            }
            match self.inspect(&breaker, silence)? {
                LockState::Free => {}
                LockState::Live(_) => return Ok(false),
                // The process that was removing it died. The recursion has one level for each such process.
                LockState::Dead(dead) => {
                    if !self.remove(&breaker, &dead, silence)? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Releases this process's claim. If its file cannot be removed now, its time marks it as free.
    pub(crate) fn release(&self, file: &File, token: &str) {
        let free = Timestamps { last_access: omit(), last_modification: Timespec { tv_sec: 0, tv_nsec: 0 } };
        futimens(file, &free).ok();
        let breaker = self.beside("break", token);
        // An existing breaker belongs to a process that removes the claim, or to a dead one; the next process sees that the
        // claim is free. If no breaker can be created (a full disk), no other process can create one either.
        let made = self.create(&breaker);
        if !matches!(made, Ok(None)) {
            unlink(&self.path, |there| there.token() == Some(token)).ok();
        }
        if let Ok(Some((token, _file))) = made {
            unlink(&breaker, |there| there.token() == Some(&token)).ok();
        }
    }

    /// Removes files that dead processes left beside this claim; files that cannot be removed do no harm.
    pub(crate) fn sweep(&self, newest: &File) {
        let (Some(folder), Some(name)) = (self.path.parent(), self.path.file_name()) else { return };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let (Ok(entries), Ok(newest)) = (folder.read_dir(), newest.metadata()) else { return };
        let name = name.as_encoded_bytes();
        for entry in entries.flatten() {
            let found = entry.file_name();
            let Some(rest) = found.as_encoded_bytes().strip_prefix(name) else { continue };
            // Both times are from the server of the file system.
            let old = |there: Metadata| there.mtime() < newest.mtime().saturating_sub(LEFTOVER_AGE);
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

impl LockRecord {
    /// Reads the file at `path`; `None` if it is missing. Opening it makes network file systems ask their server again.
    fn read(path: &Path) -> Result<Option<Self>> {
        let fail = |error: std::io::Error| Error::io("read", path, &error);
        let mut text = Vec::new();
        let looked = files::open_nonblocking(path).and_then(|file| {
            let metadata = file.metadata()?;
            // Unreadable content counts as invalid.
            file.take(FILE_LIMIT).read_to_end(&mut text).ok();
            Ok(metadata)
        });
        let metadata = match looked {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => std::fs::metadata(path),
            looked => looked,
        };
        match metadata {
            // A pipe or device is never a claim: it has no owner to wait for.
            Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => {
                Err(files::not_a_file("read the claim", path, &metadata))
            }
            Ok(metadata) => Ok(Some(Self { owner: Owner::parse(&text), stamp: stamp(&metadata) })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            // Network file systems report this for a file that was just replaced.
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

    /// Returns whether it is the same claim, regardless of its time.
    fn is(&self, other: &Self) -> bool {
        match (self.token(), other.token()) {
            (Some(here), Some(there)) => here == there,
            (None, None) => self.stamp == other.stamp,
            _ => false,
        }
    }
}

impl fmt::Display for LockRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.owner {
            Some(owner) => owner.fmt(f),
            None => f.write_str("an unknown process (its claim cannot be read)"),
        }
    }
}

/// Updates the time of the claim, as a heartbeat.
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

/// Creates a new file with this content and syncs it, so that other processes see it complete.
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

/// Gives `new` a second name; returns `false` if the name is taken. A network file system may lose its answer and repeat the
/// request, and then report that the name is taken: the number of links tells by whom.
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

/// Returns whether the error means that the file system has no hard links.
fn no_links(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::EOPNOTSUPP | libc::ENOSYS | libc::EMLINK))
}

/// Removes a file if `the` accepts its record; a missing file is no error.
fn unlink(path: &Path, the: impl FnOnce(&LockRecord) -> bool) -> Result<()> {
    if !LockRecord::read(path)?.is_some_and(|there| the(&there)) {
        return Ok(());
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path, &error)),
        _ => Ok(()),
    }
}
