//! The digests of the weights files that a training wrote.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use base::error::Result;
use base::files::ContentDigest;

/// Digests of weights files by their names.
pub type WeightsDigests = BTreeMap<String, ContentDigest>;

/// Adds the digest of a weights file if it is missing, as it is in snapshots of older versions.
///
/// # Errors
/// If the file cannot be read.
pub fn add_missing(written: &mut WeightsDigests, folder: &Path, name: &str) -> Result<()> {
    if let Entry::Vacant(missing) = written.entry(name.to_owned()) {
        missing.insert(ContentDigest::of(&folder.join(name))?);
    }
    Ok(())
}
