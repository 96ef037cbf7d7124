//! The error for a damaged row: its position, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use super::error::{Column, RowDamage};
use base::error::Error;

/// A damaged row: file, line, column and kind of damage.
#[derive(Debug, Clone, PartialEq)]
pub struct RowError {
    /// The file as the caller named it.
    pub file: PathBuf,
    /// Line, counted from 1, blank lines included.
    pub line: u64,
    /// The row's image id, if it could be read.
    pub img_id: Option<String>,
    /// The damaged column; `None` for the row as a whole.
    pub column: Option<Column>,
    /// What is wrong.
    pub damage: RowDamage,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file.display(), self.line)?;
        if let Some(id) = &self.img_id {
            write!(f, ", image {id}")?;
        }
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.damage)
    }
}

impl std::error::Error for RowError {}

/// Why a row could not be read.
#[derive(Debug)]
pub enum TsvError {
    /// The row is damaged; the next call continues after it.
    Row(Box<RowError>),
    /// The file could not be read.
    Io(Error),
}

impl TsvError {
    pub(super) fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::Io(Error::io(doing, path, error))
    }
}

impl fmt::Display for TsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TsvError {}

impl From<TsvError> for Error {
    fn from(error: TsvError) -> Self {
        match error {
            TsvError::Io(error) => error,
            TsvError::Row(row) => {
                let file = row.file.display();
                if let Some(layout) = row.damage.layout() {
                    return Error::data(&row).next(format!(
                        "{}; `repro features inspect {file}` shows whether all rows are affected",
                        layout.advice()
                    ));
                }
                Error::data(&row).next(match &row.damage {
                    RowDamage::Truncated { .. } | RowDamage::ZeroBytes { .. } | RowDamage::Base64Cut { .. } => format!(
                        "the copy is incomplete: fetch or extract {file} again; `repro features inspect {file}` lists every damaged row"
                    ),
                    RowDamage::OtherKind(foreign) => foreign.advice.to_string(),
                    RowDamage::OtherLayout { .. } => format!(
                        "keep rows of each layout in a file of their own; `repro features inspect {file}` lists every damaged row"
                    ),
                    RowDamage::NumberWidth { .. } => "write the features as little-endian float32".to_owned(),
                    RowDamage::ConstantFeatures { .. } | RowDamage::SameFeatures { .. } => format!(
                        "extract again with a detector built for the GPU, or on the CPU; `repro features inspect {file}` lists every damaged row"
                    ),
                    RowDamage::Glued { .. } => format!(
                        "an extraction was killed and continued: delete this row and extract its two images again; `repro features inspect {file}` lists every damaged row"
                    ),
                    RowDamage::Duplicate { .. } => format!("keep one of the two rows in {file}"),
                    _ => format!("`repro features inspect {file}` lists every damaged row"),
                })
            }
        }
    }
}
