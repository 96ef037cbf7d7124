//! From a picture file to a picture on the page: its own bytes, as a `data:` address.

use std::path::Path;

use super::content::ShownPicture;
use base::files;
use base::format::{grouped, human_bytes};

/// Most bytes of a picture file on a page.
const PICTURE_BYTES: u64 = 8_000_000;
/// Most bytes of all picture files on a page.
const PAGE_BYTES: u64 = 64_000_000;
/// Most pixels of a picture: every photograph has fewer, and browsers may refuse more.
const PIXELS: usize = 100_000_000;

/// Puts pictures on a page until it is full.
#[derive(Debug)]
pub(super) struct Embedder {
    left: u64,
}

impl Embedder {
    pub(super) fn new() -> Self {
        Self { left: PAGE_BYTES }
    }

    /// Returns a picture, or the reason why it cannot be shown. It takes its bytes `copies` times.
    pub(super) fn picture(&mut self, path: &Path, copies: u64) -> ShownPicture {
        self.embedded(path, copies).unwrap_or_else(ShownPicture::Missing)
    }

    fn embedded(&mut self, path: &Path, copies: u64) -> Result<ShownPicture, String> {
        let file = path.display();
        let size = std::fs::metadata(path).map_err(|error| format!("{file} cannot be read: {error}"))?.len();
        if size > PICTURE_BYTES {
            let [size, most] = [size, PICTURE_BYTES].map(grouped);
            return Err(format!("{file} has {size} bytes, more than the {most} a page takes"));
        }
        if size.saturating_mul(copies) > self.left {
            return Err(format!("{file} has no room left: a page takes {} of pictures", human_bytes(PAGE_BYTES)));
        }
        let bytes = files::read_bytes(path, PICTURE_BYTES).map_err(|error| error.what().to_owned())?;
        let is_png = bytes.starts_with(b"\x89PNG");
        // What is neither is refused by the decoder, by name.
        if (is_png || bytes.starts_with(&[0xff, 0xd8]))
            && let Ok(size) = imagesize::blob_size(&bytes)
            && size.width.saturating_mul(size.height) > PIXELS
        {
            return Err(format!("{file} has {} x {} pixels, more than a page takes", size.width, size.height));
        }
        let picture = pictures::decode(&bytes).map_err(|refusal| format!("{file} was refused: {refusal}"))?;
        let sides = [picture.width, picture.height].map(u32::try_from);
        let [Ok(width), Ok(height)] = sides else { return Err(format!("{file} has too many pixels")) };
        self.left = self.left.saturating_sub(bytes.len() as u64 * copies);
        let kind = if is_png { "png" } else { "jpeg" };
        let address = format!("data:image/{kind};base64,{}", base64_simd::STANDARD.encode_to_string(&bytes));
        Ok(ShownPicture::Embedded { width, height, address })
    }
}
