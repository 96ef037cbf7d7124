//! Errors of a row of features.

pub use super::column::{Column, TsvLayout};
use super::foreign_format::ForeignFormat;

/// One kind of damage in one row. Boxes and their values are counted from 0, offsets in bytes.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RowDamage {
    /// The row ends too early.
    #[error("the row is cut short: {columns} of {of} columns{}", if *.at_end { ", and the file ends inside it" } else { "" })]
    Truncated {
        /// Columns there are, the last one perhaps in part.
        columns: usize,
        /// Columns that a row of the file has.
        of: usize,
        /// Whether the file ends inside the row.
        at_end: bool,
    },
    /// The extractor was killed in this row and wrote the next one behind it.
    #[error("two rows are glued together: the row of {} begins inside this column, so two images are lost", .second.as_deref().map_or_else(|| "another image".to_owned(), |id| format!("image {id}")))]
    Glued {
        /// The second image, or the beginning of its id, if known.
        second: Option<String>,
    },
    /// More columns than a row of the file has, and no second row among them.
    #[error("the row has {columns} columns instead of {of}")]
    TooManyColumns {
        /// Columns found.
        columns: usize,
        /// Columns that a row of the file has.
        of: usize,
    },
    /// A row of the other layout.
    #[error("the row has {layout}, not {}; a file must have one layout", .layout.other())]
    OtherLayout {
        /// The row's.
        layout: TsvLayout,
    },
    /// No line end within the longest row allowed.
    #[error("the row is longer than {limit} bytes; is this an obj36 TSV?")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
    },
    /// The file has another format.
    #[error("this is {}, not an obj36 TSV", .0.what)]
    OtherKind(ForeignFormat),
    /// Zero bytes, as in space reserved for a download.
    #[error("byte {offset} of the row is zero: a download that reserved its space was not finished")]
    ZeroBytes {
        /// Where in the row.
        offset: usize,
    },
    /// No image id that the format can carry.
    #[error("{why}")]
    BadId {
        /// Why the id is bad.
        why: &'static str,
    },
    /// A quoted field without a closing quote at its end.
    #[error("the field begins with a quote that its end does not close")]
    Quote,
    /// A field that should be a whole number.
    #[error("{text:?} is not a whole number")]
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
    /// A character that is not valid base64 at its position.
    #[error("bad base64: character {} at offset {offset}", show_byte(*.byte))]
    Base64 {
        /// Where in the field.
        offset: usize,
        /// The character.
        byte: u8,
    },
    /// Base64 whose length is impossible.
    #[error("bad base64: {length} characters are not a multiple of four, so the text is cut short")]
    Base64Cut {
        /// Characters in the field.
        length: usize,
    },
    /// A column with too few or too many values.
    #[error("decodes to {bytes} bytes; {boxes} boxes need {expected}{}", width_hint(*.bytes, *.expected))]
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
    #[error("{boxes} boxes here, {first} in line {first_line}; training needs one number in all rows of a file")]
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
    #[error("box {index} has {coordinate} = {pixels}, outside the image (side {side}){}", layout_hint(*.layout))]
    OutsideImage {
        /// Box.
        index: usize,
        /// `x1`, `y1`, `x2` or `y2`.
        coordinate: &'static str,
        /// Its value.
        pixels: f32,
        /// Width or height of the image.
        side: u32,
        /// The layout as which all boxes of the image would fit.
        layout: Option<BoxLayout>,
    },
    /// A left or upper edge behind the right or lower one.
    #[error("box {index} has {axis}1 = {low} and {axis}2 = {high}, the wrong way round{}", layout_hint(*.layout))]
    InvertedBox {
        /// Box.
        index: usize,
        /// `x` or `y`.
        axis: char,
        /// The first corner's coordinate.
        low: f32,
        /// The second corner's.
        high: f32,
        /// The layout as which all boxes of the image would fit.
        layout: Option<BoxLayout>,
    },
    /// Boxes within 0 and 1 in an image of many pixels.
    #[error("no corner is beyond {greatest} in an image of {width}x{height} pixels: {}", BoxLayout::Normalised.seen())]
    NormalisedBoxes {
        /// Greatest coordinate.
        greatest: f32,
        /// The image's width.
        width: u32,
        /// The image's height.
        height: u32,
    },
    /// All boxes of an image at one place.
    #[error("all {boxes} boxes are the same")]
    SameBoxes {
        /// How many.
        boxes: usize,
    },
    /// All boxes of an image with the same features.
    #[error("all {boxes} boxes have the same features{BROKEN_GPU}")]
    SameFeatures {
        /// How many boxes.
        boxes: usize,
    },
    /// One value throughout the row.
    #[error("all features are {value}{BROKEN_GPU}")]
    ConstantFeatures {
        /// The value.
        value: f32,
    },
    /// A feature below 0.
    #[error(
        "box {index}, value {position} is {value}: a detector's features come out of a ReLU and are never negative"
    )]
    NegativeFeature {
        /// Box.
        index: usize,
        /// Value in the box.
        position: usize,
        /// The value.
        value: f32,
    },
    /// A feature that is far too large.
    #[error("box {index}, value {position} is {value}: no detector's features are beyond {greatest}")]
    AbsurdFeature {
        /// Box.
        index: usize,
        /// Value in the box.
        position: usize,
        /// The value.
        value: f32,
        /// The greatest value that is accepted.
        greatest: f32,
    },
    /// Numbers so small that they cannot be features, and no other width explains them.
    #[error("{count} of {of} features are below 1e-7 but not 0, which no detector gives")]
    TinyFeatures {
        /// How many.
        count: usize,
        /// Features of the row.
        of: usize,
    },
    /// Numbers of another width or byte order.
    #[error("the features are {width}, not float32: read so, each box has {dim} of them and their values make sense")]
    NumberWidth {
        /// Such as `float16`.
        width: &'static str,
        /// Features of a box when read so.
        dim: usize,
    },
    /// A probability outside 0 and 1.
    #[error("box {index} has the probability {value}, outside 0 to 1")]
    Confidence {
        /// Box.
        index: usize,
        /// The value.
        value: f32,
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

/// Likely reason for a whole image with the same features.
const BROKEN_GPU: &str = "; Caffe gives that on a GPU that it was not built for";

/// A layout of boxes other than x1, y1, x2, y2 in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BoxLayout {
    /// A corner and the size.
    Xywh,
    /// Shares of the image's sides.
    Normalised,
    /// x and y have changed places.
    Swapped,
}

impl BoxLayout {
    /// Returns what the boxes look like, as a part of a sentence.
    pub fn seen(self) -> &'static str {
        match self {
            Self::Xywh => "the boxes look like x, y, width, height",
            Self::Normalised => "the boxes are normalised already",
            Self::Swapped => "the boxes look like y1, x1, y2, x2, or the image's height and width have changed places",
        }
    }

    /// Returns a stable name, like [`RowDamage::kind`].
    pub fn kind(self) -> &'static str {
        match self {
            Self::Xywh => "boxes-xywh",
            Self::Normalised => "boxes-normalised",
            Self::Swapped => "boxes-swapped",
        }
    }

    /// Returns what to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Xywh => "write the boxes as x1, y1, x2 = x1 + width, y2 = y1 + height",
            Self::Normalised => "multiply x by the image's width and y by its height: obj36 holds pixels",
            Self::Swapped => {
                "write the boxes as x1, y1, x2, y2; obj36 has img_h before img_w, bottom-up-attention's six columns image_w before image_h"
            }
        }
    }
}

fn layout_hint(layout: Option<BoxLayout>) -> String {
    layout.map_or_else(String::new, |layout| format!("; {}", layout.seen()))
}

/// Explains half or twice the expected bytes as numbers of another width.
fn width_hint(bytes: u64, expected: u64) -> &'static str {
    match (bytes, expected) {
        (0, _) => "",
        (bytes, expected) if bytes.checked_mul(2) == Some(expected) => ", twice as many: the numbers are half as wide",
        (bytes, expected) if expected.checked_mul(2) == Some(bytes) => ", half as many: the numbers are twice as wide",
        _ => "",
    }
}

fn show_byte(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("'{}'", byte as char) } else { format!("0x{byte:02x}") }
}

impl RowDamage {
    /// Returns the wrong layout that the row's boxes seem to have, if any.
    pub fn layout(&self) -> Option<BoxLayout> {
        match self {
            Self::OutsideImage { layout, .. } | Self::InvertedBox { layout, .. } => *layout,
            Self::NormalisedBoxes { .. } => Some(BoxLayout::Normalised),
            _ => None,
        }
    }

    /// Returns a stable name of the kind, for counts and machine-readable output.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated-row",
            Self::Glued { .. } => "glued-rows",
            Self::TooManyColumns { .. } => "too-many-columns",
            Self::OtherLayout { .. } => "other-layout",
            Self::TooLong { .. } => "row-too-long",
            Self::OtherKind(_) => "not-a-tsv",
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
            Self::InvertedBox { .. } => "inverted-box",
            Self::NormalisedBoxes { .. } => BoxLayout::Normalised.kind(),
            Self::SameBoxes { .. } => "same-boxes",
            Self::SameFeatures { .. } => "same-features",
            Self::ConstantFeatures { .. } => "constant-features",
            Self::NegativeFeature { .. } => "negative-feature",
            Self::AbsurdFeature { .. } | Self::TinyFeatures { .. } => "absurd-feature",
            Self::NumberWidth { .. } => "number-width",
            Self::Confidence { .. } => "probability",
            Self::ClassId { .. } => "class-id",
            Self::Duplicate { .. } => "duplicate-image",
        }
    }
}
