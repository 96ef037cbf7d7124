//! The columns of a feature TSV and its two layouts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The ten columns, in obj36's order.
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

    /// Returns the original's name of the column.
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

/// Which columns a TSV has. A file has one layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TsvLayout {
    /// obj36's ten columns.
    Ten,
    /// bottom-up-attention's own six, without classes and probabilities; the width stands before the height
    /// (tools/generate_tsv.py of peteanderson80/bottom-up-attention).
    Six,
}

impl TsvLayout {
    /// Returns the columns in the file's order.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Ten => &Column::ALL,
            Self::Six => {
                &[Column::ImgId, Column::ImgW, Column::ImgH, Column::NumBoxes, Column::Boxes, Column::Features]
            }
        }
    }

    /// Returns the other layout.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Ten => Self::Six,
            Self::Six => Self::Ten,
        }
    }

    /// Returns the layout's name, such as `obj36's ten columns`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ten => "obj36's ten columns",
            Self::Six => "bottom-up-attention's six columns",
        }
    }
}

impl fmt::Display for TsvLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
