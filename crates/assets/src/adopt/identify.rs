//! Finds the assets that a file may be, by its name, exact size or a demanded checksum.

use std::path::{Component, Path};

use super::walk::Candidate;
use crate::manifest::{Asset, Checksums};
use crate::plan::Item;

/// Minimum size of a file that can be identified by its size alone.
const TELLING_SIZE: u64 = 1 << 20;

/// Indices of the items that a file may be, before it is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Guess {
    /// Items with its name, in the best matching folder.
    pub named: Vec<usize>,
    /// Items with a possible size, for which a demanded checksum can decide.
    pub by_hash: Vec<usize>,
    /// The only item with exactly its size and no checksum.
    pub by_size: Option<usize>,
}

/// Returns the file names of an asset: in the workspace and at its sources.
pub(super) fn names(asset: &Asset) -> impl Iterator<Item = String> + '_ {
    let here = asset.path.file_name().map(|name| name.to_string_lossy().into_owned());
    here.into_iter().chain(asset.urls.iter().filter_map(|url| url_path(url)).filter_map(|path| {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        (!name.is_empty()).then_some(name)
    }))
}

/// Returns the unescaped path of a URL.
fn url_path(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    let bytes = url.path().as_bytes();
    let mut path = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        let escaped = match tail {
            [a, b, ..] if *first == b'%' => {
                std::str::from_utf8(&[*a, *b]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok())
            }
            _ => None,
        };
        path.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(path).ok()
}

/// Finds the items that a file may be, by its name and size.
pub(super) fn guess(candidate: &Candidate, items: &[&Item]) -> Guess {
    let size = candidate.size();
    let mut best = (0, Vec::new());
    for (index, item) in
        items.iter().enumerate().filter(|(_, item)| names(item.asset).any(|name| name == candidate.name))
    {
        let fit = fit(candidate.folder(), item.asset);
        if fit > best.0 {
            best = (fit, Vec::new());
        }
        if fit == best.0 {
            best.1.push(index);
        }
    }
    let others = || items.iter().enumerate().filter(|(index, _)| !best.1.contains(index));
    let demanded = |item: &Item| !item.demands.checksums.is_empty();
    // If nothing is known about the size, every file of the folder would have to be read.
    let sized = |item: &Item| item.demands.size.is_some() || item.asset.size_about.is_some();
    let by_hash = others().filter(|(_, item)| demanded(item) && sized(item) && implausible(item, size).is_none());
    let same_size: Vec<usize> = others()
        .filter(|(_, item)| !demanded(item) && item.demands.size == Some(size) && size >= TELLING_SIZE)
        .map(|(index, _)| index)
        .collect();
    let by_size = match same_size.as_slice() {
        [one] if best.1.is_empty() => Some(*one),
        _ => None,
    };
    Guess { by_hash: by_hash.map(|(index, _)| index).collect(), by_size, named: best.1 }
}

/// Returns the number of parent folders with the same names as in the workspace or at a source: `vqa/train.json` is not
/// `gqa/train.json`.
fn fit(folder: &Path, asset: &Asset) -> usize {
    let common = |of: &Path| {
        let parents = |path: &Path| -> Vec<String> {
            let plain = path.components().filter(|part| matches!(part, Component::Normal(_)));
            plain.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
        };
        let (here, there) = (parents(folder), parents(of.parent().unwrap_or(Path::new(""))));
        here.iter().rev().zip(there.iter().rev()).take_while(|(a, b)| a == b).count()
    };
    let urls = asset.urls.iter().filter_map(|url| url_path(url)).map(|path| common(Path::new(&path)));
    urls.chain(std::iter::once(common(&asset.path))).max().unwrap_or(0)
}

/// Returns why a file of `size` bytes cannot be this item; `None` if the size is possible.
pub(super) fn implausible(item: &Item, size: u64) -> Option<String> {
    item.demands.size_mismatch(size).or_else(|| (size == 0).then(|| "it is empty".to_owned()))
}

/// Returns checksums of all kinds that any of the items demands.
pub(super) fn kinds<'a>(items: impl IntoIterator<Item = &'a Item<'a>>) -> Checksums {
    let mut all = Checksums::default();
    for item in items {
        let demanded = item.demands.checksums.clone();
        all.sha256 = all.sha256.or(demanded.sha256);
        all.md5 = all.md5.or(demanded.md5);
        all.git_blob = all.git_blob.or(demanded.git_blob);
    }
    all
}
