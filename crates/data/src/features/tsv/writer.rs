//! Writes rows in the released format, byte for byte like the extractor.

use std::io::Write;

use base64_simd::STANDARD;
use bytemuck::NoUninit;

use crate::features::row::Row;
use base::error::{Error, Result};

/// Writes rows; each with CRLF, as Python's `csv` does.
pub struct TsvWriter<W> {
    out: W,
    text: Vec<u8>,
    boxes_and_dim: Option<(usize, usize)>,
    /// Whether rows may have different numbers of boxes.
    any_boxes: bool,
}

impl<W: Write> TsvWriter<W> {
    /// Writes to `out`, one `write_all` a row.
    pub fn new(out: W) -> Self {
        Self { out, text: Vec::new(), boxes_and_dim: None, any_boxes: false }
    }

    /// Writes rows that may have different numbers of boxes.
    pub fn with_any_boxes(out: W) -> Self {
        Self { any_boxes: true, ..Self::new(out) }
    }

    /// Writes one row.
    ///
    /// # Errors
    /// A bug if the row's lengths or values break the format's rules or another row's shape; infra if writing fails.
    pub fn write_row(&mut self, row: &Row) -> Result<()> {
        row.check().map_err(|(column, damage)| {
            Error::bug(format!("a row for image {} cannot be written", row.img_id))
                .because(format!("column {column}: {damage}"))
        })?;
        if !row.has_classes() {
            return Err(Error::bug(format!("a row for image {} cannot be written", row.img_id))
                .because("its boxes have no classes, and obj36 has columns of them"));
        }
        let shape = (if self.any_boxes { 0 } else { row.num_boxes }, row.dim());
        if *self.boxes_and_dim.get_or_insert(shape) != shape {
            return Err(Error::bug(format!("the row of image {} has another shape than the first", row.img_id)));
        }
        let text = &mut self.text;
        text.clear();
        text.extend_from_slice(row.img_id.as_bytes());
        text.extend_from_slice(format!("\t{}\t{}\t", row.img_h, row.img_w).as_bytes());
        encode(&row.objects_id, i64::to_le_bytes, text);
        text.push(b'\t');
        encode(&row.objects_conf, f32::to_le_bytes, text);
        text.push(b'\t');
        encode(&row.attrs_id, i64::to_le_bytes, text);
        text.push(b'\t');
        encode(&row.attrs_conf, f32::to_le_bytes, text);
        text.extend_from_slice(format!("\t{}\t", row.num_boxes).as_bytes());
        encode(&row.boxes, f32::to_le_bytes, text);
        text.push(b'\t');
        encode(&row.features, f32::to_le_bytes, text);
        text.extend_from_slice(b"\r\n");
        self.out.write_all(text).map_err(|error| Error::infra("cannot write the features").because(error))
    }

    /// Flushes and returns what was written to.
    ///
    /// # Errors
    /// Infra if flushing fails.
    pub fn finish(mut self) -> Result<W> {
        self.out.flush().map_err(|error| Error::infra("cannot write the features").because(error))?;
        Ok(self.out)
    }
}

/// Appends numbers as Base64 of their little-endian bytes.
fn encode<T: NoUninit, const N: usize>(numbers: &[T], to_le_bytes: impl Fn(T) -> [u8; N], text: &mut Vec<u8>) {
    if cfg!(target_endian = "little") {
        STANDARD.encode_append(bytemuck::cast_slice::<_, u8>(numbers), text);
    } else {
        let bytes: Vec<u8> = numbers.iter().flat_map(|&number| to_le_bytes(number)).collect();
        STANDARD.encode_append(&bytes, text);
    }
}
