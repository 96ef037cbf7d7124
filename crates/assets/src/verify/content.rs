//! Reads a whole file and compares it with its checksums and its receipt.

use std::path::Path;
use std::time::Instant;

use super::report::{FileReport, FileState, tell};
use super::subject::Subject;
use crate::digest;
use crate::event::Event;
use crate::manifest::Checksums;
use crate::receipt::Receipt;
use base::error::{Error, Result};
use base::files::Stat;
use base::progress::{Observer, ProgressTask, TaskStart, Unit};

/// Reads a file, compares it, and updates its receipt.
pub(super) fn check_content(subject: &Subject, observer: &dyn Observer<Event>) -> FileReport {
    let start = Instant::now();
    let checked = compare(subject, observer).unwrap_or_else(|error| {
        let why = error.to_string().replace("\n ", ";");
        FileReport::new(FileState::Unreadable { why }, None, None)
    });
    tell(subject, &checked, start.elapsed().as_secs_f64(), observer);
    checked
}

fn compare(subject: &Subject, observer: &dyn Observer<Event>) -> Result<FileReport> {
    let (paths, name) = (&subject.paths, subject.name());
    let known = Receipt::read(paths);
    let first = known.is_none();
    let before = stat(paths.file())?;
    let source = paths.file().display().to_string();
    let total = Some(before.size);
    let task = ProgressTask::begin(observer, TaskStart::new(name, before.size, Unit::Bytes).doing("verify", source));
    let mut done = 0;
    let take = wanted(subject, known.as_ref());
    let hashes = digest::hash_file(paths.file(), &take, &mut |bytes| {
        done += bytes;
        task.at(done, String::new);
    })?;
    let source = known.as_ref().map_or("found in the workspace", |receipt| &receipt.source);
    let mut receipt = Receipt::new(paths.file(), hashes.clone(), source)?;
    let other = subject.is_other(&hashes);
    let wrong =
        other.or_else(|| receipt.contradicts(&subject.demands)).or_else(|| differs(subject, known.as_ref(), &receipt));
    let (state, keep) = match wrong {
        _ if receipt.stat != before => (FileState::Changed { why: "it changed while it was read".into() }, None),
        Some(why) => (FileState::Wrong { why }, known.map(Receipt::marked_wrong)),
        None => {
            receipt.dropped = None;
            (good(subject), Some(receipt))
        }
    };
    let kept = keep.map_or(Ok(()), |receipt| receipt.write(paths));
    let note = match kept {
        Err(error) => Some(format!("its receipt could not be written: {}", error.what())),
        Ok(()) if first && !subject.has_checksum() && state.is_good() => {
            Some("nothing was known about it: its current content is recorded".into())
        }
        Ok(()) => None,
    };
    Ok(FileReport { state, size: total, hashes: Some(hashes), read: done, note })
}

fn stat(path: &Path) -> Result<Stat> {
    let metadata = std::fs::metadata(path).map_err(|error| Error::io("look at", path, &error))?;
    match metadata.is_file() {
        true => Ok(Stat::of(&metadata)),
        false => Err(Error::data(format!("{} is not a regular file", path.display()))),
    }
}

/// Returns the kinds of hashes to compute: those demanded, and those computed before.
fn wanted(subject: &Subject, known: Option<&Receipt>) -> Checksums {
    let mut wanted = subject.demands.checksums.clone();
    let size = std::fs::metadata(subject.paths.file()).map_or(0, |data| data.len());
    let Checksums { md5, git_blob, .. } = subject.known.kinds(size);
    (wanted.md5, wanted.git_blob) = (wanted.md5.or(md5), wanted.git_blob.or(git_blob));
    if let Some(Receipt { hashes, .. }) = known {
        wanted.md5 = wanted.md5.or_else(|| hashes.md5.clone());
        wanted.git_blob = wanted.git_blob.or_else(|| hashes.git_blob.clone());
    }
    wanted
}

/// Returns how the file differs from its receipt, if no SHA-256 is demanded.
fn differs(subject: &Subject, known: Option<&Receipt>, now: &Receipt) -> Option<String> {
    let known = known.filter(|_| subject.demands.checksums.sha256.is_none())?;
    (known.sha256() != now.sha256())
        .then(|| format!("its sha256 is {}, not {} as on {}", now.sha256(), known.sha256(), known.verified))
}

/// Returns the state of a file that matches everything that is known about it.
pub(super) fn good(subject: &Subject) -> FileState {
    match subject.has_checksum() || subject.trust.is_none() {
        true => FileState::Good,
        false => FileState::GoodUnpinned,
    }
}

/// Returns why a file of this size is wrong; `None` if the size is possible.
pub(super) fn wrong_size(subject: &Subject, size: u64) -> Option<String> {
    let demands = &subject.demands;
    if demands.contradiction {
        return Some("its pinned sha256 differs from the published one: no file can match both".into());
    }
    demands.size_mismatch(size)
}

/// Checks the number of files in an unpacked folder; links are not followed.
pub(super) fn folder(path: &Path, expected: Option<u64>) -> FileReport {
    let (state, bytes) = match count(path) {
        Err(error) => (FileState::Unreadable { why: error.to_string() }, None),
        Ok((files, bytes)) => match expected.filter(|expected| *expected != files) {
            Some(expected) => (FileState::Wrong { why: format!("it has {files} files, not {expected}") }, Some(bytes)),
            None => (FileState::Good, Some(bytes)),
        },
    };
    let note = (state == FileState::Good).then(|| "its files were counted, not read".to_owned());
    FileReport { note, ..FileReport::new(state, bytes, None) }
}

fn count(path: &Path) -> std::io::Result<(u64, u64)> {
    let (mut folders, mut files, mut bytes) = (vec![path.to_owned()], 0, 0_u64);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir()? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                files += 1;
                bytes = bytes.saturating_add(metadata.len());
            }
        }
    }
    Ok((files, bytes))
}
