//! What is said of an asset in a word or two.

use crate::lock::Trust;
use crate::manifest::Manifest;
use crate::plan::{Item, State};
use base::format::{human_bytes, rounded_bytes};
use base::table::{Side, Table};

/// Its size, and how exactly it is known.
pub(super) fn size(item: &Item) -> String {
    let asset = item.asset;
    match (item.demands.size, asset.size_about, asset.size_max) {
        (Some(size), _, _) => human_bytes(size),
        (None, Some(about), _) => format!("about {}", rounded_bytes(about)),
        (None, None, Some(max)) => format!("at most {}", rounded_bytes(max)),
        (None, None, None) => "unknown".to_owned(),
    }
}

/// What its checksum rests on.
pub(super) fn checksum(item: &Item) -> &'static str {
    let published = &item.asset.checksums;
    match item.trust {
        Trust::Published if published.sha256.is_some() => "sha256",
        Trust::Published if published.git_blob.is_some() => "git blob",
        Trust::Published => "md5",
        trust => trust.name(),
    }
}

/// What is there.
pub(super) fn here(item: &Item) -> String {
    match &item.state {
        State::Good => "verified".to_owned(),
        State::Unverified => "not read yet".to_owned(),
        State::Dropped | State::Unpacked => "unpacked".to_owned(),
        State::Wrong(_) => "WRONG".to_owned(),
        State::Partial(bytes) => match item.demands.size.or(item.asset.likely_size()) {
            Some(size) if size >= *bytes => part_of(*bytes, size),
            _ => format!("{} so far", human_bytes(*bytes)),
        },
        State::Missing if item.has_source() => "missing".to_owned(),
        State::Missing => "by hand".to_owned(),
    }
}

/// `3.2 of 17 GB`, or with both units where they differ.
fn part_of(bytes: u64, size: u64) -> String {
    let (bytes, size) = (human_bytes(bytes), rounded_bytes(size));
    match (bytes.split_once(' '), size.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number} of {size}"),
        _ => format!("{bytes} of {size}"),
    }
}

/// The host of a URL, or that it is on this machine.
pub(super) fn host(url: &str) -> &str {
    match url.split_once("://") {
        Some(("file", path)) => path,
        Some((_, rest)) => rest.split('/').next().unwrap_or(rest),
        None => url,
    }
}

/// Bytes of many assets together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub files: usize,
    pub bytes: u64,
    /// Some of the sizes are rounded or bounds.
    pub rounded: bool,
    /// So many sizes are unknown.
    pub unknown: usize,
}

impl Sum {
    /// With one more file of `bytes`, exactly or not.
    pub(crate) fn add(&mut self, bytes: Option<u64>, exact: bool) {
        self.files += 1;
        self.rounded |= !exact;
        match bytes {
            Some(bytes) => self.bytes = self.bytes.saturating_add(bytes),
            None => self.unknown += 1,
        }
    }

    /// Of all items, as they are when whole.
    pub(crate) fn of<'a>(items: impl IntoIterator<Item = &'a Item<'a>>) -> Self {
        let mut sum = Self::default();
        for item in items {
            sum.add(item.demands.size.or(item.asset.likely_size()), item.demands.size.is_some());
        }
        sum
    }

    /// What is still to come of all items.
    pub(crate) fn remaining<'a>(items: impl IntoIterator<Item = &'a Item<'a>>) -> Self {
        let mut sum = Self::default();
        for item in items {
            sum.add(item.remaining(), item.demands.size.is_some());
        }
        sum
    }

    /// `3 files, about 2.1 GB, and 1 of unknown size`.
    pub(crate) fn text(&self) -> String {
        format!("{}, {}", count(self.files, "file"), self.size())
    }

    /// `about 2.1 GB and 1 of unknown size`.
    pub(crate) fn size(&self) -> String {
        let known = match self.rounded {
            true => format!("about {}", rounded_bytes(self.bytes)),
            false => human_bytes(self.bytes),
        };
        match self.unknown {
            0 => known,
            n if n == self.files => "size unknown".to_owned(),
            n => format!("{known} and {n} of unknown size"),
        }
    }
}

/// `1 file`, `2 files`.
pub(super) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// One line for each group with its size: what to choose from.
pub fn groups(manifest: &Manifest) -> String {
    let mut rows = Vec::new();
    for group in &manifest.groups {
        let mut sum = Sum::default();
        for asset in manifest.assets.iter().filter(|asset| asset.groups.contains(&group.name)) {
            sum.add(asset.likely_size(), asset.size.is_some());
        }
        rows.push(vec![format!("--task {}", group.name), sum.text(), group.title.clone()]);
    }
    let (table, mut out) = (Table::new(2, &[Side::Left, Side::Left], &rows), String::new());
    rows.iter().for_each(|cells| table.row(&mut out, cells));
    out.trim_end().to_owned()
}
