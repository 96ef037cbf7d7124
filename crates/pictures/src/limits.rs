//! What a picture may ask for: OpenCV's limits, and a bound on memory that a small file cannot exceed.

use crate::refusal::Refusal;

/// Most pixels of a side (OpenCV's `OPENCV_IO_MAX_IMAGE_WIDTH` and `_HEIGHT`).
pub(crate) const SIDE: usize = 1 << 20;
/// Most pixels of a picture (OpenCV's `OPENCV_IO_MAX_IMAGE_PIXELS`).
pub(crate) const PIXELS: usize = 1 << 30;
/// Most scans of a JPEG. Programs write about ten.
pub(crate) const SCANS: i32 = 500;
/// Most bytes of a file that is read: the largest picture at two bits a pixel.
pub(crate) const FILE_BYTES: u64 = 256_000_000;
/// Memory that any file may ask for.
const FREE_MEMORY: usize = 96_000_000;
/// A picture that asks for more must have a byte for this many pixels. A single colour takes a JPEG a byte for 70 pixels.
const PIXELS_A_BYTE: usize = 100;

/// A picture's size from its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Size {
    /// Checks OpenCV's limits. Afterwards the number of pixels and a few bytes for each fit `usize`.
    pub(crate) fn check(self) -> Result<Self, Refusal> {
        let Self { width, height } = self;
        let sides = (1..=SIDE).contains(&width) && (1..=SIDE).contains(&height);
        match sides && width * height <= PIXELS {
            true => Ok(self),
            false => Err(Refusal::TooLarge { width, height }),
        }
    }

    pub(crate) fn pixels(self) -> usize {
        self.width * self.height
    }

    /// Checks that a file of `bytes` may ask for as much memory: any file for a little, a large file for more.
    pub(crate) fn check_memory(self, memory: usize, bytes: usize) -> Result<(), Refusal> {
        match memory <= FREE_MEMORY || self.pixels() / PIXELS_A_BYTE <= bytes {
            true => Ok(()),
            false => Err(self.implausible(bytes)),
        }
    }

    pub(crate) fn implausible(self, bytes: usize) -> Refusal {
        Refusal::Implausible { width: self.width, height: self.height, bytes }
    }

    /// Returns an empty buffer that has room for the picture's pixels.
    pub(crate) fn buffer(self) -> Result<Vec<u8>, Refusal> {
        let mut bgr = Vec::new();
        bgr.try_reserve_exact(self.pixels() * 3).map_err(|_| Refusal::OutOfMemory)?;
        Ok(bgr)
    }
}
