//! Verifies subjects in parallel, as deep as is asked.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use super::checked::tell;
use super::{Checked, State, Subject, read};
use crate::event::Event;
use crate::receipt::{Glance, Receipt, glance};
use base::error::{Error, Result};
use base::files::Stat;
use base::format::human_bytes;
use base::progress::Observer;

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// At sizes, times and what was recorded; no file is read.
    Fast,
    /// As [`Fast`](Self::Fast); what that cannot vouch for is read.
    AsNeeded,
    /// Every file is read whole.
    Full,
}

/// Looks at all subjects, reading up to `jobs` files at a time, the largest first; what is found is in the order of the subjects. Receipts of
/// files that were read and found right are written anew; a file found wrong loses the word of its receipt until it is read again.
///
/// # Errors
/// None but a bug: what is wrong with a file is no error here.
pub fn verify(subjects: &[Subject], depth: Depth, jobs: usize, observer: &dyn Observer<Event>) -> Result<Vec<Checked>> {
    let mut found: Vec<Option<Checked>> = subjects.iter().map(|subject| look(subject, depth)).collect();
    for (subject, checked) in subjects.iter().zip(&found) {
        if let Some(checked) = checked {
            tell(subject, checked, 0.0, observer);
        }
    }
    let mut open: Vec<usize> = (0..subjects.len()).filter(|&index| found[index].is_none()).collect();
    open.sort_by_key(|&index| {
        let size = std::fs::metadata(subjects[index].place.file()).map_or(0, |data| data.len());
        (std::cmp::Reverse(size), index)
    });
    let (next, read) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(open.len())));
    let work = || {
        while let Some(&index) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
            let checked = read::read(&subjects[index], observer);
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
        // Fewer threads than asked for do the same work.
        started.ok();
        work();
    });
    for (index, checked) in read.into_inner().unwrap_or_default() {
        found[index] = Some(checked);
    }
    let all: Option<Vec<Checked>> = found.into_iter().collect();
    all.ok_or_else(|| Error::bug("a file was not verified"))
}

/// What can be said without reading; `None` where the file must be read.
pub(super) fn look(subject: &Subject, depth: Depth) -> Option<Checked> {
    let place = &subject.place;
    let size = std::fs::metadata(place.file()).ok().map(|data| data.len());
    if let (Some(files), Some(_)) = (subject.folder, size) {
        return Some(read::folder(place.file(), files));
    }
    let plain = |state| Some(Checked::new(state, size, None));
    let seen = glance(place, &subject.demands);
    match seen {
        Glance::Missing if place.file().symlink_metadata().is_ok() => {
            return plain(State::Unreadable { why: "it is a link to nothing".into() });
        }
        Glance::Missing => {
            if Receipt::read(place).is_some_and(|receipt| receipt.dropped.is_some()) {
                return plain(State::Dropped);
            }
            let part = std::fs::metadata(place.part()).map_or(0, |part| part.len());
            let note = (part > 0).then(|| format!("{} of it have arrived", human_bytes(part)));
            return Some(Checked { note, ..Checked::new(State::Missing, None, None) });
        }
        _ => {}
    }
    let size_of_another = depth == Depth::Full && subject.known.has_size(size.unwrap_or(0));
    if let Some(why) = read::wrong_size(subject, size.unwrap_or(0)).filter(|_| !size_of_another) {
        return plain(State::Wrong { why });
    }
    match (seen, depth) {
        (_, Depth::Full) => None,
        (Glance::Good(receipt), _) => {
            if let Some(why) = subject.is_other(&receipt.hashes) {
                return Some(Checked::new(State::Wrong { why }, size, Some(receipt.hashes)));
            }
            let state = read::good(subject);
            Some(Checked::new(state, size, Some(receipt.hashes)))
        }
        (Glance::Wrong(receipt, why), Depth::Fast) => {
            Some(Checked::new(State::Wrong { why }, size, Some(receipt.hashes)))
        }
        (Glance::Changed(receipt), Depth::Fast) => plain(State::Changed { why: change(subject, &receipt) }),
        (_, Depth::Fast) => plain(State::Unverified),
        (_, Depth::AsNeeded) => None,
    }
}

fn change(subject: &Subject, receipt: &Receipt) -> String {
    let now = std::fs::metadata(subject.place.file()).map(|data| Stat::of(&data));
    match now {
        Ok(now) if now.size != receipt.stat.size && receipt.is_trusted() => {
            format!("it had {} bytes when it was verified, now {}", receipt.stat.size, now.size)
        }
        _ if !receipt.is_trusted() => "it was found wrong when it was last read".into(),
        _ => "it was written or replaced after it was verified".into(),
    }
}
