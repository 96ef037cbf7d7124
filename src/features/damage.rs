//! What can be wrong with a feature file, by place.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The ten columns, in the file's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// Image id, text.
    ImgId,
    /// Image height in pixels.
    ImgH,
    /// Image width in pixels.
    ImgW,
    /// Object classes, int64.
    ObjectsId,
    /// Object probabilities, float32.
    ObjectsConf,
    /// Attribute classes, int64.
    AttrsId,
    /// Attribute probabilities, float32.
    AttrsConf,
    /// Number of boxes.
    NumBoxes,
    /// Boxes in pixels, float32.
    Boxes,
    /// RoI features, float32.
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

/// One kind of damage in one row. Boxes and their values are counted from 0, offsets in bytes.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Damage {
    /// The row ends too early.
    #[error("the row is cut short: {columns} of 10 columns{}", if *.at_end { ", and the file ends inside it" } else { "" })]
    Truncated {
        /// Columns there are, the last one perhaps in part.
        columns: usize,
        /// Whether the file ends here.
        at_end: bool,
    },
    /// The extractor was killed in this row and wrote the next one behind it.
    #[error("two rows are glued together: inside this column the row of {} begins, so two images are lost", .second.as_deref().map_or_else(|| "another image".to_owned(), |id| format!("image {id}")))]
    Glued {
        /// The second image, or the beginning of its id, where it can be told.
        second: Option<String>,
    },
    /// More than ten columns, and no second row among them.
    #[error("the row has {columns} columns instead of 10")]
    TooManyColumns {
        /// Columns found.
        columns: usize,
    },
    /// No line end within the longest row allowed.
    #[error("the row is longer than {limit} bytes; is this an obj36 TSV?")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
    },
    /// The file is of another kind altogether.
    #[error("this is {what}, not an obj36 TSV")]
    OtherKind {
        /// Such as `a zip archive`.
        what: &'static str,
    },
    /// Zero bytes, as in space reserved for a download.
    #[error("byte {offset} of the row is zero: a download that reserved its space was not finished")]
    ZeroBytes {
        /// Where in the row.
        offset: usize,
    },
    /// No image id that the format can carry.
    #[error("{why}")]
    BadId {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A quoted field that does not end where it should.
    #[error("the field begins with a quote that its end does not close")]
    Quote,
    /// Something else where a whole number belongs.
    #[error("{text:?} is no whole number")]
    NotANumber {
        /// Its first 40 bytes.
        text: String,
    },
    /// An image side of 0 or beyond [`MAX_IMAGE_SIDE`](super::MAX_IMAGE_SIDE).
    #[error("an image side of {pixels} pixels is impossible")]
    ImageSize {
        /// The side.
        pixels: u64,
    },
    /// No boxes.
    #[error("the image has no boxes")]
    ZeroBoxes,
    /// `num_boxes` contradicts all other columns.
    #[error("num_boxes says {declared}, the other columns hold {found}")]
    NumBoxes {
        /// In the column.
        declared: usize,
        /// By the lengths of ids, probabilities and boxes.
        found: usize,
    },
    /// A character that is not base64 where it stands.
    #[error("bad base64: character {} at offset {offset}", show_byte(*.byte))]
    Base64 {
        /// Where in the field.
        offset: usize,
        /// The character.
        byte: u8,
    },
    /// Base64 whose length is impossible.
    #[error("bad base64: {length} characters are no whole number of groups of four, so the text is cut")]
    Base64Cut {
        /// Characters in the field.
        length: usize,
    },
    /// A column with too few or too many values.
    #[error("decodes to {bytes} bytes; {boxes} boxes need {expected}")]
    WrongLength {
        /// Decoded bytes.
        bytes: u64,
        /// Bytes that `boxes` need.
        expected: u64,
        /// Number of boxes.
        boxes: usize,
    },
    /// Features that cannot be divided among the boxes.
    #[error("decodes to {bytes} bytes, which {boxes} boxes of float32 features cannot share evenly")]
    Uneven {
        /// Decoded bytes.
        bytes: u64,
        /// Number of boxes.
        boxes: usize,
    },
    /// Another number of boxes than the first row has.
    #[error("{boxes} boxes here, {first} in line {first_line}; a file must have one number")]
    OtherBoxes {
        /// Here.
        boxes: usize,
        /// In the first row.
        first: usize,
        /// Where that is.
        first_line: u64,
    },
    /// Another feature dimension than the first row has.
    #[error("{dim} features per box here, {first} in line {first_line}; one of the two rows is damaged")]
    OtherDim {
        /// Here.
        dim: usize,
        /// In the first row.
        first: usize,
        /// Where that is.
        first_line: u64,
    },
    /// A box outside its image by [`BOX_TOLERANCE`](super::BOX_TOLERANCE) or more.
    #[error("box {index} has {coordinate} = {pixels}, outside the image (side {side})")]
    OutsideImage {
        /// Box.
        index: usize,
        /// `x1`, `y1`, `x2` or `y2`.
        coordinate: &'static str,
        /// Its value.
        pixels: f32,
        /// Width or height of the image.
        side: u32,
    },
    /// NaN or infinity.
    #[error("box {index}, value {position} is {value}")]
    NotFinite {
        /// Box.
        index: usize,
        /// Value in the box.
        position: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// A class that the detector does not have.
    #[error("box {index} has class {id}, outside 0..{classes}")]
    ClassId {
        /// Box.
        index: usize,
        /// The class.
        id: i64,
        /// Number of classes.
        classes: i64,
    },
    /// An image that an earlier row has.
    #[error("the image appeared before, in line {first_line}")]
    Duplicate {
        /// Line of the earlier row.
        first_line: u64,
    },
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
            Self::OtherKind { .. } => "not-a-tsv",
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
                    Damage::OtherKind { .. } => "unpack it if it is an archive, otherwise fetch it again".to_owned(),
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
