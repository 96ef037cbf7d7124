//! What there is to prepare: looked up in the workspace by names, sizes and times; no file is read.

use std::path::{Path, PathBuf};

use super::Settings;
use assets::lock::{Demands, Lock};
use assets::manifest::{Asset, Checksums, Expect, Made, Manifest, Selection, Unpack};
use assets::place::Place;
use assets::plan::{self, Item};
use assets::receipt::{Glance, Receipt, glance};
use base::error::Result;
use data::features::{Precision, known_store};

/// The manifest's word for a feature TSV with 36 boxes an image.
pub const OBJ36: &str = "obj36";
/// An entry of a made file has no more bytes than this (NLVR2's have 267 on average, GQA's fewer).
const ENTRY_BYTES: u64 = 400;
/// Beyond a share of the TSV's bytes: the header and what the file system adds.
const STORE_OVERHEAD: u64 = 64 << 10;

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<'a> {
    /// What it makes, and under which name that is known.
    pub place: Place,
    /// How.
    pub work: Work<'a>,
    /// Whether it is done.
    pub state: State,
    /// Bytes that it adds to its folder, at most.
    pub adds: u64,
    /// Bytes that it adds to the stores, at most.
    pub adds_store: u64,
}

/// How a file comes to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Work<'a> {
    /// Unpacked from an archive; a feature TSV gets its store in the same pass.
    Unpack {
        /// The archive.
        asset: &'a Asset,
        /// Which of its members.
        unpack: &'a Unpack,
    },
    /// A feature TSV that is there gets its store.
    Build {
        /// The TSV, or the archive that it would come from.
        asset: &'a Asset,
        /// What must be in it.
        expect: &'a Expect,
        /// What its content must be.
        demands: Demands,
    },
    /// Made from other files.
    Make {
        /// What.
        made: &'a Made,
    },
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing is left to do.
    Done,
    /// Everything that it needs is there, or will be after the steps before it.
    ToDo,
    /// These assets must be fetched first.
    Waits(Vec<String>),
}

impl<'a> Step<'a> {
    /// The archive that its file is, or would be, unpacked from.
    pub(super) fn archive(&self) -> Option<&'a Asset> {
        match self.work {
            Work::Unpack { asset, .. } | Work::Build { asset, .. } => {
                Some(asset).filter(|asset| !asset.unpack.is_empty())
            }
            Work::Make { .. } => None,
        }
    }
}

impl Work<'_> {
    /// As events say it: `unpack`, `build` or `make`.
    pub fn doing(&self) -> &'static str {
        match self {
            Self::Unpack { .. } => "unpack",
            Self::Build { .. } => "build",
            Self::Make { .. } => "make",
        }
    }
}

/// The steps of a selection, in the order to do them.
///
/// # Errors
/// Usage for a name that the manifest does not know.
pub fn steps<'a>(
    manifest: &'a Manifest,
    lock: &Lock,
    selection: &Selection,
    settings: &Settings,
) -> Result<Vec<Step<'a>>> {
    let look = Look { manifest, lock, settings };
    let mut steps = Vec::new();
    for asset in manifest.select(selection)? {
        if let Some(expect) = asset.expect.as_ref().filter(|expect| expect.kind == OBJ36) {
            steps.push(look.features(asset, expect));
        }
        steps.extend(asset.unpack.iter().map(|unpack| look.unpack(asset, unpack)));
    }
    steps.extend(manifest.select_made(selection)?.into_iter().map(|made| look.make(made)));
    Ok(steps)
}

/// Bytes that all steps that are not done will add, whether or not their assets are there yet.
pub fn disk_needed(steps: &[Step]) -> u64 {
    let open = steps.iter().filter(|step| step.state != State::Done);
    open.map(|step| step.adds.saturating_add(step.adds_store)).fold(0, u64::saturating_add)
}

/// The most bytes that there are at a time beyond what is there now, where each archive is removed after the last of its
/// steps: of the steps that count, in their order; `frees` says how many bytes the removal of an archive gives back.
pub fn most_at_a_time(steps: &[Step], counts: impl Fn(&State) -> bool, frees: impl Fn(&Asset) -> u64) -> u64 {
    let (mut now, mut most) = (0_u64, 0);
    for (index, step) in steps.iter().enumerate().filter(|(_, step)| counts(&step.state)) {
        now = now.saturating_add(step.adds).saturating_add(step.adds_store);
        most = most.max(now);
        if let Some(asset) = last_of_archive(steps, index) {
            now = now.saturating_sub(frees(asset));
        }
    }
    most
}

/// The archive of a step, where that is the last of the archive's steps.
pub(super) fn last_of_archive<'a>(steps: &[Step<'a>], index: usize) -> Option<&'a Asset> {
    let archive = |index: usize| steps.get(index).and_then(Step::archive);
    archive(index).filter(|asset| archive(index + 1).is_none_or(|next| next.name != asset.name))
}

/// The store of a TSV and what is spooled while it is built have at most so many bytes, for 36 boxes of 2048 features:
/// 0.752 of the text, or 0.379 in half precision.
pub fn store_bound(tsv_bytes: u64, precision: Precision) -> u64 {
    let share = match precision {
        Precision::F32 => tsv_bytes / 25 * 19,
        Precision::F16 => tsv_bytes / 5 * 2,
    };
    share.saturating_add(STORE_OVERHEAD)
}

/// Where it is looked up.
#[derive(Clone, Copy)]
pub(super) struct Look<'a, 'b> {
    pub manifest: &'a Manifest,
    pub lock: &'b Lock,
    pub settings: &'b Settings,
}

impl<'a> Look<'a, '_> {
    /// The step once more, as it stands now.
    pub(crate) fn again(&self, step: &Step<'a>) -> Step<'a> {
        match &step.work {
            Work::Make { made } => self.make(made),
            Work::Unpack { asset, unpack } => self.unpack(asset, unpack),
            Work::Build { asset, expect, .. } => {
                match asset.unpack.iter().find(|unpack| step.place == self.unpacked(asset, unpack)) {
                    Some(unpack) => self.unpack(asset, unpack),
                    None => self.features(asset, expect),
                }
            }
        }
    }

    fn workspace(&self) -> &Path {
        &self.settings.workspace
    }

    fn unpacked(&self, asset: &Asset, unpack: &Unpack) -> Place {
        Place::unpacked(self.workspace(), asset, unpack)
    }

    /// Assets that are not there whole and verified.
    fn lacks(&self, asset: &Asset) -> State {
        match Item::of(asset, self.lock, self.workspace()).state {
            plan::State::Good => State::ToDo,
            _ => State::Waits(vec![asset.name.clone()]),
        }
    }

    /// A TSV that is fetched as such.
    fn features(&self, asset: &'a Asset, expect: &'a Expect) -> Step<'a> {
        let item = Item::of(asset, self.lock, self.workspace());
        let build = Work::Build { asset, expect, demands: item.demands };
        match item.state {
            plan::State::Good => self.build(item.place, build),
            _ => {
                let waits = State::Waits(vec![asset.name.clone()]);
                let adds_store = store_bound(asset.likely_size().unwrap_or(0), self.settings.precision);
                Step { place: item.place, work: build, state: waits, adds: 0, adds_store }
            }
        }
    }

    /// A member of an archive.
    pub(crate) fn unpack(&self, asset: &'a Asset, unpack: &'a Unpack) -> Step<'a> {
        let place = self.unpacked(asset, unpack);
        let demands = Demands { checksums: unpack.checksums(), ..Demands::default() };
        let found = glance(&place, &demands);
        let features = unpack.expect.as_ref().filter(|expect| expect.kind == OBJ36);
        let there = !matches!(found, Glance::Missing | Glance::Wrong(..));
        // Without a receipt it is what a killed run had just unpacked, or what a person put there: the archive tells.
        let told = matches!(found, Glance::Unknown) && self.lacks(asset) == State::ToDo;
        if let Some(expect) = features.filter(|_| there && !told) {
            return self.build(place, Work::Build { asset, expect, demands });
        }
        let state = match (found, self.lacks(asset)) {
            (Glance::Good(_), _) => State::Done,
            // A folder changes with every file that is put into it; its files are counted.
            (Glance::Changed(_), _) if unpack.folder => State::Done,
            (_, State::ToDo) => State::ToDo,
            // Put there by hand, or changed since: the archive that could tell is not there.
            (Glance::Unknown | Glance::Changed(_), _) => State::Done,
            (_, waits) => waits,
        };
        let adds_store = features.map_or(0, |_| store_bound(unpack.size_max, self.settings.precision));
        Step { place, work: Work::Unpack { asset, unpack }, state, adds: unpack.size_max, adds_store }
    }

    /// The store of a TSV that is there; done when the TSV is as its receipt says and the store as the TSV.
    fn build(&self, place: Place, work: Work<'a>) -> Step<'a> {
        let store = known_store(place.file(), &self.settings.stores(), self.settings.precision);
        let demands = match &work {
            Work::Build { demands, .. } => demands.clone(),
            _ => Demands::default(),
        };
        let known = matches!(store, Ok(Some(_))) && matches!(glance(&place, &demands), Glance::Good(_));
        let bytes = std::fs::metadata(place.file()).map_or(0, |data| data.len());
        let adds_store = store_bound(bytes, self.settings.precision);
        Step { place, work, state: if known { State::Done } else { State::ToDo }, adds: 0, adds_store }
    }

    fn make(&self, made: &'a Made) -> Step<'a> {
        let place = Place::made(self.workspace(), made);
        let demands = Demands { checksums: self.known_of(made), ..Demands::default() };
        let assets = || made.from.iter().filter_map(|name| self.manifest.asset(name));
        let lacking = |asset: &&Asset| {
            let unpacked = !asset.unpack.is_empty()
                && asset.unpack.iter().all(|unpack| self.unpack(asset, unpack).state == State::Done);
            !unpacked && self.lacks(asset) != State::ToDo
        };
        let waits: Vec<String> = assets().filter(lacking).map(|asset| asset.name.clone()).collect();
        let state = match glance(&place, &demands) {
            Glance::Good(receipt) if waits.is_empty() && receipt.source != self.origin(made) => State::ToDo,
            Glance::Good(_) => State::Done,
            _ if waits.is_empty() => State::ToDo,
            Glance::Unknown | Glance::Changed(_) => State::Done,
            _ => State::Waits(waits),
        };
        let entries = made.expect.as_ref().and_then(|expect| expect.count);
        let sources = || assets().filter_map(Asset::likely_size).fold(0, u64::saturating_add);
        let adds = entries.map_or_else(sources, |count| count.saturating_mul(ENTRY_BYTES));
        Step { place, work: Work::Make { made }, state, adds, adds_store: 0 }
    }

    /// What is known of a made file's content: it holds for what is made from the published files only.
    pub(crate) fn known_of(&self, made: &Made) -> Checksums {
        let published = |name: &String| self.manifest.asset(name).is_some_and(|asset| !asset.checksums.is_empty());
        let sha256 = made.sha256.clone().filter(|_| made.from.iter().all(published));
        Checksums { sha256, ..Checksums::default() }
    }

    /// What a made file's receipt names as its source: the rule, and what it was applied to.
    pub(crate) fn origin(&self, made: &Made) -> String {
        let assets = made.from.iter().filter_map(|name| self.manifest.asset(name));
        let hashes = assets.map(|asset| {
            let receipt = Receipt::read(&Place::new(self.workspace(), &asset.name, &asset.path));
            format!("{} {}", asset.name, receipt.as_ref().map_or("unknown", Receipt::sha256))
        });
        format!("{} of {}", made.rule, hashes.collect::<Vec<_>>().join(", "))
    }

    /// The files or folders that a file is made from.
    pub(crate) fn inputs(&self, made: &Made) -> Vec<PathBuf> {
        let assets = made.from.iter().filter_map(|name| self.manifest.asset(name));
        let paths = assets.flat_map(|asset| match asset.unpack.as_slice() {
            [] => vec![&asset.path],
            unpacked => unpacked.iter().map(|unpack| &unpack.path).collect(),
        });
        paths.map(|path| self.workspace().join(path)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::make::Rule;
    use base::format::grouped;

    const MANIFEST: &str = include_str!("../../data/assets.toml");

    fn settings(workspace: &Path) -> Settings {
        Settings { workspace: workspace.to_owned(), precision: Precision::F32, drop_archives: false }
    }

    #[test]
    fn the_shipped_manifest_can_be_prepared() {
        let manifest = Manifest::parse(MANIFEST, "data/assets.toml").unwrap();
        let empty = tempfile::tempdir().unwrap();
        let everything = Selection { all: true, ..Selection::default() };
        let steps = steps(&manifest, &Lock::default(), &everything, &settings(empty.path())).unwrap();
        assert!(steps.iter().all(|step| matches!(step.state, State::Waits(_))) && steps.len() > 20);
        for made in &manifest.made {
            Rule::of(made).unwrap();
        }
        let unpacked = manifest.assets.iter().flat_map(|asset| &asset.unpack).map(|unpack| &unpack.expect);
        let made = manifest.made.iter().map(|made| &made.expect);
        let expected = manifest.assets.iter().map(|asset| &asset.expect).chain(unpacked).chain(made).flatten();
        let nothing = empty.path().join("nothing");
        std::fs::write(&nothing, "").unwrap();
        for expect in expected.filter(|expect| expect.kind != OBJ36) {
            let unknown =
                super::super::count::count(&nothing, &expect.kind).is_err_and(|e| e.to_string().contains("unknown"));
            assert!(!unknown, "{}", expect.kind);
        }
        let count = |path: &str| {
            let asset = manifest.assets.iter().find(|asset| asset.path == Path::new(path)).unwrap();
            asset.expect.as_ref().and_then(|expect| expect.count).unwrap()
        };
        assert_eq!(grouped(count("data/vqa/train.json") + count("data/vqa/nominival.json")), "632,117");
        assert_eq!(count("data/vqa/minival.json"), 25_994);
    }

    #[test]
    fn room_is_counted_for_what_is_not_done() {
        let manifest = Manifest::parse(MANIFEST, "data/assets.toml").unwrap();
        let empty = tempfile::tempdir().unwrap();
        let of = |precision| {
            let names = vec!["vqa-features-train2014".to_owned(), "vqa-features-val2014".to_owned()];
            let selection = Selection { names, ..Selection::default() };
            let settings = Settings { precision, ..settings(empty.path()) };
            disk_needed(&steps(&manifest, &Lock::default(), &selection, &settings).unwrap())
        };
        let (full, half) = (of(Precision::F32), of(Precision::F16));
        let text = 82_783 * 395_182 + 40_504 * 395_182;
        assert!((text * 17 / 10..text * 18 / 10).contains(&full) && (text * 13 / 10..text * 15 / 10).contains(&half));
        // A TSV of one row of 36 boxes with 2048 features, and its store with what is spooled meanwhile.
        assert!(store_bound(395_182, Precision::F32) > 295_958 + 1_046 + 8_192);
        assert!(store_bound(395_182_000, Precision::F16) > 148_503_000 + 1_046_000 + 8_192);
    }
}
