//! Reads a model in several files (shards) with the index that maps tensors to files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::from_bytes::read_bytes;
use super::mapped_file::parse_file;
use super::tensor::StateDict;
use base::error::{Error, Result};
use base::files;
use base::format::some_of;

/// Maximum size of an index in bytes; 100,000 tensors take 10 MB.
const LARGEST_INDEX: u64 = 16 << 20;

/// Returns whether a file has the name of an index: `….index.json`, or `….index.fp16.json` for a variant.
pub fn is_index(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with(".json") && name.contains(".index.")
}

/// Returns the paths of an index's shards, each once, in the order of their names.
///
/// # Errors
/// Data if the file is not an index, or names a file outside its own folder.
pub fn shard_files(index: &Path) -> Result<Vec<PathBuf>> {
    Ok(parse(index)?.into_values().collect::<BTreeSet<_>>().into_iter().map(|name| beside(index, &name)).collect())
}

/// Like [`shard_files`], and checks that all of them exist.
///
/// # Errors
/// Data if a shard is missing.
pub fn existing_shard_files(index: &Path) -> Result<Vec<PathBuf>> {
    let shards = shard_files(index)?;
    let absent: Vec<String> = shards.iter().filter(|path| !path.is_file()).map(|path| name_of(path)).collect();
    if !absent.is_empty() {
        return Err(Error::data(format!(
            "{} of the {} shards of {} are missing: {}",
            absent.len(),
            shards.len(),
            index.display(),
            some_of(&absent)
        ))
        .next("download the whole folder again"));
    }
    Ok(shards)
}

/// Reads all tensors, in the order of the shards.
///
/// # Errors
/// Data if a shard is missing (checked before any is read), lacks a tensor that the index places in it, or has one
/// that another shard also has.
pub fn read(index: &Path) -> Result<StateDict> {
    let map = parse(index)?;
    let shards = existing_shard_files(index)?;
    let mut all = StateDict::with_capacity(map.len());
    for shard in &shards {
        let tensors = parse_file(shard, read_bytes)?;
        let lacking = |(name, place): &(&String, &String)| **place == name_of(shard) && !tensors.contains_key(*name);
        let lacks: Vec<String> = map.iter().filter(lacking).map(|(name, _)| name.clone()).collect();
        if !lacks.is_empty() {
            return Err(Error::data(format!(
                "{} lacks {} tensors that its index places there: {}",
                shard.display(),
                lacks.len(),
                some_of(&lacks)
            ))
            .next("use the index and shards of one model: download the whole folder again"));
        }
        for (name, tensor) in tensors {
            if all.insert(name.clone(), tensor).is_some() {
                return Err(Error::data(format!("{name} is in {} and in another shard", shard.display()))
                    .next("use the index and shards of one model: download the whole folder again"));
            }
        }
    }
    Ok(all)
}

/// Checks that a file is not a single shard of a larger model.
///
/// # Errors
/// Data, with the path of the folder.
pub fn check_not_single_shard(path: &Path) -> Result<()> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let parts = || -> Option<(usize, usize)> {
        let (rest, all) = stem.rsplit_once("-of-")?;
        let (_, one) = rest.rsplit_once('-')?;
        let number = |text: &str| (text.len() == 5).then(|| text.parse().ok())?;
        Some((number(one)?, number(all)?))
    };
    match parts() {
        Some((one, all)) if all > 1 && path.is_file() => {
            Err(Error::data(format!("{} is shard {one} of {all} of a model", path.display()))
                .next(format!("pass the folder {}, which holds all of them", files::folder_of(path).display())))
        }
        _ => Ok(()),
    }
}

/// Reads an index: maps the names of tensors to those of files.
fn parse(index: &Path) -> Result<BTreeMap<String, String>> {
    let wrong = |what: &str| {
        Err(Error::data(format!("{} is not an index of a model in shards: {what}", index.display()))
            .next("download the whole folder again"))
    };
    let text = files::read_text(index, LARGEST_INDEX)?;
    let value: Value = match serde_json::from_str(&text) {
        Ok(value) => value,
        Err(error) => return wrong(&format!("it is not JSON ({error})")),
    };
    let Some(Value::Object(map)) = value.get("weight_map") else { return wrong("it has no weight_map") };
    let mut found = BTreeMap::new();
    for (name, file) in map {
        let Some(file) = file.as_str() else { return wrong(&format!("the file of {name} is not a text")) };
        // Shards are beside their index, so names that lead elsewhere are refused.
        if file.is_empty() || file.starts_with('.') || file.contains(['/', '\\', '\0', ':']) {
            return wrong(&format!("it places {name} in {file:?}, which is not a file beside it"));
        }
        found.insert(name.clone(), file.to_owned());
    }
    if found.is_empty() {
        return wrong("its weight_map is empty");
    }
    Ok(found)
}

fn beside(index: &Path, name: &str) -> PathBuf {
    files::folder_of(index).join(name)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
