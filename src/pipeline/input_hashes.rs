//! Hashes of input files, cached by size, time of change and inode, so that a 32 GB file is read only once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use base::error::{Error, Result};
use base::files::{self, Stat};

const FILE_LIMIT: u64 = 64 << 20;
/// A file that changed this recently may change again within the same tick of the file system's clock.
const TOO_FRESH: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KnownHash {
    stat: Stat,
    sha256: String,
}

/// The cached hashes, stored in `cache/inputs.json`.
pub(crate) struct HashCache {
    path: PathBuf,
    known: BTreeMap<PathBuf, KnownHash>,
    changed: bool,
}

impl HashCache {
    /// Reads the cached hashes; an unreadable file counts as an empty cache.
    pub(crate) fn open(path: PathBuf) -> Self {
        let known = files::read_text(&path, FILE_LIMIT).ok().and_then(|text| serde_json::from_str(&text).ok());
        Self { path, known: known.unwrap_or_default(), changed: false }
    }

    /// Returns size and SHA-256 of a file.
    pub(crate) fn sha256(&mut self, path: &Path) -> Result<(u64, String)> {
        let metadata = std::fs::metadata(path).map_err(|e| Error::io("read", path, &e))?;
        if !metadata.is_file() {
            return Err(Error::data(format!("{} is not a file", path.display())));
        }
        let stat = Stat::of(&metadata);
        // The same file under a relative name from another folder would be another file.
        let key = std::path::absolute(path).map_err(|e| Error::io("find", path, &e))?;
        if let Some(known) = self.known.get(&key).filter(|k| k.stat == stat) {
            return Ok((stat.size, known.sha256.clone()));
        }
        let sha256 = files::sha256(path)?;
        let settled = metadata.modified().ok().and_then(|m| SystemTime::now().duration_since(m).ok());
        if settled.is_some_and(|age| age > TOO_FRESH) && key.to_str().is_some() {
            self.known.insert(key, KnownHash { stat, sha256: sha256.clone() });
            self.changed = true;
        }
        Ok((stat.size, sha256))
    }

    /// Writes the hashes if any was added.
    pub(crate) fn save(&self) -> Result<()> {
        if !self.changed {
            return Ok(());
        }
        let bytes = serde_json::to_vec_pretty(&self.known)
            .map_err(|e| Error::bug("the hashes of input files cannot be serialized").because(e))?;
        files::write_bytes(&self.path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};

    use super::*;

    #[test]
    fn a_settled_file_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let (data, store) = (folder.path().join("data"), folder.path().join("inputs.json"));
        let old = FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(60));
        std::fs::write(&data, "one").unwrap();
        let mut fresh = HashCache::open(store.clone());
        fresh.sha256(&data).unwrap();
        assert!(!fresh.changed, "a file of this very moment is not remembered");

        File::options().write(true).open(&data).unwrap().set_times(old).unwrap();
        let mut hashes = HashCache::open(store.clone());
        assert_eq!(hashes.sha256(&data).unwrap(), (3, files::sha256_bytes(b"one")));
        hashes.save().unwrap();

        let mut again = HashCache::open(store.clone());
        again.known.values_mut().for_each(|k| k.sha256 = "remembered".into());
        assert_eq!(again.sha256(&data).unwrap().1, "remembered");
        std::fs::write(&data, "two").unwrap();
        assert_eq!(again.sha256(&data).unwrap().1, files::sha256_bytes(b"two"));

        std::fs::write(&store, "{damaged").unwrap();
        assert_eq!(HashCache::open(store).known.len(), 0);
        assert!(again.sha256(folder.path()).unwrap_err().to_string().contains("is not a file"));
    }
}
