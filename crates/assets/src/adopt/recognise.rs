//! Which asset a file is: by its name, by its exact size, or by a checksum that is demanded.

use std::path::{Component, Path};

use super::walk::Candidate;
use crate::manifest::{Asset, Checksums};
use crate::plan::Item;

/// A smaller file is not known by its size alone.
const TELLING_SIZE: u64 = 1 << 20;

/// Which items a file may be, before it is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Guess {
    /// It has the name of these, in the folder that fits best.
    pub named: Vec<usize>,
    /// It could be one of these by its size, and a demanded checksum can tell.
    pub by_hash: Vec<usize>,
    /// Only this one has exactly its size, and nothing else is known of it.
    pub by_size: Option<usize>,
}

/// File names that an asset goes by: in the workspace, and where it comes from.
pub(super) fn names(asset: &Asset) -> impl Iterator<Item = String> + '_ {
    let here = asset.path.file_name().map(|name| name.to_string_lossy().into_owned());
    here.into_iter().chain(asset.urls.iter().filter_map(|url| url_path(url)).filter_map(|path| {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        (!name.is_empty()).then_some(name)
    }))
}

/// The path of a URL, unescaped.
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

/// Looks at name and size only.
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
    // Where nothing is known of the size, every file of the folder would have to be read.
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

/// How many folders above the file are called as in the workspace or at the source: `vqa/train.json` is not `gqa/train.json`.
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

/// Why a file of `size` bytes cannot be it.
pub(super) fn implausible(item: &Item, size: u64) -> Option<String> {
    item.demands.size_fault(size).or_else(|| (size == 0).then(|| "it is empty".to_owned()))
}

/// All kinds of checksums that are demanded of any of them.
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
