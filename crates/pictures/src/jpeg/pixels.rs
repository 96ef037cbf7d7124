//! From a JPEG file to a picture: limits, rows, colours, orientation.

use super::decoder::Decoder;
use crate::exif::Orientation;
use crate::picture::Picture;
use crate::refusal::Refusal;

/// Bytes before the Exif data in their segment. OpenCV skips them without a look, so this does too.
const EXIF_HEADER: usize = 6;

/// Decodes a JPEG file.
pub(crate) fn decode(bytes: &[u8]) -> Result<Picture, Refusal> {
    let mut decoder = Decoder::new(bytes)?;
    let size = decoder.size().check()?;
    let orientation =
        decoder.app1().and_then(|data| data.get(EXIF_HEADER..)).map_or(Orientation::UPRIGHT, Orientation::of);
    let copies = if orientation.transposes() { 2 } else { 1 };
    size.check_memory(copies * 3 * size.pixels() + decoder.memory(), bytes.len())?;
    decoder.start()?;
    let mut bgr = size.buffer()?;
    let row = size.width * 3;
    let mut cmyk = vec![0; if decoder.is_cmyk() { size.width * 4 } else { 0 }];
    for _ in 0..size.height {
        let start = bgr.len();
        bgr.resize(start + row, 0);
        match decoder.is_cmyk() {
            false => decoder.read_row(&mut bgr[start..])?,
            true => {
                decoder.read_row(&mut cmyk)?;
                bgr_of_cmyk(&cmyk, &mut bgr[start..]);
            }
        }
    }
    // What follows the last row does not matter: OpenCV keeps the picture whatever comes.
    drop(decoder);
    Picture::new(size, bgr).oriented(orientation)
}

/// Converts a row by OpenCV's formula (icvCvt_CMYK2BGR_8u_C4C3R), for colours as Adobe's programs store them: 255 is no ink.
fn bgr_of_cmyk(cmyk: &[u8], bgr: &mut [u8]) {
    let ink = |colour: u8, black: u8| {
        let (colour, black) = (i32::from(colour), i32::from(black));
        (black - (((255 - colour) * black) >> 8)) as u8
    };
    for (from, to) in cmyk.chunks_exact(4).zip(bgr.chunks_exact_mut(3)) {
        let &[c, m, y, k] = from else { unreachable!("a pixel has four bytes") };
        to.copy_from_slice(&[ink(y, k), ink(m, k), ink(c, k)]);
    }
}
