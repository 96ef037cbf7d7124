//! One snapshot as a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Identity;
use base::error::{Error, Result};
use base::files::hex;
use checkpoint::{self, StateDict};

/// Key of everything but the tensors in the file's metadata.
const KEY: &str = "lxmert_repro.snapshot";
/// Key of the checksum.
const CHECKSUM: &str = "lxmert_repro.sha256";
/// Edition of the form.
const EDITION: u32 = 1;
const PREFIX: &str = "step-";
const SUFFIX: &str = ".safetensors";

/// A snapshot read.
#[derive(Debug)]
pub struct Snapshot<P> {
    /// Steps taken.
    pub step: u64,
    /// Where the run was.
    pub position: P,
    /// Weights and optimiser state, in the mapped file.
    pub tensors: StateDict,
}

#[derive(Serialize, Deserialize)]
struct About {
    edition: u32,
    step: u64,
    position: Value,
    identity: Identity,
}

/// The files in a folder, oldest first; none where it is absent.
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

/// Whether a file of [`list`] is of this step.
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
    identity: &Identity,
    tensors: &StateDict,
) -> Result<()> {
    let unwritable = |e| Error::bug("a snapshot's position cannot be written").because(e);
    let position = serde_json::to_value(position).map_err(unwritable)?;
    let about = About { edition: EDITION, step, position, identity: identity.clone() };
    let about = serde_json::to_string(&about).map_err(unwritable)?;
    let checksum = checksum(&about, tensors);
    let metadata = BTreeMap::from([(KEY.to_owned(), about), (CHECKSUM.to_owned(), checksum)]);
    checkpoint::write_safetensors(&folder.join(name_of(step)), tensors, &metadata)
}

pub(super) fn read<P: DeserializeOwned>(path: &Path) -> Result<(Snapshot<P>, Identity)> {
    let damaged = |what: &str| Error::data(format!("{} {what}", path.display()));
    let metadata = checkpoint::read_metadata(path)?.ok_or_else(|| damaged("is no safetensors file"))?;
    let (Some(text), Some(wanted)) = (metadata.get(KEY), metadata.get(CHECKSUM)) else {
        return Err(damaged("is no snapshot"));
    };
    let tensors = checkpoint::read_as_named(path)?;
    if checksum(text, &tensors) != *wanted {
        return Err(damaged("is not what was written: its checksum differs"));
    }
    let about: About = serde_json::from_str(text).map_err(|e| damaged("cannot be understood").because(e))?;
    if about.edition != EDITION {
        return Err(damaged(&format!("is of edition {}, this program's is {EDITION}", about.edition)));
    }
    let position =
        serde_json::from_value(about.position).map_err(|e| damaged("is of another kind of run").because(e))?;
    Ok((Snapshot { step: about.step, position, tensors }, about.identity))
}

/// Over names and bytes in the order of the names: the file keeps another order than the writer.
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
