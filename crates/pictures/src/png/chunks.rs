//! The chunks of a PNG file. What libpng would stop at refuses the file before anything is inflated: a missing end, a checksum that is
//! wrong in a chunk that is needed, an unknown chunk that is said to be needed. All other chunks are passed over.

use crc::{CRC_32_ISO_HDLC, Crc, Table};

use super::header::{Colour, Header, damaged};
use crate::refusal::Refusal;

/// First bytes of a PNG file.
pub(crate) const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// Length, name and checksum of a chunk.
const AROUND: usize = 12;
const CHECKSUM: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

/// Blue, green and red of each colour; black where the file has no colour.
pub(super) type Palette = [[u8; 3]; 256];

/// The parts of a file that decide its pixels.
pub(super) struct Chunks<'a> {
    pub(super) header: Header,
    /// Signature and header chunk.
    pub(super) start: &'a [u8],
    pub(super) palette: Palette,
    /// The chunks with the pixels, one behind the other.
    pub(super) pixels: &'a [u8],
    /// Bytes of compressed pixels in these.
    pub(super) compressed: usize,
    /// The content of the first eXIf chunk that is whole.
    pub(super) exif: Option<&'a [u8]>,
}

struct Chunk<'a> {
    name: [u8; 4],
    content: &'a [u8],
    is_intact: bool,
    /// Where it begins and ends in the file.
    from: usize,
    to: usize,
}

impl Chunk<'_> {
    /// Returns whether a decoder may not pass over the chunk.
    fn is_critical(&self) -> bool {
        self.name[0].is_ascii_uppercase()
    }
}

impl<'a> Chunks<'a> {
    pub(super) fn of(file: &'a [u8]) -> Result<Self, Refusal> {
        let first = next(file, SIGNATURE.len())?;
        if &first.name != b"IHDR" || !first.is_intact {
            return Err(damaged("it does not begin with a header"));
        }
        let header = Header::parse(first.content)?;
        let (mut palette, mut pixels, mut compressed, mut exif) = (None, None, 0, None);
        let mut at = first.to;
        loop {
            let chunk = next(file, at)?;
            if chunk.is_critical() && !chunk.is_intact {
                return Err(damaged(format!("the checksum of its {} chunk is wrong", name(&chunk))));
            }
            match &chunk.name {
                b"IEND" => break,
                b"PLTE" if palette.is_none() && pixels.is_some() => {}
                b"PLTE" => take_palette(&mut palette, &chunk, header)?,
                b"IDAT" => match &mut pixels {
                    // Chunks behind a gap are passed over.
                    Some((_, to)) if *to != chunk.from => {}
                    Some((_, to)) => (*to, compressed) = (chunk.to, compressed + chunk.content.len()),
                    None if header.colour == Colour::Palette && palette.is_none() => {
                        return Err(damaged("it has no palette"));
                    }
                    None => (pixels, compressed) = (Some((chunk.from, chunk.to)), chunk.content.len()),
                },
                b"eXIf"
                    if chunk.is_intact && (chunk.content.starts_with(b"II") || chunk.content.starts_with(b"MM")) =>
                {
                    exif = exif.or(Some(chunk.content));
                }
                _ if chunk.is_critical() => return Err(damaged(format!("its {} chunk is unknown", name(&chunk)))),
                _ => {}
            }
            at = chunk.to;
        }
        let (from, to) = pixels.ok_or(Refusal::CutShort("it holds no pixels"))?;
        let palette = palette.unwrap_or([[0; 3]; 256]);
        Ok(Self { header, start: &file[..first.to], palette, pixels: &file[from..to], compressed, exif })
    }
}

fn next(file: &[u8], from: usize) -> Result<Chunk<'_>, Refusal> {
    const ENDS: Refusal = Refusal::CutShort("its end mark is missing");
    let rest = file.get(from..).ok_or(ENDS)?;
    let (length, named) = rest.split_first_chunk().ok_or(ENDS)?;
    let name = *named.first_chunk().ok_or(ENDS)?;
    let length = u32::from_be_bytes(*length);
    if length > i32::MAX as u32 || !name.iter().all(u8::is_ascii_alphabetic) {
        return Err(damaged("its chunks are not where they should be"));
    }
    let length = length as usize;
    let (checked, checksum) = named.split_at_checked(length + 4).ok_or(ENDS)?;
    let is_intact = *checksum.first_chunk().ok_or(ENDS)? == CHECKSUM.checksum(checked).to_be_bytes();
    Ok(Chunk { name, content: &checked[4..], is_intact, from, to: from + length + AROUND })
}

fn name(chunk: &Chunk) -> String {
    chunk.name.iter().map(|&byte| char::from(byte)).collect()
}

/// Keeps a palette that libpng would use: before the pixels, and as many colours as an index can name.
fn take_palette(palette: &mut Option<Palette>, chunk: &Chunk, header: Header) -> Result<(), Refusal> {
    if palette.is_some() {
        return Err(damaged("it has two palettes"));
    }
    let known = palette.insert([[0; 3]; 256]);
    let (colours, rest) = chunk.content.as_chunks::<3>();
    let is_sound = rest.is_empty() && colours.len() <= known.len();
    match header.colour {
        Colour::Grey | Colour::GreyAlpha => Ok(()),
        Colour::Rgb | Colour::RgbAlpha if !is_sound => Ok(()),
        _ if !is_sound || colours.is_empty() => Err(damaged("its palette is damaged")),
        _ => {
            let known = known.iter_mut().take(1 << header.depth.min(8));
            known.zip(colours).for_each(|(to, &[red, green, blue])| *to = [blue, green, red]);
            Ok(())
        }
    }
}
