//! The columns of an obj36 TSV.

use std::fmt;

use serde::{Deserialize, Serialize};

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
