//! Small JSON files beside a store, named after it. They only save work: a missing and an unreadable file are equivalent.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use base::files;

/// Far more than such a file takes.
const LARGEST: u64 = 1 << 16;

fn path(store: &Path, ending: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Reads the file; `None` if it is missing or unreadable.
pub(super) fn read<T: DeserializeOwned>(store: &Path, ending: &str) -> Option<T> {
    serde_json::from_slice(&files::read_bytes(&path(store, ending), LARGEST).ok()?).ok()
}

/// Writes the file. One that cannot be written (a read-only folder) only costs doing again what it would have saved.
pub(super) fn leave<T: Serialize>(store: &Path, ending: &str, value: &T) {
    if let Ok(text) = serde_json::to_vec_pretty(value) {
        let _ = files::write_bytes(&path(store, ending), &text);
    }
}
