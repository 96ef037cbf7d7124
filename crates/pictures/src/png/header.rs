//! The IHDR chunk: how many pixels there are and how they are stored.

use crate::limits::Size;
use crate::refusal::Refusal;

/// Most pixels of a side that libpng reads.
const SIDE: usize = 1_000_000;

/// What a pixel consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Grey,
    Rgb,
    Palette,
    GreyAlpha,
    RgbAlpha,
}

/// A header that libpng accepts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) size: Size,
    pub(super) colour: Colour,
    /// Bits of a sample.
    pub(super) depth: usize,
}

impl Header {
    /// Parses the 13 bytes of the chunk.
    pub(super) fn parse(content: &[u8]) -> Result<Self, Refusal> {
        let &[w0, w1, w2, w3, h0, h1, h2, h3, depth, colour, compression, filter, interlace] = content else {
            return Err(damaged("its header has not 13 bytes"));
        };
        let side = |bytes| usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX);
        let (width, height) = (side([w0, w1, w2, w3]), side([h0, h1, h2, h3]));
        if width == 0 || height == 0 {
            return Err(damaged("its header promises no pixels"));
        }
        if width > SIDE || height > SIDE {
            return Err(Refusal::TooLarge { width, height });
        }
        let colour = match (colour, depth) {
            (0, 1 | 2 | 4 | 8 | 16) => Colour::Grey,
            (2, 8 | 16) => Colour::Rgb,
            (3, 1 | 2 | 4 | 8) => Colour::Palette,
            (4, 8 | 16) => Colour::GreyAlpha,
            (6, 8 | 16) => Colour::RgbAlpha,
            _ => return Err(damaged("its header names colours that PNG does not have")),
        };
        if compression != 0 || filter != 0 || interlace > 1 {
            return Err(damaged("its header names methods that PNG does not have"));
        }
        Ok(Self { size: Size { width, height }.check()?, colour, depth: depth.into() })
    }

    /// Returns the number of samples of a pixel.
    pub(super) fn samples(self) -> usize {
        match self.colour {
            Colour::Grey | Colour::Palette => 1,
            Colour::GreyAlpha => 2,
            Colour::Rgb => 3,
            Colour::RgbAlpha => 4,
        }
    }

    /// Returns the number of bits of a pixel.
    pub(super) fn bits(self) -> usize {
        self.samples() * self.depth
    }
}

/// Returns the refusal of a damaged PNG.
pub(super) fn damaged(why: impl Into<String>) -> Refusal {
    Refusal::Damaged { format: "PNG", why: why.into() }
}
