//! Writes a TSV and builds its store in one pass while an archive is unpacked, in the time of unpacking alone: one thread
//! unpacks, one hashes and writes the TSV, one reads its rows into the store.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;

use super::build::{FileState, SourceStamp, StorePaths};
use super::receipt::StoreReceipt;
use super::{FeatureStore, Precision, StoreSource, StoreWriter};
use crate::features::row::Row;
use crate::features::row_error::TsvError;
use crate::features::tsv::TsvReader;
use base::error::{Error, Result};
use base::files::part_file::PartFile;
use base::files::relay::{Feed, FeedError, RelayError, relay};

/// Result of [`store_stream`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamOutcome {
    /// Rows, all of them checked.
    pub rows: u64,
    /// Bytes of the TSV.
    pub bytes: u64,
    /// SHA-256 of the TSV.
    pub sha256: String,
    /// The store.
    pub store: PathBuf,
}

/// Writes `source` as the file `tsv`, checks every row, and builds the store of it in `store_dir`, where
/// [`ensure_store`](super::ensure_store) finds it without reading the TSV again. `progress` hears of bytes just checked.
///
/// The TSV has the name `TSV.part` until all is right; what a killed process left there is removed, as are its unfinished
/// stores. Where anything fails, neither TSV nor store appears, and what was there before stays.
///
/// # Errors
/// Data if a row is damaged, with line and column, if a row is longer or shorter than its columns imply, if there
/// are not `expected_rows` rows, or if `source` says that its data is damaged; disk if there is no room.
pub fn store_stream(
    source: impl Read + Send,
    tsv: &Path,
    store_dir: &Path,
    precision: Precision,
    expected_rows: Option<u64>,
    progress: &mut dyn FnMut(u64),
) -> Result<StreamOutcome> {
    let mut part = PartFile::create(tsv)?;
    let names = StorePaths::of_new(tsv, store_dir, precision)?;
    let store = names.whole();
    let mut writer = StoreWriter::create(&store, precision)?;
    let (relay, [text, rows]) = relay();
    let (unpacked, written, built) = thread::scope(|scope| {
        let unpacking = scope.spawn(|| relay.run(source));
        let writing = scope.spawn(|| part.fill(text, &mut |_| {}));
        let built = build(rows, tsv, &mut writer, progress);
        (unpacking.join(), writing.join(), built)
    });
    // One cause, however many threads it stopped: first whoever has no choice but to stop the others.
    let failed = |error| Error::io("unpack", tsv, &error).next("fetch the archive again");
    let (bytes, sha256) = match (unpacked, written, built) {
        (Ok(Err(RelayError::Source(error))), _, _) => return Err(failed(error)),
        (_, Ok(Err(FeedError::Failed(error))), _) | (_, _, Err(FeedError::Failed(error))) => return Err(error),
        (Ok(Ok(())), Ok(Ok(done)), Ok(())) => done,
        _ => return Err(Error::bug(format!("unpacking {} stopped without a reason", tsv.display()))),
    };
    let rows = writer.rows() as u64;
    if let Some(expected) = expected_rows.filter(|expected| *expected != rows) {
        return Err(wrong_count(tsv, rows, expected));
    }
    let name = tsv.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let digest = writer.finish(StoreSource { name, bytes, covered: bytes, sha256: sha256.clone() })?;
    part.finish()?;
    let built = FeatureStore::open(&store)?;
    SourceStamp::of(&built, &FileState::of(tsv)?).leave_beside(&store);
    StoreReceipt::leave_beside(&built, digest);
    Ok(StreamOutcome { rows, bytes, sha256, store })
}

/// Reads all rows into the writer.
fn build(feed: Feed, tsv: &Path, writer: &mut StoreWriter, progress: &mut dyn FnMut(u64)) -> Result<(), FeedError> {
    let mut reader = TsvReader::new(feed, tsv);
    let mut row = Row::default();
    loop {
        let before = reader.consumed();
        let more = reader.read(&mut row).map_err(|error| match error {
            // The source is other threads, so it is they who failed.
            TsvError::Io(_) => FeedError::Elsewhere,
            TsvError::Row(row) => FeedError::Failed(
                Error::data(row).next("the archive holds a damaged file: fetch it again, or from another source"),
            ),
        })?;
        let bytes = reader.consumed() - before;
        progress(bytes);
        let line_end = bytes.checked_sub(if more { row.text_bytes() } else { 0 });
        let line_end = line_end.and_then(|left| left.checked_sub(if before == 0 { reader.mark_bytes() } else { 0 }));
        match (more, line_end) {
            (true, Some(0..=2)) => writer.write_row(&row).map_err(FeedError::Failed)?,
            (false, Some(0)) => return Ok(()),
            (true, _) => return Err(FeedError::Failed(wrong_length(tsv, &row, reader.line(), bytes))),
            (false, _) => return Err(FeedError::Failed(bytes_behind(tsv, bytes))),
        }
    }
}

fn wrong_length(tsv: &Path, row: &Row, line: u64, bytes: u64) -> Error {
    Error::data(format!("{}, line {line}, image {}: the row is longer than it should be", tsv.display(), row.img_id))
        .because(format!("its columns need {} bytes and a line end, but {bytes} are there", row.text_bytes()))
        .next("the archive holds a damaged file: fetch it again, or from another source")
}

fn bytes_behind(tsv: &Path, bytes: u64) -> Error {
    Error::data(format!("{} has {bytes} bytes behind its last row", tsv.display()))
        .next("the archive holds a damaged file: fetch it again, or from another source")
}

fn wrong_count(tsv: &Path, rows: u64, expected: u64) -> Error {
    let (difference, what) = (rows.abs_diff(expected), if rows < expected { "missing" } else { "too many" });
    Error::data(format!("{} has {rows} rows instead of {expected}: {difference} {what}", tsv.display()))
        .because("every row that is there is right, so the published file is incomplete or another one")
        .next("fetch the archive again, or from another source")
}
