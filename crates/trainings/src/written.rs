//! The weights files that a training wrote.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use base::error::Result;
use base::files::ContentDigest;

/// Names of weights files with their digests.
pub type Written = BTreeMap<String, ContentDigest>;

/// Adds a file that was written before an older program's snapshot, which says nothing about it.
pub fn add_missing(written: &mut Written, folder: &Path, name: &str) -> Result<()> {
    if let Entry::Vacant(missing) = written.entry(name.to_owned()) {
        missing.insert(ContentDigest::of(&folder.join(name))?);
    }
    Ok(())
}
