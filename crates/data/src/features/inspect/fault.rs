//! Faults that a whole file can have.

use crate::features::error::{BoxLayout, Column, RowDamage};

/// A fault that a whole file can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SharedFault {
    /// Boxes are laid out otherwise.
    Boxes(BoxLayout),
    /// Features are numbers of another width.
    Width(&'static str),
}

impl SharedFault {
    pub(super) fn of(damage: &RowDamage) -> Option<Self> {
        match damage {
            RowDamage::NumberWidth { width, .. } => Some(Self::Width(width)),
            other => other.layout().map(Self::Boxes),
        }
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Boxes(layout) => layout.kind(),
            Self::Width(_) => "number-width",
        }
    }

    pub(super) fn column(self) -> Column {
        match self {
            Self::Boxes(_) => Column::Boxes,
            Self::Width(_) => Column::Features,
        }
    }

    pub(super) fn told(self, rows: &str) -> String {
        match self {
            Self::Boxes(layout) => format!("{rows}, {}: {}", layout.seen(), layout.advice()),
            Self::Width(width) => {
                format!("{rows}, the features are {width}, not float32: write them as little-endian float32")
            }
        }
    }
}
