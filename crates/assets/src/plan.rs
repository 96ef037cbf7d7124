//! The state of each asset in the workspace, without using the network or reading a file.

use std::path::Path;

use super::lock::{Demands, Lock, Trust};
use super::manifest::Asset;
use super::paths::AssetPaths;
use super::receipt::{Glance, Receipt, glance};

/// An asset and its state in the workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Item<'a> {
    /// The asset.
    pub asset: &'a Asset,
    /// Its paths in the workspace.
    pub paths: AssetPaths,
    /// Size and checksums that it must match.
    pub demands: Demands,
    /// How far its checksum can be trusted.
    pub trust: Trust,
    /// State of the file.
    pub state: AssetState,
}

/// State of an asset in the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssetState {
    /// Complete and verified.
    Good,
    /// Complete, but it must be read to verify it.
    Unverified,
    /// Present, but wrong; with the reason.
    Wrong(String),
    /// An archive that was removed after everything in it had been unpacked; the unpacked files are present.
    Dropped,
    /// A missing archive whose unpacked files are all present and verified, for example because the user downloaded them
    /// instead.
    Unpacked,
    /// Incomplete; with the number of bytes that have arrived.
    Partial(u64),
    /// Missing.
    Missing,
}

impl<'a> Item<'a> {
    /// Returns the state of an asset.
    pub fn of(asset: &'a Asset, lock: &Lock, workspace: &Path) -> Self {
        let paths = AssetPaths::new(workspace, &asset.name, &asset.path);
        let demands = lock.demands(asset);
        let state = match glance(&paths, &demands) {
            // An earlier version of this program may have accepted it without these bounds.
            Glance::Good(receipt) => {
                demands.size_mismatch(receipt.stat.size).map_or(AssetState::Good, AssetState::Wrong)
            }
            Glance::Unknown | Glance::Changed(_) => AssetState::Unverified,
            Glance::Wrong(_, why) => AssetState::Wrong(why),
            Glance::Missing if is_dropped(asset, &paths, &demands, workspace) => AssetState::Dropped,
            Glance::Missing => match std::fs::metadata(paths.part()) {
                Ok(part) if part.len() > 0 => AssetState::Partial(part.len()),
                _ if is_unpacked(asset, workspace) => AssetState::Unpacked,
                _ => AssetState::Missing,
            },
        };
        let trust = match state {
            // The checksum of the archive says nothing about files that did not come from it.
            AssetState::Unpacked if asset.unpack.iter().all(|unpack| unpack.sha256.is_some()) => Trust::Published,
            AssetState::Unpacked => Trust::Unpinned,
            _ => lock.trust(asset),
        };
        Self { asset, paths, demands, trust, state }
    }

    /// Returns the number of missing bytes; 0 if it is present, `None` if unknown.
    pub fn remaining(&self) -> Option<u64> {
        let size = self.demands.size.or(self.asset.likely_size());
        match self.state {
            AssetState::Good | AssetState::Unverified | AssetState::Dropped | AssetState::Unpacked => Some(0),
            AssetState::Partial(bytes) => size.map(|size| size.saturating_sub(bytes)),
            AssetState::Wrong(_) | AssetState::Missing => size,
        }
    }

    /// Returns whether nothing needs to be fetched.
    pub fn is_there(&self) -> bool {
        matches!(self.state, AssetState::Good | AssetState::Unverified | AssetState::Dropped | AssetState::Unpacked)
    }

    /// Returns whether this program can fetch it.
    pub fn has_source(&self) -> bool {
        !self.asset.urls.is_empty()
    }
}

/// Returns whether a missing archive was removed on purpose: its receipt says so and matches the demands, and all unpacked
/// files are present.
fn is_dropped(asset: &Asset, paths: &AssetPaths, demands: &Demands, workspace: &Path) -> bool {
    let noted = Receipt::read(paths).is_some_and(|receipt| {
        receipt.dropped.is_some() && receipt.contradicts(demands).is_none() && receipt.is_enough(demands)
    });
    noted
        && !asset.unpack.is_empty()
        && asset.unpack.iter().all(|unpack| {
            let demands = Demands::of_member(asset, unpack);
            !matches!(
                glance(&AssetPaths::unpacked(workspace, asset, unpack), &demands),
                Glance::Missing | Glance::Wrong(..)
            )
        })
}

/// Returns whether all unpacked files of an archive are present and verified. `false` for folders: whether one is complete is
/// unknown.
fn is_unpacked(asset: &Asset, workspace: &Path) -> bool {
    !asset.unpack.is_empty()
        && asset.unpack.iter().all(|unpack| {
            let demands = Demands::of_member(asset, unpack);
            let paths = AssetPaths::unpacked(workspace, asset, unpack);
            let fits = |receipt: &Receipt| demands.size_mismatch(receipt.stat.size).is_none();
            !unpack.folder && matches!(glance(&paths, &demands), Glance::Good(receipt) if fits(&receipt))
        })
}

/// Returns the states of assets, in their order.
pub fn plan<'a>(assets: &[&'a Asset], lock: &Lock, workspace: &Path) -> Vec<Item<'a>> {
    assets.iter().map(|asset| Item::of(asset, lock, workspace)).collect()
}
