//! RGB pictures in memory and as PNG files.

use std::io::BufReader;
use std::path::Path;

use base::error::{Error, Result};
use base::files;

/// Largest width or height that is decoded.
const LARGEST_SIDE: u32 = 4096;

/// 8-bit RGB pixels, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// `width * height` triples of red, green and blue.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// The colour at a place inside the picture.
    pub fn at(&self, x: usize, y: usize) -> [i32; 3] {
        let i = 3 * (y * self.width + x);
        [self.rgb[i], self.rgb[i + 1], self.rgb[i + 2]].map(i32::from)
    }

    /// The picture as a PNG file's bytes.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let wrong = |e: png::EncodingError| Error::bug("cannot encode a drawn picture").because(e);
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header().map_err(wrong)?;
        writer.write_image_data(&self.rgb).map_err(wrong)?;
        writer.finish().map_err(wrong)?;
        Ok(bytes)
    }

    /// Reads an RGB or RGBA PNG file of at most 4096 x 4096 pixels; transparency is ignored.
    pub fn read_png(path: &Path) -> Result<Self> {
        let file = files::open_regular(path)?;
        let wrong =
            |cause: String| Error::data(format!("{} is not a picture that can be read", path.display())).because(cause);
        let mut decoder = png::Decoder::new(BufReader::new(file));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().map_err(|e| wrong(e.to_string()))?;
        let (width, height) = reader.info().size();
        if width.max(height) > LARGEST_SIDE {
            return Err(wrong(format!("{width} x {height} pixels; at most {LARGEST_SIDE} x {LARGEST_SIDE} are read")));
        }
        let size = reader.output_buffer_size().ok_or_else(|| wrong("too many pixels".into()))?;
        let mut pixels = vec![0; size];
        let frame = reader.next_frame(&mut pixels).map_err(|e| wrong(e.to_string()))?;
        pixels.truncate(frame.buffer_size());
        let rgb = match frame.color_type {
            png::ColorType::Rgb => pixels,
            png::ColorType::Rgba => pixels.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect(),
            other => return Err(wrong(format!("{other:?} pixels; RGB or RGBA are read"))),
        };
        Ok(Self { width: width as usize, height: height as usize, rgb })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn png_round_trip_and_damaged_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let picture = Picture { width: 3, height: 2, rgb: (0..18).map(|i| i * 14).collect() };
        let png = picture.to_png().unwrap();
        std::fs::write(&path, &png).unwrap();
        assert_eq!(Picture::read_png(&path).unwrap(), picture);
        for cut in 0..png.len() {
            std::fs::write(&path, &png[..cut]).unwrap();
            if let Ok(read) = Picture::read_png(&path) {
                assert_eq!(read, picture, "cut at {cut}: only the end marker may be missing");
            }
        }
        assert!(Picture::read_png(&folder.path().join("none.png")).unwrap_err().to_string().contains("none.png"));
    }
}
