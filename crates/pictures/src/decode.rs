//! From bytes to a picture: recognises the format by its first bytes and calls its decoder.

use base::files::FileKind;
use imagesize::ImageType;

use crate::picture::Picture;
use crate::refusal::Refusal;
use crate::{jpeg, png};

/// Bytes that are enough to recognise a format.
pub(crate) const START: usize = 512;

/// A format that is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Jpeg,
    Png,
}

impl Format {
    /// Recognises the format by the first bytes of a file.
    pub(crate) fn of(start: &[u8]) -> Result<Self, Refusal> {
        match start {
            [] => Err(Refusal::Empty),
            [0xff, 0xd8, 0xff, ..] => Ok(Self::Jpeg),
            start if start.starts_with(&png::SIGNATURE) => Ok(Self::Png),
            start => Err(other(start)),
        }
    }
}

/// Decodes the content of a JPEG or PNG file.
///
/// # Errors
/// A [`Refusal`] where OpenCV's `imread` gives no picture, and for hostile content.
pub fn decode(bytes: &[u8]) -> Result<Picture, Refusal> {
    match Format::of(bytes)? {
        Format::Jpeg => jpeg::decode(bytes),
        Format::Png => png::decode(bytes),
    }
}

/// Names what is neither a JPEG nor a PNG.
fn other(start: &[u8]) -> Refusal {
    let name = match imagesize::image_type(start) {
        Ok(ImageType::Gif) => "a GIF",
        Ok(ImageType::Bmp) => "a BMP",
        Ok(ImageType::Webp) => "a WebP",
        Ok(ImageType::Tiff) => "a TIFF",
        Ok(ImageType::Heif(_)) => "an HEIF or AVIF",
        Ok(ImageType::Jxl) => "a JPEG XL",
        Ok(ImageType::Psd) => "a Photoshop file",
        Ok(ImageType::Exr) => "an OpenEXR",
        Ok(ImageType::Pnm) => "a PNM",
        Ok(ImageType::Ico) => "an icon",
        _ => match FileKind::of(&start[..start.len().min(START)]) {
            Some(FileKind::Picture) | None => return Refusal::NotAPicture,
            Some(kind) => kind.what(),
        },
    };
    Refusal::OtherFormat(name)
}
