//! Why bytes are not decoded to a picture.

use thiserror::Error;

use crate::limits;

/// Why bytes are not decoded to a picture. The text follows "the file was refused:".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is not a single byte.
    #[error("it is empty")]
    Empty,
    /// The first bytes are neither those of a JPEG nor those of a PNG; what they are, if known.
    #[error("it is {0}, and only JPEG and PNG are decoded")]
    OtherFormat(&'static str),
    /// The first bytes are those of nothing that is known.
    #[error("it is not a picture")]
    NotAPicture,
    /// The file ends before its pixels begin, or, for a PNG, before its end mark.
    #[error("it is cut short: {0}")]
    CutShort(&'static str),
    /// The content contradicts the format, or needs what is not supported; the decoder's words.
    #[error("its {format} data cannot be decoded: {why}")]
    Damaged {
        /// JPEG or PNG.
        format: &'static str,
        /// What the decoder found.
        why: String,
    },
    /// A side or the number of pixels is more than OpenCV reads.
    #[error(
        "{width} x {height} pixels are more than are decoded (at most {} a side, {} in all)",
        limits::SIDE,
        limits::PIXELS
    )]
    TooLarge {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// The header promises more pixels than the file can hold. Deflated pixels of a PNG shrink to a 1032nd at most; and a picture that
    /// needs more than 96 MB to decode must have a byte for every 100 pixels, as every photograph has.
    #[error("{width} x {height} pixels cannot come from {bytes} bytes")]
    Implausible {
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
        /// Bytes of the file, or of its compressed pixels.
        bytes: usize,
    },
    /// A JPEG has more scans than any program writes.
    #[error("it has more than {} scans", limits::SCANS)]
    TooManyScans,
    /// The file is larger than is read.
    #[error("it is larger than {} MB", limits::FILE_BYTES / 1_000_000)]
    FileTooLarge,
    /// There is not enough memory on this machine.
    #[error("there is not enough memory for its pixels")]
    OutOfMemory,
}

impl Refusal {
    /// Returns whether OpenCV's `imread` gives `None` for such a file. It decodes more formats than this crate, and raises an error for
    /// pictures that are too large.
    pub fn imread_gives_none(&self) -> bool {
        match self {
            Self::Empty | Self::NotAPicture | Self::CutShort(_) | Self::Damaged { .. } => true,
            Self::OtherFormat(name) => *name == "a GIF",
            Self::TooLarge { .. }
            | Self::Implausible { .. }
            | Self::TooManyScans
            | Self::FileTooLarge
            | Self::OutOfMemory => false,
        }
    }
}
