//! Pixels, and how an orientation turns them.

use crate::exif::Orientation;
use crate::limits::Size;
use crate::refusal::Refusal;

/// A picture as OpenCV's `imread` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Row after row from the top, pixel after pixel from the left: a byte of blue, of green and of red.
    pub bgr: Vec<u8>,
}

impl Picture {
    pub(crate) fn new(size: Size, bgr: Vec<u8>) -> Self {
        Self { width: size.width, height: size.height, bgr }
    }

    /// Turns and mirrors the picture as the camera was held.
    pub(crate) fn oriented(self, orientation: Orientation) -> Result<Self, Refusal> {
        let mut picture = match orientation.transposes() {
            true => self.transposed()?,
            false => self,
        };
        let row = picture.width * 3;
        if orientation.flips_columns() {
            picture.bgr.chunks_exact_mut(row).for_each(reverse_pixels);
        }
        if orientation.flips_rows() {
            let rows = picture.height;
            let (top, rest) = picture.bgr.split_at_mut(rows / 2 * row);
            let bottom = rest.chunks_exact_mut(row).rev();
            top.chunks_exact_mut(row).zip(bottom).for_each(|(upper, lower)| upper.swap_with_slice(lower));
        }
        Ok(picture)
    }

    fn transposed(self) -> Result<Self, Refusal> {
        let size = Size { width: self.height, height: self.width };
        let mut bgr = size.buffer()?;
        for column in 0..self.width {
            let pixels = self.bgr.chunks_exact(self.width * 3).map(|row| &row[column * 3..column * 3 + 3]);
            pixels.for_each(|pixel| bgr.extend_from_slice(pixel));
        }
        Ok(Self::new(size, bgr))
    }
}

fn reverse_pixels(row: &mut [u8]) {
    row.reverse();
    row.chunks_exact_mut(3).for_each(<[u8]>::reverse);
}
