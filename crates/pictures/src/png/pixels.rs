//! From a PNG file to a picture: limits, rows, orientation.

use png::{DecodeOptions, Decoder, DecodingError, InterlaceInfo, Limits, expand_interlaced_row};

use super::chunks::Chunks;
use super::header::damaged;
use super::rows::to_bgr;
use super::stream::Stream;
use crate::exif::Orientation;
use crate::picture::Picture;
use crate::refusal::Refusal;

/// Most bytes that deflate makes of one.
const INFLATION: usize = 1032;
/// Memory for rows: the longest have 8 MB, of which the decoder holds a few.
const ROWS: usize = 64_000_000;
const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

/// Decodes a PNG file.
pub(crate) fn decode(file: &[u8]) -> Result<Picture, Refusal> {
    let chunks = Chunks::of(file)?;
    let (header, size) = (chunks.header, chunks.header.size);
    let orientation = chunks.exif.map_or(Orientation::UPRIGHT, Orientation::of);
    if size.pixels() * header.bits() / 8 / INFLATION > chunks.compressed {
        return Err(size.implausible(chunks.compressed));
    }
    let row = size.width * header.bits() / 8;
    let copies = if orientation.transposes() { 2 } else { 1 };
    size.check_memory(copies * 3 * size.pixels() + 4 * row, file.len())?;

    let mut options = DecodeOptions::default();
    // They were checked already.
    options.set_ignore_crc(true);
    options.set_ignore_adler32(false);
    let mut decoder = Decoder::new_with_options(Stream::new([chunks.start, chunks.pixels, END]), options);
    decoder.set_limits(Limits { bytes: ROWS });
    let mut reader = decoder.read_info().map_err(refused)?;
    let mut bgr = size.buffer()?;
    let mut converted = Vec::new();
    while let Some(row) = reader.next_interlaced_row().map_err(refused)? {
        match row.interlace() {
            InterlaceInfo::Null(_) => {
                let start = bgr.len();
                bgr.resize(start + size.width * 3, 0);
                to_bgr(header, &chunks.palette, row.data(), &mut bgr[start..]);
            }
            InterlaceInfo::Adam7(pass) => {
                bgr.resize(size.pixels() * 3, 0);
                let pixels = row.data().len() * 8 / header.bits();
                converted.resize(pixels * 3, 0);
                to_bgr(header, &chunks.palette, row.data(), &mut converted);
                expand_interlaced_row(&mut bgr, size.width * 3, &converted, pass, 24);
            }
        }
    }
    Picture::new(size, bgr).oriented(orientation)
}

fn refused(error: DecodingError) -> Refusal {
    damaged(error.to_string())
}
