//! The state of a store when it was known to be correct, kept beside it as `STORE.receipt.json`. If size and time are equal,
//! the store is unchanged; otherwise it is read again in full.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::format::HEADER_BYTES;
use super::{FeatureStore, sidecar};
use base::error::{Error, Result};
use base::files::{self, Stat};
use base::progress::{Observer, ProgressTask, TaskStart, Unit};

/// A store as it was when its content was known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoreReceipt {
    size: u64,
    mtime_ns: i64,
    /// SHA-256 of the tensors and then the header, which is written last.
    sha256: String,
}

impl StoreReceipt {
    const ENDING: &str = ".receipt.json";

    fn beside(store: &Path) -> Option<Self> {
        sidecar::read(store, Self::ENDING)
    }

    fn is_of(&self, stat: &Stat) -> bool {
        (self.size, self.mtime_ns) == (stat.size, stat.mtime_ns)
    }

    /// Writes the receipt of a store that was just built.
    pub(super) fn leave_beside(store: &FeatureStore, sha256: String) {
        if let Ok(Stat { size, mtime_ns, .. }) = store.stat() {
            sidecar::leave(store.path(), Self::ENDING, &Self { size, mtime_ns, sha256 });
        }
    }
}

/// Returns whether a store seems unchanged since it was built, as far as can be known without reading it.
pub(super) fn may_be_sound(store: &FeatureStore) -> bool {
    let stat = store.stat();
    StoreReceipt::beside(store.path()).is_none_or(|receipt| stat.is_ok_and(|stat| receipt.is_of(&stat)))
}

/// Checks that a store is unchanged since it was built: by its receipt if size and time agree, otherwise by its content. A
/// store from a version without receipts has all its values checked once, and gets a receipt.
///
/// # Errors
/// Data for a store that was changed, or that holds what no store may hold.
pub(super) fn ensure_sound(store: &FeatureStore, progress: &dyn Observer) -> Result<()> {
    store.check_small_tensors()?;
    let stat = store.stat()?;
    let sha256 = match StoreReceipt::beside(store.path()) {
        Some(receipt) if receipt.is_of(&stat) => return Ok(()),
        Some(receipt) => compare(store, &receipt, progress)?,
        None => {
            store.check_rows(progress)?;
            digest(store.path(), progress)?
        }
    };
    StoreReceipt::leave_beside(store, sha256);
    Ok(())
}

impl FeatureStore {
    /// Opens like [`Self::open`] a store that the user or another stage named: it must agree with its receipt, if it has
    /// one, and everything except its features is checked. Nothing is written.
    ///
    /// # Errors
    /// Data if the file is missing, is not a whole store, was changed, or holds what no store may hold.
    pub fn open_checked(path: &Path, progress: &dyn Observer) -> Result<Self> {
        let store = Self::open(path)?;
        store.check_small_tensors()?;
        let stat = store.stat()?;
        match StoreReceipt::beside(path).filter(|receipt| !receipt.is_of(&stat)) {
            Some(receipt) => compare(&store, &receipt, progress).map(|_| store),
            None => Ok(store),
        }
    }
}

fn compare(store: &FeatureStore, receipt: &StoreReceipt, progress: &dyn Observer) -> Result<String> {
    let sha256 = digest(store.path(), progress)?;
    if sha256 == receipt.sha256 {
        return Ok(sha256);
    }
    let path = store.path().display();
    Err(Error::data(format!("{path} was changed after it was built"))
        .because(format!("its sha256 was {}, and is {sha256}", receipt.sha256))
        .next("remove it; it is built again from its TSV"))
}

/// Returns the SHA-256 of a store's tensors and then its header.
fn digest(path: &Path, progress: &dyn Observer) -> Result<String> {
    let failed = |error: &std::io::Error| Error::io("read", path, error);
    let mut file = files::open_regular(path)?;
    let bytes = file.metadata().map_err(|error| failed(&error))?.len();
    let header = HEADER_BYTES as u64;
    let task =
        ProgressTask::begin(progress, TaskStart::new(format!("checking {}", path.display()), bytes, Unit::Bytes));
    let mut hash = Sha256::new();
    file.seek(SeekFrom::Start(header)).map_err(|error| failed(&error))?;
    update(&mut hash, &mut file, &task).map_err(|error| failed(&error))?;
    file.seek(SeekFrom::Start(0)).map_err(|error| failed(&error))?;
    update(&mut hash, &mut file.take(header), &task).map_err(|error| failed(&error))?;
    Ok(files::hex(&hash.finalize()))
}

fn update(hash: &mut Sha256, source: &mut impl Read, task: &ProgressTask<'_>) -> std::io::Result<()> {
    for_each_chunk(source, |bytes| {
        hash.update(bytes);
        task.advance(bytes.len() as u64);
        Ok(())
    })
}

/// Copies a file while its bytes are hashed.
pub(super) fn copy_hashed(from: &mut File, to: &mut File, hash: &mut Sha256) -> std::io::Result<()> {
    use std::io::Write;
    for_each_chunk(from, |bytes| {
        hash.update(bytes);
        to.write_all(bytes)
    })
}

/// Reads to the end.
fn for_each_chunk(source: &mut impl Read, mut each: impl FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => each(&buffer[..read])?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
