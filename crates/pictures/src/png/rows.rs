//! From a row of samples, as PNG stores it, to bytes of blue, green and red.

use super::chunks::Palette;
use super::header::{Colour, Header};

/// Converts a row of pixels, from whichever pass.
pub(super) fn to_bgr(header: Header, palette: &Palette, row: &[u8], bgr: &mut [u8]) {
    // Bytes of a sample; of two bytes the first is kept. A sample of fewer bits is its own pixel.
    let size = header.depth.div_ceil(8);
    let step = size * header.samples();
    let pixels = bgr.chunks_exact_mut(3).enumerate();
    match header.colour {
        Colour::Grey | Colour::Palette if header.depth < 8 => {
            pixels.for_each(|(at, pixel)| {
                let value = bits(row, at, header.depth);
                match header.colour {
                    Colour::Palette => pixel.copy_from_slice(&palette[usize::from(value)]),
                    _ => pixel.fill(value * (255 / ((1_u16 << header.depth) - 1) as u8)),
                }
            });
        }
        Colour::Palette => pixels.for_each(|(at, pixel)| pixel.copy_from_slice(&palette[usize::from(row[at])])),
        Colour::Grey | Colour::GreyAlpha => pixels.for_each(|(at, pixel)| pixel.fill(row[at * step])),
        Colour::Rgb | Colour::RgbAlpha => pixels.for_each(|(at, pixel)| {
            let [red, green, blue] = [0, 1, 2].map(|sample| row[at * step + sample * size]);
            pixel.copy_from_slice(&[blue, green, red]);
        }),
    }
}

/// Returns a sample of fewer than 8 bits; the first of a byte has its highest bits.
fn bits(row: &[u8], at: usize, depth: usize) -> u8 {
    let first = at * depth;
    row[first / 8] >> (8 - depth - first % 8) & ((1_u16 << depth) - 1) as u8
}
