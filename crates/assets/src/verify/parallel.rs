//! Verifies files in parallel, with or without reading them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use super::report::tell;
use super::{FileReport, FileState, Subject, content};
use crate::event::Event;
use crate::receipt::{Glance, Receipt, glance};
use base::error::{Error, Result};
use base::files::Stat;
use base::format::human_bytes;
use base::progress::Observer;

/// Depth of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Checks sizes, times and receipts; reads no file.
    Fast,
    /// Like [`Fast`](Self::Fast), but reads the files for which that is not enough.
    AsNeeded,
    /// Reads every file completely.
    Full,
}

/// Verifies all subjects and returns the reports in their order. Reads up to `jobs` files at a time, the largest first.
/// Updates the receipts of correct files, and marks those of wrong files, which then must be read again.
///
/// # Errors
/// Only bugs: a wrong file is not an error here.
pub fn verify(
    subjects: &[Subject],
    depth: Depth,
    jobs: usize,
    observer: &dyn Observer<Event>,
) -> Result<Vec<FileReport>> {
    let mut found: Vec<Option<FileReport>> = subjects.iter().map(|subject| look(subject, depth)).collect();
    for (subject, checked) in subjects.iter().zip(&found) {
        if let Some(checked) = checked {
            tell(subject, checked, 0.0, observer);
        }
    }
    let mut open: Vec<usize> = (0..subjects.len()).filter(|&index| found[index].is_none()).collect();
    open.sort_by_key(|&index| {
        let size = std::fs::metadata(subjects[index].paths.file()).map_or(0, |data| data.len());
        (std::cmp::Reverse(size), index)
    });
    let (next, read) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(open.len())));
    let work = || {
        while let Some(&index) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
            let checked = content::check_content(&subjects[index], observer);
            if let Ok(mut read) = read.lock() {
                read.push((index, checked));
            }
        }
    };
    std::thread::scope(|scope| {
        let more = jobs.min(open.len()).saturating_sub(1);
        let started = (0..more).try_for_each(|number| {
            let thread = std::thread::Builder::new().name(format!("verify {number}"));
            thread.spawn_scoped(scope, work).map(|_| ())
        });
        // If a thread cannot be started, fewer threads do the same work.
        started.ok();
        work();
    });
    for (index, checked) in read.into_inner().unwrap_or_default() {
        found[index] = Some(checked);
    }
    let all: Option<Vec<FileReport>> = found.into_iter().collect();
    all.ok_or_else(|| Error::bug("a file was not verified"))
}

/// Returns the report of a file without reading it; `None` if it must be read.
pub(super) fn look(subject: &Subject, depth: Depth) -> Option<FileReport> {
    let paths = &subject.paths;
    let size = std::fs::metadata(paths.file()).ok().map(|data| data.len());
    if let (Some(files), Some(_)) = (subject.folder, size) {
        return Some(content::folder(paths.file(), files));
    }
    let plain = |state| Some(FileReport::new(state, size, None));
    let seen = glance(paths, &subject.demands);
    match seen {
        Glance::Missing if paths.file().symlink_metadata().is_ok() => {
            return plain(FileState::Unreadable { why: "it is a dangling link".into() });
        }
        Glance::Missing => {
            if Receipt::read(paths).is_some_and(|receipt| receipt.dropped.is_some()) {
                return plain(FileState::Dropped);
            }
            let part = std::fs::metadata(paths.part()).map_or(0, |part| part.len());
            let note = (part > 0).then(|| format!("{} of it have arrived so far", human_bytes(part)));
            return Some(FileReport { note, ..FileReport::new(FileState::Missing, None, None) });
        }
        _ => {}
    }
    let size_of_another = depth == Depth::Full && subject.known.has_size(size.unwrap_or(0));
    if let Some(why) = content::wrong_size(subject, size.unwrap_or(0)).filter(|_| !size_of_another) {
        return plain(FileState::Wrong { why });
    }
    match (seen, depth) {
        (_, Depth::Full) => None,
        (Glance::Good(receipt), _) => {
            if let Some(why) = subject.is_other(&receipt.hashes) {
                return Some(FileReport::new(FileState::Wrong { why }, size, Some(receipt.hashes)));
            }
            let state = content::good(subject);
            Some(FileReport::new(state, size, Some(receipt.hashes)))
        }
        (Glance::Wrong(receipt, why), Depth::Fast) => {
            Some(FileReport::new(FileState::Wrong { why }, size, Some(receipt.hashes)))
        }
        (Glance::Changed(receipt), Depth::Fast) => plain(FileState::Changed { why: change(subject, &receipt) }),
        (_, Depth::Fast) => plain(FileState::Unverified),
        (_, Depth::AsNeeded) => None,
    }
}

fn change(subject: &Subject, receipt: &Receipt) -> String {
    let now = std::fs::metadata(subject.paths.file()).map(|data| Stat::of(&data));
    match now {
        Ok(now) if now.size != receipt.stat.size && receipt.is_trusted() => {
            format!("it had {} bytes when it was verified, now {}", receipt.stat.size, now.size)
        }
        _ if !receipt.is_trusted() => "it was wrong when it was last read".into(),
        _ => "it was changed or replaced after it was verified".into(),
    }
}
