//! What can be wrong with a feature file, by place.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The ten columns, in the file's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Column {
    ImgId,
    ImgH,
    ImgW,
    ObjectsId,
    ObjectsConf,
    AttrsId,
    AttrsConf,
    NumBoxes,
    Boxes,
    Features,
}

impl Column {
    /// All columns in the file's order.
    pub const ALL: [Self; 10] = [
        Self::ImgId,
        Self::ImgH,
        Self::ImgW,
        Self::ObjectsId,
        Self::ObjectsConf,
        Self::AttrsId,
        Self::AttrsConf,
        Self::NumBoxes,
        Self::Boxes,
        Self::Features,
    ];

    /// The original's name of the column.
    pub fn name(self) -> &'static str {
        match self {
            Self::ImgId => "img_id",
            Self::ImgH => "img_h",
            Self::ImgW => "img_w",
            Self::ObjectsId => "objects_id",
            Self::ObjectsConf => "objects_conf",
            Self::AttrsId => "attrs_id",
            Self::AttrsConf => "attrs_conf",
            Self::NumBoxes => "num_boxes",
            Self::Boxes => "boxes",
            Self::Features => "features",
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One kind of damage in one row.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum Damage {
    #[error("the row is cut short: {columns} of 10 columns{}", if *.at_end { ", and the file ends inside it" } else { "" })]
    Truncated { columns: usize, at_end: bool },
    #[error("two rows are glued together: inside this column the row of {} begins, so two images are lost", .second.as_deref().map_or_else(|| "another image".to_owned(), |id| format!("image {id}")))]
    Glued { second: Option<String> },
    #[error("the row has {columns} columns instead of 10")]
    TooManyColumns { columns: usize },
    #[error("the row is longer than {limit} bytes; is this an obj36 TSV?")]
    TooLong { limit: usize },
    #[error("byte {offset} of the row is zero: a download that reserved its space was not finished")]
    ZeroBytes { offset: usize },
    #[error("{why}")]
    BadId { why: &'static str },
    #[error("the field begins with a quote that its end does not close")]
    Quote,
    #[error("{text:?} is no whole number")]
    NotANumber { text: String },
    #[error("an image side of {pixels} pixels is impossible")]
    ImageSize { pixels: u64 },
    #[error("the image has no boxes")]
    ZeroBoxes,
    #[error("num_boxes says {declared}, the other columns hold {found}")]
    NumBoxes { declared: usize, found: usize },
    #[error("bad base64: character {} at offset {offset}", show_byte(*.byte))]
    Base64 { offset: usize, byte: u8 },
    #[error("bad base64: {length} characters are no whole number of groups of four, so the text is cut")]
    Base64Cut { length: usize },
    #[error("decodes to {bytes} bytes; {boxes} boxes need {expected}")]
    WrongLength { bytes: u64, expected: u64, boxes: usize },
    #[error("decodes to {bytes} bytes, which {boxes} boxes of float32 features cannot share evenly")]
    Uneven { bytes: u64, boxes: usize },
    #[error("{boxes} boxes here, {first} in line {first_line}; a file must have one number")]
    OtherBoxes { boxes: usize, first: usize, first_line: u64 },
    #[error("{dim} features per box here, {first} in line {first_line}; one of the two rows is damaged")]
    OtherDim { dim: usize, first: usize, first_line: u64 },
    #[error("box {index} has {coordinate} = {pixels}, outside the image (side {side})")]
    OutsideImage { index: usize, coordinate: &'static str, pixels: f32, side: u32 },
    #[error("box {index}, value {position} is {value}")]
    NotFinite { index: usize, position: usize, value: f32 },
    #[error("box {index} has class {id}, outside 0..{classes}")]
    ClassId { index: usize, id: i64, classes: i64 },
    #[error("the image appeared before, in line {first_line}")]
    Duplicate { first_line: u64 },
}

fn show_byte(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("'{}'", byte as char) } else { format!("0x{byte:02x}") }
}

impl Damage {
    /// A stable name of the kind, for counts and machine-readable output.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated-row",
            Self::Glued { .. } => "glued-rows",
            Self::TooManyColumns { .. } => "too-many-columns",
            Self::TooLong { .. } => "row-too-long",
            Self::ZeroBytes { .. } => "zero-bytes",
            Self::BadId { .. } => "bad-image-id",
            Self::Quote => "bad-quote",
            Self::NotANumber { .. } => "not-a-number",
            Self::ImageSize { .. } => "image-size",
            Self::ZeroBoxes => "zero-boxes",
            Self::NumBoxes { .. } => "num-boxes-mismatch",
            Self::Base64 { .. } | Self::Base64Cut { .. } => "bad-base64",
            Self::WrongLength { .. } | Self::Uneven { .. } => "wrong-length",
            Self::OtherBoxes { .. } | Self::OtherDim { .. } => "other-shape",
            Self::OutsideImage { .. } => "box-outside-image",
            Self::NotFinite { .. } => "not-finite",
            Self::ClassId { .. } => "class-id",
            Self::Duplicate { .. } => "duplicate-image",
        }
    }
}

/// A damaged row: file, line, column, what is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct RowError {
    /// The file as the caller named it.
    pub file: PathBuf,
    /// Line, counted from 1, blank lines included.
    pub line: u64,
    /// The row's image id where it could be read.
    pub img_id: Option<String>,
    /// The column where the damage shows; none where it is the row as a whole.
    pub column: Option<Column>,
    /// What is wrong.
    pub damage: Damage,
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
    /// The row is damaged; the next call goes on behind it.
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
                Error::data(&row).next(match row.damage {
                    Damage::Truncated { .. } | Damage::ZeroBytes { .. } | Damage::Base64Cut { .. } => format!(
                        "the copy is incomplete: fetch or extract {file} again; `repro features inspect {file}` lists every damaged row"
                    ),
                    Damage::Glued { .. } => format!(
                        "an extraction was killed and continued: delete this row and extract its two images again; `repro features inspect {file}` lists every damaged row"
                    ),
                    Damage::Duplicate { .. } => format!("keep one of the two rows in {file}"),
                    _ => format!("`repro features inspect {file}` lists every damaged row"),
                })
            }
        }
    }
}
