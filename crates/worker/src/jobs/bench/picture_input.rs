//! The pictures of a measurement of the detector.

use base::error::Result;
use lxmert::model::butd::BgrPixels;
use pictures::Picture;
use protocol::BenchPictures;

/// Returns the pictures, decoded or generated.
///
/// # Errors
/// Data if a file is no picture; infra if it cannot be read.
pub(super) fn load(of: &BenchPictures) -> Result<Vec<Picture>> {
    match of {
        BenchPictures::Files(files) => files.iter().map(|file| Ok(pictures::read(file)?)).collect(),
        BenchPictures::Generated(sizes) => Ok(sizes.iter().map(|&(width, height)| generated(width, height)).collect()),
    }
}

/// Returns the pixels as the detector takes them.
pub(super) fn pixels(picture: &Picture) -> BgrPixels<'_> {
    BgrPixels { bytes: &picture.bgr, height: picture.height, width: picture.width }
}

/// Draws squares of many sizes and colours, which give the detector something to propose everywhere.
fn generated(width: usize, height: usize) -> Picture {
    let bgr = (0..height * width)
        .flat_map(|pixel| {
            let (x, y) = (pixel % width, pixel / width);
            let hash = |side: usize| (x / side).wrapping_mul(0x9e37_79b9) ^ (y / side).wrapping_mul(0x85eb_ca6b);
            let mixed = [96, 40, 17].map(|side| hash(side).wrapping_mul(0xc2b2_ae35) >> 13);
            [0, 3, 6]
                .map(|shift| ((mixed[0] >> shift & 127) + (mixed[1] >> shift & 63) + (mixed[2] >> shift & 63)) as u8)
        })
        .collect();
    Picture { width, height, bgr }
}
