//! The pages as JSON. Sizes are in bytes, times in seconds.

use std::path::Path;

use serde_json::{Value, json};

use super::cells::Sum;
use super::forecast::{Forecast, Parts};
use crate::manifest::Manifest;
use crate::plan::{AssetState, Item};

/// Returns the content of [`page`](super::page) as one object.
pub fn list_json(manifest: &Manifest, items: &[Item], workspace: &Path, stores: u64) -> Value {
    let groups: Vec<Value> = manifest
        .groups
        .iter()
        .map(|group| {
            let members = || items.iter().filter(|item| item.asset.groups.contains(&group.name));
            let names: Vec<&str> = members().map(|item| item.asset.name.as_str()).collect();
            json!({ "name": group.name, "title": group.title, "total": sum(&Sum::of(members())), "assets": names })
        })
        .collect();
    let assets: Vec<Value> = items.iter().map(asset).collect();
    let unpacked: u64 = items.iter().map(|item| item.asset.unpacked_size()).fold(0, u64::saturating_add);
    let missing = items.iter().filter(|item| !item.is_there());
    json!({
        "workspace": workspace,
        "groups": groups,
        "assets": assets,
        "total": sum(&Sum::of(items)),
        "missing": sum(&Sum::remaining(missing)),
        "unpacked_max": unpacked,
        "stores": stores,
    })
}

/// Returns the content of [`forecast`](super::forecast()) as one object.
pub fn forecast_json(items: &[Item], workspace: &Path, forecast: &Forecast) -> Value {
    let parts = Parts::of(items);
    let remaining = parts.remaining();
    let list = |items: &[&Item]| items.iter().map(|item| asset(item)).collect::<Vec<_>>();
    let seconds = forecast.rate.as_ref().map(|rate| remaining.bytes as f64 / rate.per_second());
    json!({
        "workspace": workspace,
        "fetch": list(&parts.fetched),
        "by_hand": list(&parts.by_hand),
        "there": list(&parts.there),
        "remaining": sum(&remaining),
        "disk": {
            "fetched": remaining.bytes,
            "unpacked_max": forecast.unpacked,
            "stores": forecast.stores,
            "needed": forecast.needed(remaining.bytes),
            "free": forecast.free,
        },
        "rate": forecast.rate,
        "seconds": seconds,
    })
}

fn asset(item: &Item) -> Value {
    let (asset, (state, bytes_here, why)) = (
        item.asset,
        match &item.state {
            AssetState::Good => ("verified", None, None),
            AssetState::Unverified => ("unverified", None, None),
            AssetState::Wrong(why) => ("wrong", None, Some(why)),
            AssetState::Dropped => ("dropped", Some(0), None),
            AssetState::Unpacked => ("unpacked", Some(0), None),
            AssetState::Partial(bytes) => ("partial", Some(*bytes), None),
            AssetState::Missing => ("missing", Some(0), None),
        },
    );
    let bytes_here = bytes_here.or_else(|| std::fs::metadata(item.paths.file()).ok().map(|metadata| metadata.len()));
    let unpack: Vec<Value> = (asset.unpack.iter())
        .map(|unpack| json!({ "path": unpack.path, "folder": unpack.folder, "size_max": unpack.size_max }))
        .collect();
    let by_hand: Vec<Value> = (asset.by_hand.iter())
        .map(|place| json!({ "place": place.place, "url": place.url, "how": place.how }))
        .collect();
    json!({
        "name": asset.name,
        "title": asset.title,
        "groups": asset.groups,
        "path": asset.path,
        "urls": asset.urls,
        "size": asset.size,
        "size_about": asset.size_about,
        "size_max": asset.size_max,
        "checksums": item.demands.checksums,
        "trust": item.trust,
        "state": state,
        "why": why,
        "bytes_here": bytes_here,
        "remaining": item.remaining(),
        "unpack": unpack,
        "by_hand": by_hand,
    })
}

fn sum(sum: &Sum) -> Value {
    json!({ "files": sum.files, "bytes": sum.bytes, "rounded": sum.rounded, "unknown_sizes": sum.unknown })
}
