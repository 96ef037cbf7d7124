//! The file of a snapshot: its name, format and checksum.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::RunIdentity;
use base::error::{Error, Result};
use base::files::hex;
use checkpoint::{self, StateDict};

/// Key in the file's metadata of everything but the tensors.
const KEY: &str = "lxmert_repro.snapshot";
/// Key in the file's metadata of the checksum.
const CHECKSUM: &str = "lxmert_repro.sha256";
/// Edition of the format.
const EDITION: u32 = 1;
const PREFIX: &str = "step-";
const SUFFIX: &str = ".safetensors";

/// A snapshot that was read from its file.
#[derive(Debug)]
pub struct Snapshot<P> {
    /// Steps taken since the start of the run.
    pub step: u64,
    /// Position of the run.
    pub position: P,
    /// Weights and optimiser state, which point into the mapped file.
    pub tensors: StateDict,
}

#[derive(Serialize, Deserialize)]
struct SnapshotMetadata {
    edition: u32,
    step: u64,
    position: Value,
    identity: RunIdentity,
}

/// Returns the paths of the snapshots in a folder, oldest first; empty if the folder does not exist.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|e| Error::io("list", folder, &e))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io("list", folder, &e))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if let Some(step) = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX))
            && let Ok(step) = step.parse::<u64>()
        {
            found.push((step, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Whether a path returned by [`list`] is the snapshot of this step.
pub(super) fn is_of_step(path: &Path, step: u64) -> bool {
    path.file_name().is_some_and(|name| name == name_of(step).as_str())
}

fn name_of(step: u64) -> String {
    format!("{PREFIX}{step:012}{SUFFIX}")
}

pub(super) fn write<P: Serialize>(
    folder: &Path,
    step: u64,
    position: &P,
    identity: &RunIdentity,
    tensors: &StateDict,
) -> Result<()> {
    let unwritable = |e| Error::bug("a snapshot's position cannot be written").because(e);
    let position = serde_json::to_value(position).map_err(unwritable)?;
    let about = SnapshotMetadata { edition: EDITION, step, position, identity: identity.clone() };
    let about = serde_json::to_string(&about).map_err(unwritable)?;
    let checksum = checksum(&about, tensors);
    let metadata = BTreeMap::from([(KEY.to_owned(), about), (CHECKSUM.to_owned(), checksum)]);
    checkpoint::write_safetensors(&folder.join(name_of(step)), tensors, &metadata)
}

pub(super) fn read<P: DeserializeOwned>(path: &Path) -> Result<(Snapshot<P>, RunIdentity)> {
    let damaged = |what: &str| Error::data(format!("{} {what}", path.display()));
    let metadata = checkpoint::read_metadata(path)?.ok_or_else(|| damaged("is not a safetensors file"))?;
    let (Some(text), Some(wanted)) = (metadata.get(KEY), metadata.get(CHECKSUM)) else {
        return Err(damaged("is not a snapshot"));
    };
    let tensors = checkpoint::read_checkpoint(path)?;
    if checksum(text, &tensors) != *wanted {
        return Err(damaged("is damaged: its checksum differs"));
    }
    let about: SnapshotMetadata = serde_json::from_str(text).map_err(|e| damaged("cannot be parsed").because(e))?;
    if about.edition != EDITION {
        return Err(damaged(&format!("has format edition {}; this version supports {EDITION}", about.edition)));
    }
    let position =
        serde_json::from_value(about.position).map_err(|e| damaged("is of another kind of training").because(e))?;
    Ok((Snapshot { step: about.step, position, tensors }, about.identity))
}

/// Returns the SHA-256 over the metadata and over the tensors' names and bytes, sorted by name because the file does not keep the
/// writer's order.
fn checksum(about: &str, tensors: &StateDict) -> String {
    let mut hash = Sha256::new();
    hash.update(about.as_bytes());
    let mut names: Vec<&String> = tensors.keys().collect();
    names.sort();
    for name in names {
        let tensor = &tensors[name];
        hash.update(format!("\0{name} {:?} {:?} ", tensor.dtype, tensor.shape).as_bytes());
        hash.update(&tensor.data);
    }
    hex(&hash.finalize())
}
