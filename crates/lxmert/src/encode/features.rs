//! Opens the features of images: obj36 TSV files and stores, in any order.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use base::error::{Error, Result};
use base::files;
use base::progress::Observer;
use data::features::{FeatureStore, Precision, ensure_store};
use trainings::examples::FeatureSource;

/// The features of a run.
pub struct ImageFeatures {
    /// Stores in which images are looked up; a later file takes precedence.
    pub source: FeatureSource,
    /// Digests of the files that they come from.
    pub identity: Value,
}

impl ImageFeatures {
    /// Opens feature files, each of which is a store or a TSV. A TSV's store is built in the folder `stores` if it is missing. A
    /// number limits a file to its first rows.
    ///
    /// # Errors
    /// Those of [`ensure_store`] and [`FeatureStore::open_checked`]; usage if there are no files; data if their shapes differ.
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

/// Returns whether the content starts like a safetensors file: with a header length, then a JSON object.
fn is_store(path: &Path) -> Result<bool> {
    let failed =
        |e: &std::io::Error| Error::io("read the features", path, e).next("pass an obj36 TSV file or its store");
    let mut start = Vec::new();
    files::open_regular(path)?.take(9).read_to_end(&mut start).map_err(|e| failed(&e))?;
    Ok(start.get(6..9) == Some(b"\0\0{"))
}
