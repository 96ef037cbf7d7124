//! Finds the store of a TSV by content, or builds it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::receipt::{self, StoreReceipt};
use super::sidecar;
use super::{FeatureStore, Precision, StoreSource, StoreWriter};
use crate::features::row::Row;
use crate::features::tsv::TsvReader;
use base::error::{Error, Result};
use base::files;
use base::progress::{Event, Observer, ProgressTask, TaskStart, Unit};

/// Returns the store of `tsv` in `store_dir`. It is built once, with progress, and reused while the TSV's content is the
/// same.
///
/// `limit`: number of rows needed, from the first (`--tiny`, `--fast`). A store of the whole file serves every limit;
/// without such a store, one of the first rows only is built. The TSV is identified by the SHA-256 of the bytes that the
/// rows come from. `STORE.source.json` keeps its size, modification time and inode as they were when the content was last
/// verified, so that it need not be read again. `STORE.receipt.json` identifies the store itself in the same way: a store
/// that was changed after it was built is built again.
///
/// # Errors
/// Data with the place where a row is damaged or the TSV changes while it is read; usage for a limit of 0.
pub fn ensure_store(
    tsv: &Path,
    store_dir: &Path,
    precision: Precision,
    limit: Option<usize>,
    progress: &dyn Observer,
) -> Result<FeatureStore> {
    if limit == Some(0) {
        return Err(Error::usage("a limit of 0 rows leaves no features").next("leave the limit out to use all rows"));
    }
    let limited = |store: FeatureStore| limit.map_or_else(|| store.clone(), |rows| store.clone().with_limit(rows));
    if let Some(path) = store_without_tsv(tsv, store_dir, precision) {
        let store = limited(FeatureStore::open_checked(&path, progress)?);
        note(progress, format!("reused {} ({} images); its TSV was removed", path.display(), store.len()));
        return Ok(store);
    }
    let wanted = StoreRequest::new(tsv, store_dir, precision, limit)?;
    let (outcome, store) = match wanted.find(progress)? {
        Some(store) => ("reused", store),
        None => ("built", wanted.build(progress)?),
    };
    let store = limited(store);
    note(progress, format!("{outcome} {} ({} images)", store.path().display(), store.len()));
    Ok(store)
}

fn note(progress: &dyn Observer, text: String) {
    progress.event(&Event::Note { name: "features".to_owned(), text });
}

/// Returns the store of a TSV that was removed after all of it was stored, as `repro clean tsv` does; `None` if the TSV is there,
/// or no such store is. It is found by the TSV's place.
pub fn store_without_tsv(tsv: &Path, store_dir: &Path, precision: Precision) -> Option<PathBuf> {
    // A link that leads nowhere is not a file that was removed.
    let is_gone = tsv.symlink_metadata().is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound);
    is_gone.then(|| own_store(tsv, store_dir, precision))?
}

/// Returns the store that is named after a TSV's place, if it holds a whole TSV; neither is read. Others may fit the TSV by
/// content.
pub fn own_store(tsv: &Path, store_dir: &Path, precision: Precision) -> Option<PathBuf> {
    let path = StorePaths::of_new(tsv, store_dir, precision).ok()?.whole();
    let store = FeatureStore::open(&path).ok()?;
    (store.precision() == precision && store.source().is_whole()).then_some(path)
}

/// Returns the store of all rows of `tsv` in `store_dir`, if it is known to be correct without reading the TSV or the store.
///
/// # Errors
/// See [`ensure_store`], if the TSV is not there.
pub fn known_store(tsv: &Path, store_dir: &Path, precision: Precision) -> Result<Option<FeatureStore>> {
    let wanted = StoreRequest::new(tsv, store_dir, precision, None)?;
    Ok(wanted.fitting().find(|store| wanted.is_stamped(store) && receipt::may_be_sound(store)))
}

/// Size, time and inode of a file: if equal, the file is the one that was verified before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileState {
    bytes: u64,
    modified_seconds: i64,
    modified_nanoseconds: i64,
    device: u64,
    inode: u64,
}

impl FileState {
    pub(super) fn of(path: &Path) -> Result<Self> {
        let data = std::fs::metadata(path).map_err(|error| {
            Error::io("read the features", path, &error).next("fetch or extract them, or name the right --data-root")
        })?;
        if !data.is_file() {
            return Err(files::not_a_file("read", path, &data));
        }
        Ok(Self {
            bytes: data.len(),
            modified_seconds: data.mtime(),
            modified_nanoseconds: data.mtime_nsec(),
            device: data.dev(),
            inode: data.ino(),
        })
    }
}

/// The state of the source when its content was verified; kept beside a store.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SourceStamp {
    sha256: String,
    covered: u64,
    state: FileState,
}

impl SourceStamp {
    const ENDING: &str = ".source.json";

    pub(super) fn of(store: &FeatureStore, state: &FileState) -> Self {
        let source = store.source();
        Self { sha256: source.sha256.clone(), covered: source.covered, state: state.clone() }
    }

    fn is_beside(&self, store: &Path) -> bool {
        sidecar::read::<Self>(store, Self::ENDING).is_some_and(|found| found == *self)
    }

    pub(super) fn leave_beside(&self, store: &Path) {
        sidecar::leave(store, Self::ENDING, self);
    }
}

/// Names of the stores of one TSV. They depend on its folder, so that `train_obj36.tsv` of two folders do not collide.
pub(super) struct StorePaths {
    folder: PathBuf,
    base: String,
}

impl StorePaths {
    fn new(tsv: &Path, folder: &Path, precision: Precision) -> Result<Self> {
        let place = tsv.canonicalize().map_err(|error| Error::io("read", tsv, &error))?;
        Ok(Self::of(tsv, &place, folder, precision))
    }

    /// Returns the names for a TSV that need not exist yet, but whose folder must.
    pub(super) fn of_new(tsv: &Path, folder: &Path, precision: Precision) -> Result<Self> {
        let above = tsv.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let place = above.canonicalize().map_err(|error| Error::io("read", above, &error))?;
        Ok(Self::of(tsv, &place.join(tsv.file_name().unwrap_or_default()), folder, precision))
    }

    fn of(tsv: &Path, place: &Path, folder: &Path, precision: Precision) -> Self {
        let place = files::sha256_bytes(place.as_os_str().as_encoded_bytes());
        let stem = tsv.file_stem().unwrap_or_default().to_string_lossy();
        Self { folder: folder.to_owned(), base: format!("{stem}-{}.{precision}", &place[..8]) }
    }

    pub(super) fn whole(&self) -> PathBuf {
        self.folder.join(format!("{}.safetensors", self.base))
    }

    fn first(&self, rows: usize) -> PathBuf {
        self.folder.join(format!("{}.first{rows}.safetensors", self.base))
    }

    /// Returns its own stores first, then all others in the folder: the TSV may have been moved.
    fn candidates(&self, limit: Option<usize>) -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = std::fs::read_dir(&self.folder)
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        all.retain(|path| path.extension().is_some_and(|extension| extension == "safetensors"));
        let own = [Some(self.whole()), limit.map(|rows| self.first(rows))];
        all.sort_by_key(|path| (!own.contains(&Some(path.clone())), path.clone()));
        all
    }
}

/// A request for the store of a TSV.
struct StoreRequest<'a> {
    tsv: &'a Path,
    state: FileState,
    names: StorePaths,
    precision: Precision,
    limit: Option<usize>,
}

impl<'a> StoreRequest<'a> {
    fn new(tsv: &'a Path, folder: &Path, precision: Precision, limit: Option<usize>) -> Result<Self> {
        let state = FileState::of(tsv)?;
        Ok(Self { tsv, state, names: StorePaths::new(tsv, folder, precision)?, precision, limit })
    }

    /// Returns the stores that may have been built from a TSV of this size, its own first. Each is opened lazily.
    fn fitting(&self) -> impl Iterator<Item = FeatureStore> {
        // What cannot be opened is no candidate: ours is then built again, others are not ours to judge.
        let stores = self.names.candidates(self.limit).into_iter().filter_map(|path| FeatureStore::open(&path).ok());
        let bytes = self.state.bytes;
        stores.filter(move |store| {
            let source = store.source();
            let whole = source.is_whole() && source.bytes == bytes;
            let enough = whole || self.limit.is_some_and(|rows| store.len() >= rows);
            store.precision() == self.precision && enough && source.covered <= bytes
        })
    }

    /// Returns whether the TSV is unchanged since the store was last verified.
    fn is_stamped(&self, store: &FeatureStore) -> bool {
        SourceStamp::of(store, &self.state).is_beside(store.path())
    }

    fn find(&self, progress: &dyn Observer) -> Result<Option<FeatureStore>> {
        let (stamped, others): (Vec<FeatureStore>, Vec<FeatureStore>) =
            self.fitting().partition(|store| self.is_stamped(store));
        // One that was changed after it was built is as good as none: the TSV is here.
        let is_sound = |store: &FeatureStore| match receipt::ensure_sound(store, progress) {
            Ok(()) => true,
            Err(error) => {
                note(progress, format!("this store is not used: {}", error.what()));
                false
            }
        };
        if let Some(store) = stamped.into_iter().find(is_sound) {
            return Ok(Some(store));
        }
        let mut hashes = BTreeMap::new();
        for store in others {
            let covered = store.source().covered;
            let hash = match hashes.entry(covered) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(hash_first(self.tsv, covered, progress)?),
            };
            if *hash == store.source().sha256 && is_sound(&store) {
                SourceStamp::of(&store, &self.state).leave_beside(store.path());
                return Ok(Some(store));
            }
        }
        Ok(None)
    }

    fn build(&self, progress: &dyn Observer) -> Result<FeatureStore> {
        let Self { tsv, state, names, precision, limit } = self;
        let whole = names.whole();
        let named = |covered, rows| if covered == state.bytes { names.whole() } else { names.first(rows) };
        let (path, digest) = write(tsv, state, StoreWriter::create(&whole, *precision)?, *limit, progress, named)?;
        let store = FeatureStore::open(&path)?;
        SourceStamp::of(&store, state).leave_beside(&path);
        StoreReceipt::leave_beside(&store, digest);
        Ok(store)
    }
}

/// Builds the store of a whole TSV as the file `store`, whatever was there, and leaves nothing beside it.
///
/// # Errors
/// See [`ensure_store`].
pub fn build_store(tsv: &Path, store: &Path, precision: Precision, progress: &dyn Observer) -> Result<()> {
    let state = FileState::of(tsv)?;
    write(tsv, &state, StoreWriter::create(store, precision)?, None, progress, |_, _| store.to_owned()).map(|_| ())
}

/// Reads the TSV's rows into the writer; `named` gives the store's path for the bytes and rows covered. Returns that
/// path and the store's digest.
fn write(
    tsv: &Path,
    state: &FileState,
    mut writer: StoreWriter,
    limit: Option<usize>,
    progress: &dyn Observer,
    named: impl FnOnce(u64, usize) -> PathBuf,
) -> Result<(PathBuf, String)> {
    let file = files::open_regular(tsv)?;
    let name = tsv.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut row = Row::default();
    let task = ProgressTask::begin(
        progress,
        TaskStart::new(format!("building the store of {name}"), state.bytes, Unit::Bytes),
    );
    let mut reader = TsvReader::new(HashingReader { file, hash: Sha256::new(), bytes: 0, task: &task }, tsv);
    while limit.is_none_or(|rows| writer.rows() < rows) && reader.read(&mut row)? {
        writer.write_row(&row)?;
    }
    let (bytes, hash, consumed) = (reader.get_ref().bytes, reader.get_ref().hash.clone(), reader.consumed());
    drop(reader);
    drop(task);
    let all_read = bytes == state.bytes && limit.is_none_or(|rows| writer.rows() < rows);
    let covered = if all_read { state.bytes } else { consumed };
    let sha256 = if bytes == covered { files::hex(&hash.finalize()) } else { hash_first(tsv, covered, progress)? };
    if FileState::of(tsv)? != *state {
        return Err(Error::data(format!("{} changed while it was read", tsv.display()))
            .next("let its download or extraction finish first"));
    }
    let path = named(covered, writer.rows());
    writer.rename_to(&path);
    let digest = writer.finish(StoreSource { name, bytes: state.bytes, covered, sha256 })?;
    Ok((path, digest))
}

/// A file whose bytes are hashed and counted as they are read.
struct HashingReader<'t> {
    file: File,
    hash: Sha256,
    bytes: u64,
    task: &'t ProgressTask<'t>,
}

impl Read for HashingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.bytes += read as u64;
        self.task.advance(read as u64);
        Ok(read)
    }
}

fn hash_first(tsv: &Path, bytes: u64, progress: &dyn Observer) -> Result<String> {
    let file = files::open_regular(tsv)?;
    let task = ProgressTask::begin(progress, TaskStart::new(format!("checking {}", tsv.display()), bytes, Unit::Bytes));
    let mut observed = HashingReader { file, hash: Sha256::new(), bytes: 0, task: &task };
    let mut buffer = vec![0; 1 << 20];
    let mut rest = bytes;
    while rest > 0 {
        let wanted = buffer.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        match observed.read(&mut buffer[..wanted]) {
            Ok(0) => break,
            Ok(read) => rest -= read as u64,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", tsv, &error)),
        }
    }
    Ok(files::hex(&observed.hash.finalize()))
}
