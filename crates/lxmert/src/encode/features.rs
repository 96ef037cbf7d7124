//! The images' features: obj36 TSV files and stores, in any order.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use base::error::{Error, Result};
use base::files;
use base::progress::Observer;
use data::features::{FeatureStore, Precision, ensure_store};
use trainings::examples::FeatureSource;

/// The features of a run.
pub struct Features {
    /// Where images are looked up; a later file counts before an earlier one.
    pub source: FeatureSource,
    /// What they were made from, by SHA-256.
    pub identity: Value,
}

impl Features {
    /// Opens files of which each is a store or a TSV; a TSV's store is built in `stores` where it is not there yet. A number
    /// limits a file to its first rows.
    ///
    /// # Errors
    /// As [`ensure_store`] and [`FeatureStore::open_checked`]; usage where there is none; data where they do not fit each other.
    pub fn open(
        files: &[(PathBuf, Option<usize>)],
        stores: &Path,
        precision: Precision,
        progress: &dyn Observer,
    ) -> Result<Self> {
        let open = |(path, limit): &(PathBuf, Option<usize>)| match is_store(path)? {
            true => FeatureStore::open_checked(path, progress).map(|store| match limit {
                Some(rows) => store.with_limit(*rows),
                None => store,
            }),
            false => ensure_store(path, stores, precision, *limit, progress),
        };
        let opened: Vec<FeatureStore> = files.iter().map(open).collect::<Result<_>>()?;
        let made_of = |store: &FeatureStore| {
            let source = store.source();
            json!([source.sha256, source.covered, store.precision().name(), store.len()])
        };
        let identity = opened.iter().map(made_of).collect();
        Ok(Self { source: FeatureSource::new(opened)?, identity })
    }
}

/// Whether the content starts as a safetensors file does: a header length, then a JSON object.
fn is_store(path: &Path) -> Result<bool> {
    let failed =
        |e: &std::io::Error| Error::io("read the features", path, e).next("name an obj36 TSV file or its store");
    let mut start = Vec::new();
    files::open_regular(path)?.take(9).read_to_end(&mut start).map_err(|e| failed(&e))?;
    Ok(start.get(6..9) == Some(b"\0\0{"))
}
