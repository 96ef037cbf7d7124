//! What is written beside the features: how they came about, and which images have none.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::backend::Details;
use super::list::Missing;
use super::sets::Source;
use super::work::MadeBy;
use base::error::{Error, Result};
use base::files;

const SCHEMA: u32 = 1;
const FILE_LIMIT: u64 = 256 << 20;

/// How a feature file came about: `NAME.extract.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of this form.
    pub schema: u32,
    /// The feature file's name.
    pub output: String,
    /// Its rows.
    pub rows: usize,
    /// Its bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// What extracted it.
    pub made_by: MadeBy,
    /// SHA-256 of the ids of all images, in order, one a line; those without features included.
    pub ids_sha256: String,
    /// Images that have no row.
    pub missing: Vec<Missing>,
    /// Files and folders that are no images.
    pub strays: usize,
    /// Rows extracted by the last run; the others by runs before that did not end.
    pub extracted: usize,
    /// Seconds of the last run's extraction.
    pub seconds: f64,
    /// Images a second in it.
    pub images_per_second: f64,
    /// When it ended, UTC.
    pub ended: String,
    /// How.
    #[serde(flatten)]
    pub details: Details,
}

impl Record {
    /// The version of the form that this program writes.
    pub const SCHEMA: u32 = SCHEMA;

    /// Where it lies.
    pub fn place(out: &Path, source: &Source) -> PathBuf {
        out.join(format!("{}.extract.json", source.stem()))
    }

    /// Reads it; none where there is none or it cannot be understood.
    pub fn read(out: &Path, source: &Source) -> Option<Self> {
        let text = files::read_text(&Self::place(out, source), FILE_LIMIT).ok()?;
        serde_json::from_str(&text).ok().filter(|record: &Self| record.schema == SCHEMA)
    }

    /// Writes it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, out: &Path, source: &Source) -> Result<()> {
        json(&Self::place(out, source), self)
    }
}

/// Where the list of images without features lies.
pub fn missing_place(out: &Path, source: &Source) -> PathBuf {
    out.join(format!("{}.missing.json", source.stem()))
}

/// Writes the list of images without features; an empty one removes it.
///
/// # Errors
/// It cannot be written.
pub fn write_missing(out: &Path, source: &Source, missing: &[Missing]) -> Result<()> {
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
