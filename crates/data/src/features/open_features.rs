//! An open feature file, TSV or store: rows by position or by image.

use std::path::Path;

use crate::features::column::TsvLayout;
use crate::features::inspect::FileKind;
use crate::features::row::Row;
use crate::features::store::{FeatureStore, Precision};
use crate::features::tsv::TsvIndex;
use base::error::{Error, Result};
use base::progress::Observer;

/// An open feature file. Memory grows with the ids only. Methods with a position panic unless it is less than the length.
pub enum OpenFeatures {
    /// A TSV of either layout.
    Tsv(TsvIndex),
    /// A store.
    Store(FeatureStore),
}

impl OpenFeatures {
    /// Opens a file and finds its images.
    ///
    /// # Errors
    /// What the TSV reader or the store says; data for a file without rows.
    pub fn open(path: &Path, progress: &dyn Observer) -> Result<Self> {
        let input = match FileKind::of(path)? {
            FileKind::Tsv => Self::Tsv(TsvIndex::build(path, progress)?),
            FileKind::Store => Self::Store(FeatureStore::open(path)?),
        };
        match input.images() {
            0 => {
                Err(Error::data(format!("{} has no rows", path.display())).next("fetch or extract the features again"))
            }
            _ => Ok(input),
        }
    }

    /// Returns the number of images, which is at least 1.
    pub fn images(&self) -> usize {
        match self {
            Self::Tsv(index) => index.ids().len(),
            Self::Store(store) => store.len(),
        }
    }

    /// Returns the image id of a row.
    pub fn id(&self, at: usize) -> &str {
        match self {
            Self::Tsv(index) => index.id(at),
            Self::Store(store) => store.id(at),
        }
    }

    /// Returns the position of an image.
    pub fn index_of(&self, id: &str) -> Option<usize> {
        match self {
            Self::Tsv(index) => index.index_of(id),
            Self::Store(store) => store.index_of(id),
        }
    }

    /// Returns whether it is a TSV or a store.
    pub fn kind(&self) -> FileKind {
        match self {
            Self::Tsv(_) => FileKind::Tsv,
            Self::Store(_) => FileKind::Store,
        }
    }

    /// Returns a store's precision; a TSV holds float32.
    pub fn precision(&self) -> Precision {
        match self {
            Self::Tsv(_) => Precision::F32,
            Self::Store(store) => store.precision(),
        }
    }

    /// Returns whether boxes have classes and probabilities.
    pub fn has_classes(&self) -> bool {
        match self {
            Self::Tsv(index) => index.layout() == TsvLayout::Ten,
            Self::Store(store) => store.has_classes(),
        }
    }

    /// Returns the bytes to read for a row; approximate for a store.
    pub fn row_bytes(&self, at: usize) -> u64 {
        match self {
            Self::Tsv(index) => index.row_bytes(at),
            Self::Store(store) => {
                let value = if store.precision() == Precision::F16 { 2 } else { 4 };
                // A box has four corners and two probabilities of four bytes, two classes of two.
                let classes = if store.has_classes() { 12 } else { 0 };
                store.boxes() as u64 * (store.dim() as u64 * value + 16 + classes)
            }
        }
    }

    /// Reads and checks a row; `text` is a buffer to be re-used.
    ///
    /// # Errors
    /// Data naming file, place, image and column of whatever is wrong with it.
    pub fn read(&self, at: usize, text: &mut Vec<u8>, row: &mut Row) -> Result<()> {
        match self {
            Self::Tsv(index) => Ok(index.read(at, text, row)?),
            Self::Store(store) => {
                store.copy_row(at, row);
                row.check().map_err(|(column, damage)| store.row_error(at, column, &damage))
            }
        }
    }
}
