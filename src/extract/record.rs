//! The files beside a feature file: how it was extracted, and which images have no features.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::backend::ExtractionDetails;
use super::image_list::MissingImage;
use super::image_sets::ImageSource;
use super::work_dir::ExtractorId;
use base::error::{Error, Result};
use base::files;

const SCHEMA: u32 = 1;
const FILE_LIMIT: u64 = 256 << 20;

/// How a feature file was extracted, as in `NAME.extract.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtractionRecord {
    /// Version of the format.
    pub schema: u32,
    /// Name of the feature file.
    pub output: String,
    /// Number of rows.
    pub rows: usize,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// The extractor.
    pub made_by: ExtractorId,
    /// SHA-256 of the ids of all images, in order, one per line; includes images without features.
    pub ids_sha256: String,
    /// Images without a row.
    pub missing: Vec<MissingImage>,
    /// Number of files and folders that are not images.
    pub strays: usize,
    /// Rows extracted by the last run; earlier, interrupted runs extracted the others.
    pub extracted: usize,
    /// Duration of the last run's extraction.
    pub seconds: f64,
    /// Images per second of the last run.
    pub images_per_second: f64,
    /// When the extraction ended, UTC.
    pub ended: String,
    /// How it was done.
    #[serde(flatten)]
    pub details: ExtractionDetails,
}

impl ExtractionRecord {
    /// The current version of the format.
    pub const SCHEMA: u32 = SCHEMA;

    /// Returns its path.
    pub fn place(out: &Path, source: &ImageSource) -> PathBuf {
        out.join(format!("{}.extract.json", source.stem()))
    }

    /// Reads it; `None` if it is missing or unreadable.
    pub fn read(out: &Path, source: &ImageSource) -> Option<Self> {
        let text = files::read_text(&Self::place(out, source), FILE_LIMIT).ok()?;
        serde_json::from_str(&text).ok().filter(|record: &Self| record.schema == SCHEMA)
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of writing the file.
    pub fn write(&self, out: &Path, source: &ImageSource) -> Result<()> {
        json(&Self::place(out, source), self)
    }
}

/// Returns the path of the list of images without features.
pub fn missing_place(out: &Path, source: &ImageSource) -> PathBuf {
    out.join(format!("{}.missing.json", source.stem()))
}

/// Writes the list of images without features; if there are none, removes the file.
///
/// # Errors
/// Those of writing or removing the file.
pub fn write_missing(out: &Path, source: &ImageSource, missing: &[MissingImage]) -> Result<()> {
    let path = missing_place(out, source);
    if !missing.is_empty() {
        return json(&path, &missing);
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path, &error)),
        _ => Ok(()),
    }
}

fn json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::bug(format!("{} cannot be written", path.display())).because(error))?;
    bytes.push(b'\n');
    files::write_bytes(path, &bytes)
}
