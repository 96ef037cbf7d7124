//! Cells of tables about assets, and sums of sizes.

use crate::lock::Trust;
use crate::manifest::Manifest;
use crate::plan::{AssetState, Item};
use base::format::{human_bytes, rounded_bytes};
use base::table::{Side, Table};

/// Returns the size of an asset, with how exactly it is known.
pub(super) fn size(item: &Item) -> String {
    let asset = item.asset;
    match (item.demands.size, asset.size_about, asset.size_max) {
        (Some(size), _, _) => human_bytes(size),
        (None, Some(about), _) => format!("about {}", rounded_bytes(about)),
        (None, None, Some(max)) => format!("at most {}", rounded_bytes(max)),
        (None, None, None) => "unknown".to_owned(),
    }
}

/// Returns the kind of its checksum or how far it can be trusted.
pub(super) fn checksum(item: &Item) -> &'static str {
    let published = &item.asset.checksums;
    match item.trust {
        Trust::Published if published.sha256.is_some() => "sha256",
        Trust::Published if published.git_blob.is_some() => "git blob",
        Trust::Published => "md5",
        trust => trust.name(),
    }
}

/// Returns the state of the file in the workspace.
pub(super) fn state(item: &Item) -> String {
    match &item.state {
        AssetState::Good => "verified".to_owned(),
        AssetState::Unverified => "not read yet".to_owned(),
        AssetState::Dropped | AssetState::Unpacked => "unpacked".to_owned(),
        AssetState::Wrong(_) => "WRONG".to_owned(),
        AssetState::Partial(bytes) => match item.demands.size.or(item.asset.likely_size()) {
            Some(size) if size >= *bytes => part_of(*bytes, size),
            _ => format!("{} so far", human_bytes(*bytes)),
        },
        AssetState::Missing if item.has_source() => "missing".to_owned(),
        AssetState::Missing => "by hand".to_owned(),
    }
}

/// Returns a text such as `3.2 of 17 GB`, with both units if they differ.
fn part_of(bytes: u64, size: u64) -> String {
    let (bytes, size) = (human_bytes(bytes), rounded_bytes(size));
    match (bytes.split_once(' '), size.split_once(' ')) {
        (Some((number, unit)), Some((_, same))) if unit == same => format!("{number} of {size}"),
        _ => format!("{bytes} of {size}"),
    }
}

/// Returns the host of a URL; the path of a file URL.
pub(super) fn host(url: &str) -> &str {
    match url.split_once("://") {
        Some(("file", path)) => path,
        Some((_, rest)) => rest.split('/').next().unwrap_or(rest),
        None => url,
    }
}

/// The total size of several assets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub files: usize,
    pub bytes: u64,
    /// Whether some of the sizes are rounded or bounds.
    pub rounded: bool,
    /// Number of unknown sizes.
    pub unknown: usize,
}

impl Sum {
    /// Adds a file of `bytes`, exactly or not; `None` for an unknown size.
    pub(crate) fn add(&mut self, bytes: Option<u64>, exact: bool) {
        self.files += 1;
        self.rounded |= !exact;
        match bytes {
            Some(bytes) => self.bytes = self.bytes.saturating_add(bytes),
            None => self.unknown += 1,
        }
    }

    /// Returns the total size of the complete files.
    pub(crate) fn of<'a>(items: impl IntoIterator<Item = &'a Item<'a>>) -> Self {
        let mut sum = Self::default();
        for item in items {
            sum.add(item.demands.size.or(item.asset.likely_size()), item.demands.size.is_some());
        }
        sum
    }

    /// Returns the total size of the missing bytes.
    pub(crate) fn remaining<'a>(items: impl IntoIterator<Item = &'a Item<'a>>) -> Self {
        let mut sum = Self::default();
        for item in items {
            sum.add(item.remaining(), item.demands.size.is_some());
        }
        sum
    }

    /// Returns a text such as `3 files, about 2.1 GB and 1 of unknown size`.
    pub(crate) fn text(&self) -> String {
        format!("{}, {}", count(self.files, "file"), self.size())
    }

    /// Returns a text such as `about 2.1 GB and 1 of unknown size`.
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

/// Returns a text such as `1 file` or `2 files`.
pub(super) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Returns a line with name and size for each group.
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
