//! What is there of each asset and what is still to come, without a network and without reading a file.

use std::path::Path;

use super::lock::{Demands, Lock, Trust};
use super::manifest::Asset;
use super::place::Place;
use super::receipt::{Glance, Receipt, glance};

/// One asset as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Item<'a> {
    /// The asset.
    pub asset: &'a Asset,
    /// Where it goes.
    pub place: Place,
    /// What it must match.
    pub demands: Demands,
    /// How much stands behind that.
    pub trust: Trust,
    /// What is there.
    pub state: State,
}

/// What is there of an asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Whole and verified.
    Good,
    /// Whole, but it must be read before it can be called right.
    Unverified,
    /// There, and known to be wrong: why.
    Wrong(String),
    /// An archive that was removed after everything in it had been unpacked; what it unpacked to is there.
    Dropped,
    /// An archive of which nothing is known, but all that it unpacks to is there and was read, as by a person who got that instead.
    Unpacked,
    /// So many bytes of it have arrived.
    Partial(u64),
    /// Nothing.
    Missing,
}

impl<'a> Item<'a> {
    /// Looks at one asset.
    pub fn of(asset: &'a Asset, lock: &Lock, workspace: &Path) -> Self {
        let place = Place::new(workspace, &asset.name, &asset.path);
        let demands = lock.demands(asset);
        let state = match glance(&place, &demands) {
            // An earlier version of this program may have taken it without these bounds.
            Glance::Good(receipt) => demands.size_fault(receipt.stat.size).map_or(State::Good, State::Wrong),
            Glance::Unknown | Glance::Changed(_) => State::Unverified,
            Glance::Wrong(_, why) => State::Wrong(why),
            Glance::Missing if is_dropped(asset, &place, &demands, workspace) => State::Dropped,
            Glance::Missing => match std::fs::metadata(place.part()) {
                Ok(part) if part.len() > 0 => State::Partial(part.len()),
                _ if is_unpacked(asset, workspace) => State::Unpacked,
                _ => State::Missing,
            },
        };
        let trust = match state {
            // What is known of the archive says nothing of files that did not come from it.
            State::Unpacked if asset.unpack.iter().all(|unpack| unpack.sha256.is_some()) => Trust::Published,
            State::Unpacked => Trust::Unpinned,
            _ => lock.trust(asset),
        };
        Self { asset, place, demands, trust, state }
    }

    /// Bytes that are still to come, as far as is known; 0 where it is there.
    pub fn remaining(&self) -> Option<u64> {
        let size = self.demands.size.or(self.asset.likely_size());
        match self.state {
            State::Good | State::Unverified | State::Dropped | State::Unpacked => Some(0),
            State::Partial(bytes) => size.map(|size| size.saturating_sub(bytes)),
            State::Wrong(_) | State::Missing => size,
        }
    }

    /// Whether nothing is to be fetched.
    pub fn is_there(&self) -> bool {
        matches!(self.state, State::Good | State::Unverified | State::Dropped | State::Unpacked)
    }

    /// Whether a program can fetch it.
    pub fn has_source(&self) -> bool {
        !self.asset.urls.is_empty()
    }
}

/// Whether a missing archive was removed on purpose: its receipt says so and is still what is demanded, and all that it unpacked
/// to is there.
fn is_dropped(asset: &Asset, place: &Place, demands: &Demands, workspace: &Path) -> bool {
    let noted = Receipt::read(place).is_some_and(|receipt| {
        receipt.dropped.is_some() && receipt.contradicts(demands).is_none() && receipt.is_enough(demands)
    });
    noted
        && !asset.unpack.is_empty()
        && asset.unpack.iter().all(|unpack| {
            let demands = Demands::of_member(asset, unpack);
            !matches!(glance(&Place::unpacked(workspace, asset, unpack), &demands), Glance::Missing | Glance::Wrong(..))
        })
}

/// Whether everything that an archive unpacks to is there and verified. Of a folder it cannot be said that it is whole.
fn is_unpacked(asset: &Asset, workspace: &Path) -> bool {
    !asset.unpack.is_empty()
        && asset.unpack.iter().all(|unpack| {
            let demands = Demands::of_member(asset, unpack);
            let place = Place::unpacked(workspace, asset, unpack);
            let fits = |receipt: &Receipt| demands.size_fault(receipt.stat.size).is_none();
            !unpack.folder && matches!(glance(&place, &demands), Glance::Good(receipt) if fits(&receipt))
        })
}

/// Looks at all of them, in their order.
pub fn plan<'a>(assets: &[&'a Asset], lock: &Lock, workspace: &Path) -> Vec<Item<'a>> {
    assets.iter().map(|asset| Item::of(asset, lock, workspace)).collect()
}
