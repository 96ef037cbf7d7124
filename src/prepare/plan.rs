//! Plans a preparation: finds the steps and their state by names, sizes and times, without reading a file.

use std::path::{Path, PathBuf};

use super::PrepareSettings;
use assets::lock::{Demands, Lock};
use assets::manifest::{Asset, Checksums, Expect, Made, Manifest, Selection, Unpack};
use assets::paths::AssetPaths;
use assets::plan::{self, Item};
use assets::receipt::{Glance, Receipt, glance};
use base::error::Result;
use data::features::{Precision, known_store};

/// The kind of a feature TSV with 36 boxes per image in the manifest.
pub const OBJ36: &str = "obj36";
/// Upper bound for the size of an entry of a made file, in bytes (NLVR2: 267 on average; GQA: fewer).
const ENTRY_BYTES: u64 = 400;
/// Bytes of a store that do not depend on the TSV: the header and overhead of the file system.
const STORE_OVERHEAD: u64 = 64 << 10;

/// One step of a preparation.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<'a> {
    /// The file that it makes.
    pub place: AssetPaths,
    /// What it does.
    pub work: StepWork<'a>,
    /// Its state.
    pub state: StepState,
    /// Bytes that it adds to its folder, at most.
    pub adds: u64,
    /// Bytes that it adds to the stores, at most.
    pub adds_store: u64,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum StepWork<'a> {
    /// Unpacks a member of an archive; builds the store of a feature TSV in the same pass.
    Unpack {
        /// The archive.
        asset: &'a Asset,
        /// The member.
        unpack: &'a Unpack,
    },
    /// Builds the store of an existing feature TSV.
    Build {
        /// The TSV, or the archive that it would come from.
        asset: &'a Asset,
        /// Expected content.
        expect: &'a Expect,
        /// Required checksums.
        demands: Demands,
    },
    /// Makes a file from others.
    Make {
        /// The file in the manifest.
        made: &'a Made,
    },
}

/// The state of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    /// Nothing is left to do.
    Done,
    /// Everything that it needs exists, or will after earlier steps.
    ToDo,
    /// It waits for these assets to be fetched.
    Waits(Vec<String>),
}

impl<'a> Step<'a> {
    /// Returns the archive that its file is unpacked from.
    pub(super) fn archive(&self) -> Option<&'a Asset> {
        match self.work {
            StepWork::Unpack { asset, .. } | StepWork::Build { asset, .. } => {
                Some(asset).filter(|asset| !asset.unpack.is_empty())
            }
            StepWork::Make { .. } => None,
        }
    }
}

impl StepWork<'_> {
    /// Returns the verb for messages: `unpack`, `build` or `make`.
    pub fn doing(&self) -> &'static str {
        match self {
            Self::Unpack { .. } => "unpack",
            Self::Build { .. } => "build",
            Self::Make { .. } => "make",
        }
    }
}

/// Returns the steps of a selection in order.
///
/// # Errors
/// Usage for an unknown name.
pub fn steps<'a>(
    manifest: &'a Manifest,
    lock: &Lock,
    selection: &Selection,
    settings: &PrepareSettings,
) -> Result<Vec<Step<'a>>> {
    let look = Lookup { manifest, lock, settings };
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

/// Returns the bytes that all steps that are not done will add, including those that wait for assets.
pub fn disk_needed(steps: &[Step]) -> u64 {
    let open = steps.iter().filter(|step| step.state != StepState::Done);
    open.map(|step| step.adds.saturating_add(step.adds_store)).fold(0, u64::saturating_add)
}

/// Returns the peak of additional bytes if each archive is removed after the last of its steps. Only steps for which `counts` is
/// true are considered; `frees` returns the bytes that removing an archive frees.
pub fn most_at_a_time(steps: &[Step], counts: impl Fn(&StepState) -> bool, frees: impl Fn(&Asset) -> u64) -> u64 {
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

/// Returns the archive of a step if it is the last step of that archive.
pub(super) fn last_of_archive<'a>(steps: &[Step<'a>], index: usize) -> Option<&'a Asset> {
    let archive = |index: usize| steps.get(index).and_then(Step::archive);
    archive(index).filter(|asset| archive(index + 1).is_none_or(|next| next.name != asset.name))
}

/// Returns an upper bound for the bytes of a TSV's store, including temporary files while it is built, for 36 boxes of 2048
/// features: 0.752 of the text, or 0.379 in half precision.
pub fn store_bound(tsv_bytes: u64, precision: Precision) -> u64 {
    let share = match precision {
        Precision::F32 => tsv_bytes / 25 * 19,
        Precision::F16 => tsv_bytes / 5 * 2,
    };
    share.saturating_add(STORE_OVERHEAD)
}

/// Finds steps and their state.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'a, 'b> {
    pub manifest: &'a Manifest,
    pub lock: &'b Lock,
    pub settings: &'b PrepareSettings,
}

impl<'a> Lookup<'a, '_> {
    /// Returns a step with its current state.
    pub(crate) fn again(&self, step: &Step<'a>) -> Step<'a> {
        match &step.work {
            StepWork::Make { made } => self.make(made),
            StepWork::Unpack { asset, unpack } => self.unpack(asset, unpack),
            StepWork::Build { asset, expect, .. } => {
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

    fn unpacked(&self, asset: &Asset, unpack: &Unpack) -> AssetPaths {
        AssetPaths::unpacked(self.workspace(), asset, unpack)
    }

    /// Returns `Waits` if an asset is not fetched and verified.
    fn lacks(&self, asset: &Asset) -> StepState {
        match Item::of(asset, self.lock, self.workspace()).state {
            plan::AssetState::Good => StepState::ToDo,
            _ => StepState::Waits(vec![asset.name.clone()]),
        }
    }

    /// Returns the step for a fetched TSV.
    fn features(&self, asset: &'a Asset, expect: &'a Expect) -> Step<'a> {
        let item = Item::of(asset, self.lock, self.workspace());
        let build = StepWork::Build { asset, expect, demands: item.demands };
        match item.state {
            plan::AssetState::Good => self.build(item.paths, build),
            _ => {
                let waits = StepState::Waits(vec![asset.name.clone()]);
                let adds_store = store_bound(asset.likely_size().unwrap_or(0), self.settings.precision);
                Step { place: item.paths, work: build, state: waits, adds: 0, adds_store }
            }
        }
    }

    /// Returns the step for a member of an archive.
    pub(crate) fn unpack(&self, asset: &'a Asset, unpack: &'a Unpack) -> Step<'a> {
        let place = self.unpacked(asset, unpack);
        let demands = Demands { checksums: unpack.checksums(), ..Demands::default() };
        let found = glance(&place, &demands);
        let features = unpack.expect.as_ref().filter(|expect| expect.kind == OBJ36);
        let there = !matches!(found, Glance::Missing | Glance::Wrong(..));
        // A file without receipt was just unpacked by a killed run, or put there by hand: it is compared with the archive.
        let told = matches!(found, Glance::Unknown) && self.lacks(asset) == StepState::ToDo;
        if let Some(expect) = features.filter(|_| there && !told) {
            return self.build(place, StepWork::Build { asset, expect, demands });
        }
        let state = match (found, self.lacks(asset)) {
            (Glance::Good(_), _) => StepState::Done,
            // The time of a folder changes with every file in it, so its files are counted instead.
            (Glance::Changed(_), _) if unpack.folder => StepState::Done,
            (_, StepState::ToDo) => StepState::ToDo,
            // Put there by hand, or changed since, and there is no archive to compare it with.
            (Glance::Unknown | Glance::Changed(_), _) => StepState::Done,
            (_, waits) => waits,
        };
        let adds_store = features.map_or(0, |_| store_bound(unpack.size_max, self.settings.precision));
        Step { place, work: StepWork::Unpack { asset, unpack }, state, adds: unpack.size_max, adds_store }
    }

    /// Returns the step for the store of an existing TSV. It is done if the TSV agrees with its receipt and the store with the TSV.
    fn build(&self, place: AssetPaths, work: StepWork<'a>) -> Step<'a> {
        let store = known_store(place.file(), &self.settings.stores(), self.settings.precision);
        let demands = match &work {
            StepWork::Build { demands, .. } => demands.clone(),
            _ => Demands::default(),
        };
        let known = matches!(store, Ok(Some(_))) && matches!(glance(&place, &demands), Glance::Good(_));
        let bytes = std::fs::metadata(place.file()).map_or(0, |data| data.len());
        let adds_store = store_bound(bytes, self.settings.precision);
        Step { place, work, state: if known { StepState::Done } else { StepState::ToDo }, adds: 0, adds_store }
    }

    fn make(&self, made: &'a Made) -> Step<'a> {
        let place = AssetPaths::made(self.workspace(), made);
        let demands = Demands { checksums: self.known_of(made), ..Demands::default() };
        let assets = || made.from.iter().filter_map(|name| self.manifest.asset(name));
        let lacking = |asset: &&Asset| {
            let unpacked = !asset.unpack.is_empty()
                && asset.unpack.iter().all(|unpack| self.unpack(asset, unpack).state == StepState::Done);
            !unpacked && self.lacks(asset) != StepState::ToDo
        };
        let waits: Vec<String> = assets().filter(lacking).map(|asset| asset.name.clone()).collect();
        let state = match glance(&place, &demands) {
            Glance::Good(receipt) if waits.is_empty() && receipt.source != self.origin(made) => StepState::ToDo,
            Glance::Good(_) => StepState::Done,
            _ if waits.is_empty() => StepState::ToDo,
            Glance::Unknown | Glance::Changed(_) => StepState::Done,
            _ => StepState::Waits(waits),
        };
        let entries = made.expect.as_ref().and_then(|expect| expect.count);
        let sources = || assets().filter_map(Asset::likely_size).fold(0, u64::saturating_add);
        let adds = entries.map_or_else(sources, |count| count.saturating_mul(ENTRY_BYTES));
        Step { place, work: StepWork::Make { made }, state, adds, adds_store: 0 }
    }

    /// Returns the known checksums of a made file; they apply only if it is made from the published files.
    pub(crate) fn known_of(&self, made: &Made) -> Checksums {
        let published = |name: &String| self.manifest.asset(name).is_some_and(|asset| !asset.checksums.is_empty());
        let sha256 = made.sha256.clone().filter(|_| made.from.iter().all(published));
        Checksums { sha256, ..Checksums::default() }
    }

    /// Returns the source that the receipt of a made file names: the rule, and the files that it was applied to.
    pub(crate) fn origin(&self, made: &Made) -> String {
        let assets = made.from.iter().filter_map(|name| self.manifest.asset(name));
        let hashes = assets.map(|asset| {
            let receipt = Receipt::read(&AssetPaths::new(self.workspace(), &asset.name, &asset.path));
            format!("{} {}", asset.name, receipt.as_ref().map_or("unknown", Receipt::sha256))
        });
        format!("{} of {}", made.rule, hashes.collect::<Vec<_>>().join(", "))
    }

    /// Returns the files or folders that a file is made from.
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
    use crate::prepare::make::MakeRule;
    use base::format::grouped;

    const MANIFEST: &str = include_str!("../../data/assets.toml");

    fn settings(workspace: &Path) -> PrepareSettings {
        PrepareSettings { workspace: workspace.to_owned(), precision: Precision::F32, drop_archives: false }
    }

    #[test]
    fn every_kind_and_rule_of_the_shipped_manifest_is_known() {
        let manifest = Manifest::parse(MANIFEST, "data/assets.toml").unwrap();
        let empty = tempfile::tempdir().unwrap();
        let everything = Selection { all: true, ..Selection::default() };
        let steps = steps(&manifest, &Lock::default(), &everything, &settings(empty.path())).unwrap();
        assert!(steps.iter().all(|step| matches!(step.state, StepState::Waits(_))) && steps.len() > 20);
        for made in &manifest.made {
            MakeRule::of(made).unwrap();
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
    fn disk_space_is_counted_for_steps_that_are_not_done() {
        let manifest = Manifest::parse(MANIFEST, "data/assets.toml").unwrap();
        let empty = tempfile::tempdir().unwrap();
        let of = |precision| {
            let names = vec!["vqa-features-train2014".to_owned(), "vqa-features-val2014".to_owned()];
            let selection = Selection { names, ..Selection::default() };
            let settings = PrepareSettings { precision, ..settings(empty.path()) };
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
