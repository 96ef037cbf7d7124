//! Published files: archives, TSVs beside their stores, stores beside their TSVs, and downloads that are not complete.

use std::path::{Path, PathBuf};

use super::class::{Class, Guard, Item};
use super::places::Places;
use super::walk::{bytes, entries, is_inside, name};
use crate::prepare::{OBJ36, PrepareSettings, is_unpacked};
use assets::lock::Demands;
use assets::manifest::{Asset, Expect};
use assets::paths::AssetPaths;
use assets::plan::{AssetState, Item as AssetItem};
use assets::receipt::{Glance, glance};
use base::error::Result;
use data::features::{Precision, known_store, own_store};

/// A feature TSV of the manifest.
struct FeatureFile {
    place: AssetPaths,
    demands: Demands,
}

pub(super) fn find(places: &Places) -> Result<Vec<Item>> {
    let mut all = Vec::new();
    for asset in &places.manifest.assets {
        all.extend(archive(places, asset)?);
        all.extend(partial(&AssetPaths::new(places.workspace, &asset.name, &asset.path)));
        for file in features(places, asset) {
            all.extend(tsv(places, &file)?);
            all.extend(stores(places, &file)?);
        }
    }
    Ok(all)
}

fn settings(places: &Places, precision: Precision) -> PrepareSettings {
    PrepareSettings { workspace: places.workspace.to_owned(), precision, drop_archives: false }
}

fn archive(places: &Places, asset: &Asset) -> Result<Option<Item>> {
    let item = AssetItem::of(asset, places.lock, places.workspace);
    if asset.unpack.is_empty() || item.state != AssetState::Good {
        return Ok(None);
    }
    let settings = settings(places, Precision::F32);
    if !is_unpacked(places.manifest, places.lock, &settings, asset)? {
        return Ok(None);
    }
    let file = item.paths.file().to_owned();
    let guard = Guard::Claim { claim: item.paths.claim(), archive: Some(asset.name.clone()) };
    Ok(Some(Item { class: Class::Archives, bytes: bytes(&file), paths: vec![file], guard }))
}

/// What has arrived of a download, and files that were set aside for a wrong checksum.
fn partial(place: &AssetPaths) -> Option<Item> {
    let file = place.file();
    let suspect = format!("{}.suspect-", name(file));
    let aside = file.parent().map(entries).unwrap_or_default().into_iter().map(|(path, _)| path);
    let mut paths: Vec<PathBuf> = aside.filter(|path| name(path).starts_with(&suspect)).collect();
    paths.extend([place.part(), place.sidecar()].into_iter().filter(|path| path.is_file()));
    let bytes = paths.iter().map(|path| bytes(path)).sum();
    let guard = Guard::Claim { claim: place.claim(), archive: None };
    (!paths.is_empty()).then_some(Item { class: Class::Partial, paths, bytes, guard })
}

fn features(places: &Places, asset: &Asset) -> Vec<FeatureFile> {
    let is_features = |expect: &Option<Expect>| expect.as_ref().is_some_and(|expect| expect.kind == OBJ36);
    let mut all = Vec::new();
    if is_features(&asset.expect) {
        let place = AssetPaths::new(places.workspace, &asset.name, &asset.path);
        all.push(FeatureFile { place, demands: places.lock.demands(asset) });
    }
    for unpack in asset.unpack.iter().filter(|unpack| is_features(&unpack.expect)) {
        let place = AssetPaths::unpacked(places.workspace, asset, unpack);
        all.push(FeatureFile { place, demands: Demands::of_member(asset, unpack) });
    }
    // What a link stands for lies elsewhere, and may be somebody else's.
    all.retain(|file| is_inside(places.workspace, file.place.file()));
    all
}

/// A TSV that this program fetched or unpacked, whose store holds all of it in full precision.
fn tsv(places: &Places, FeatureFile { place, demands }: &FeatureFile) -> Result<Option<Item>> {
    let is_ours = matches!(glance(place, demands), Glance::Good(_));
    let stores = settings(places, Precision::F32).stores();
    // Without the TSV its store is found by its name only.
    let own = own_store(place.file(), &stores, Precision::F32);
    if !is_ours || own.is_none() || store_of(places, place.file(), Precision::F32)? != own {
        return Ok(None);
    }
    let file = place.file().to_owned();
    let guard = Guard::Claim { claim: place.claim(), archive: None };
    Ok(Some(Item { class: Class::Tsv, bytes: bytes(&file), paths: vec![file], guard }))
}

/// The stores of a TSV that is here, with the small files beside them.
fn stores(places: &Places, FeatureFile { place, .. }: &FeatureFile) -> Result<Vec<Item>> {
    let mut all = Vec::new();
    for precision in [Precision::F32, Precision::F16] {
        let Some(store) = store_of(places, place.file(), precision)? else { continue };
        let beside = store.parent().map(entries).unwrap_or_default().into_iter().map(|(path, _)| path);
        let paths: Vec<PathBuf> = beside.filter(|path| name(path).starts_with(&name(&store))).collect();
        let bytes = paths.iter().map(|path| bytes(path)).sum();
        all.push(Item {
            class: Class::Stores,
            paths,
            bytes,
            guard: Guard::Claim { claim: place.claim(), archive: None },
        });
    }
    Ok(all)
}

fn store_of(places: &Places, tsv: &Path, precision: Precision) -> Result<Option<PathBuf>> {
    let folder = settings(places, precision).stores();
    Ok(known_store(tsv, &folder, precision)?.map(|store| store.path().to_owned()))
}
