//! Parses one line into a [`Row`]: splits it, parses whole numbers, and decodes base64 directly into the row's buffers.

use base64_simd::{AsOut, STANDARD};
use bytemuck::Pod;

use crate::features::error::{Column, RowDamage, TsvLayout};
use crate::features::row::{Row, check_id};

/// Column (`None` for the row as a whole) and damage.
pub(super) type ColumnDamage = (Option<Column>, RowDamage);

/// Parses a line without its line feed. On an error the row's content is unspecified.
pub(super) fn parse(line: &[u8], layout: TsvLayout, row: &mut Row) -> Result<(), ColumnDamage> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (mut fields, columns) = split(line);
    let of = layout.columns().len();
    if columns < of {
        return Err((None, RowDamage::Truncated { columns, of, at_end: false }));
    }
    if columns > of {
        return Err((None, RowDamage::TooManyColumns { columns, of }));
    }
    for (field, &column) in fields.iter_mut().zip(layout.columns()) {
        *field = unquote(field).map_err(|damage| (Some(column), damage))?;
    }
    let filled = match layout {
        TsvLayout::Ten => fill(&fields, row),
        TsvLayout::Six => fill_six(&fields, row),
    };
    filled.map_err(|(column, damage)| (Some(column), damage))
}

fn fill(fields: &[&[u8]; 10], row: &mut Row) -> Result<(), (Column, RowDamage)> {
    fill_id(fields[0], row)?;
    row.img_h = side(fields[1]).map_err(|damage| (Column::ImgH, damage))?;
    row.img_w = side(fields[2]).map_err(|damage| (Column::ImgW, damage))?;
    let n = boxes(fields[7])?;
    if let Some(found) = agreed_boxes(fields).filter(|&found| found != n) {
        return Err((Column::NumBoxes, RowDamage::NumBoxes { declared: n, found }));
    }
    row.num_boxes = n;
    decode_exactly(fields[3], n, 1, &mut row.objects_id).map_err(|damage| (Column::ObjectsId, damage))?;
    decode_exactly(fields[4], n, 1, &mut row.objects_conf).map_err(|damage| (Column::ObjectsConf, damage))?;
    decode_exactly(fields[5], n, 1, &mut row.attrs_id).map_err(|damage| (Column::AttrsId, damage))?;
    decode_exactly(fields[6], n, 1, &mut row.attrs_conf).map_err(|damage| (Column::AttrsConf, damage))?;
    decode_exactly(fields[8], n, 4, &mut row.boxes).map_err(|damage| (Column::Boxes, damage))?;
    decode_features(fields[9], n, &mut row.features).map_err(|damage| (Column::Features, damage))
}

/// Parses like [`fill`] bottom-up-attention's six columns: the boxes have no classes.
fn fill_six(fields: &[&[u8]; 10], row: &mut Row) -> Result<(), (Column, RowDamage)> {
    fill_id(fields[0], row)?;
    row.img_w = side(fields[1]).map_err(|damage| (Column::ImgW, damage))?;
    row.img_h = side(fields[2]).map_err(|damage| (Column::ImgH, damage))?;
    let n = boxes(fields[3])?;
    row.num_boxes = n;
    row.objects_id.clear();
    row.objects_conf.clear();
    row.attrs_id.clear();
    row.attrs_conf.clear();
    decode_exactly(fields[4], n, 4, &mut row.boxes).map_err(|damage| (Column::Boxes, damage))?;
    decode_features(fields[5], n, &mut row.features).map_err(|damage| (Column::Features, damage))
}

fn fill_id(field: &[u8], row: &mut Row) -> Result<(), (Column, RowDamage)> {
    let id = check_id(field)?;
    row.img_id.clear();
    row.img_id.push_str(id);
    Ok(())
}

/// Returns the number of boxes that a row declares.
fn boxes(field: &[u8]) -> Result<usize, (Column, RowDamage)> {
    match whole_number(field).map_err(|damage| (Column::NumBoxes, damage))? {
        0 => Err((Column::NumBoxes, RowDamage::ZeroBoxes)),
        declared => Ok(usize::try_from(declared).unwrap_or(usize::MAX)),
    }
}

fn split(line: &[u8]) -> ([&[u8]; 10], usize) {
    let mut fields: [&[u8]; 10] = [&[]; 10];
    let mut columns = 0;
    let mut rest = line;
    loop {
        let stop = memchr::memchr(b'\t', rest);
        if let Some(field) = fields.get_mut(columns) {
            *field = &rest[..stop.unwrap_or(rest.len())];
        }
        columns += 1;
        match stop {
            Some(stop) => rest = &rest[stop + 1..],
            None => return (fields, columns),
        }
    }
}

fn unquote(field: &[u8]) -> Result<&[u8], RowDamage> {
    match field {
        [b'"', inside @ .., b'"'] => Ok(inside),
        [b'"', ..] => Err(RowDamage::Quote),
        _ => Ok(field),
    }
}

/// Parses a whole number like Python's `int`, but without sign, underscores and Unicode digits.
pub(super) fn whole_number(field: &[u8]) -> Result<u64, RowDamage> {
    let digits = field.trim_ascii();
    let value = if digits.is_empty() || digits.len() > 18 {
        None
    } else {
        digits.iter().try_fold(0_u64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0')))
    };
    value.ok_or_else(|| RowDamage::NotANumber {
        text: String::from_utf8_lossy(&field[..field.len().min(40)]).into_owned(),
    })
}

fn side(field: &[u8]) -> Result<u32, RowDamage> {
    let pixels = whole_number(field)?;
    u32::try_from(pixels).map_err(|_| RowDamage::ImageSize { pixels })
}

/// Returns the number of boxes on which ids, confidences and boxes agree, whatever `num_boxes` is.
fn agreed_boxes(fields: &[&[u8]; 10]) -> Option<usize> {
    let values = |index: usize, size: usize| {
        let bytes = STANDARD.decoded_length(fields[index]).ok()?;
        (bytes.is_multiple_of(size)).then_some(bytes / size)
    };
    let n = values(3, 8)?;
    let all = [(4, 4), (5, 8), (6, 4), (8, 16)].iter().all(|&(index, size)| values(index, size) == Some(n));
    all.then_some(n)
}

fn decode_exactly<T: Pod + LittleEndian>(
    field: &[u8],
    boxes: usize,
    per_box: usize,
    out: &mut Vec<T>,
) -> Result<(), RowDamage> {
    let bytes = decoded_length(field)?;
    let expected = (boxes as u64).saturating_mul((per_box * size_of::<T>()) as u64);
    if bytes as u64 != expected {
        return Err(bad_base64(field).unwrap_or(RowDamage::WrongLength { bytes: bytes as u64, expected, boxes }));
    }
    decode(field, bytes, out)
}

fn decode_features(field: &[u8], boxes: usize, out: &mut Vec<f32>) -> Result<(), RowDamage> {
    let bytes = decoded_length(field)?;
    let per_dim = boxes.saturating_mul(size_of::<f32>());
    if bytes == 0 || bytes % per_dim != 0 {
        return Err(bad_base64(field).unwrap_or(RowDamage::Uneven { bytes: bytes as u64, boxes }));
    }
    decode(field, bytes, out)
}

fn decoded_length(field: &[u8]) -> Result<usize, RowDamage> {
    STANDARD
        .decoded_length(field)
        .map_err(|_| bad_base64(field).unwrap_or(RowDamage::Base64Cut { length: field.len() }))
}

/// `bytes` is the decoded length, so memory depends on the text read, never on a number in it.
fn decode<T: Pod + LittleEndian>(field: &[u8], bytes: usize, out: &mut Vec<T>) -> Result<(), RowDamage> {
    out.resize(bytes / size_of::<T>(), T::zeroed());
    let raw: &mut [u8] = bytemuck::cast_slice_mut(out.as_mut_slice());
    if STANDARD.decode(field, raw.as_out()).is_err() {
        return Err(bad_base64(field).unwrap_or(RowDamage::Base64Cut { length: field.len() }));
    }
    if cfg!(target_endian = "big") {
        out.iter_mut().for_each(|value| *value = value.to_native());
    }
    Ok(())
}

trait LittleEndian: Copy {
    fn to_native(self) -> Self;
}

impl LittleEndian for i64 {
    fn to_native(self) -> Self {
        Self::from_le(self)
    }
}

impl LittleEndian for f32 {
    fn to_native(self) -> Self {
        Self::from_bits(u32::from_le(self.to_bits()))
    }
}

/// Returns the position of the first error in strict base64; `None` if it is valid.
fn bad_base64(field: &[u8]) -> Option<RowDamage> {
    let padding = field.iter().rev().take(2).take_while(|&&byte| byte == b'=').count();
    let text = &field[..field.len() - padding];
    let in_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    if let Some(offset) = text.iter().position(|byte| !in_alphabet(byte)) {
        return Some(RowDamage::Base64 { offset, byte: text[offset] });
    }
    if !field.len().is_multiple_of(4) {
        return Some(RowDamage::Base64Cut { length: field.len() });
    }
    let last = text.last()?;
    let value = match last {
        b'A'..=b'Z' => last - b'A',
        b'a'..=b'z' => last - b'a' + 26,
        b'0'..=b'9' => last - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let stray = [0, 0b11, 0b1111][padding];
    (value & stray != 0).then_some(RowDamage::Base64 { offset: text.len() - 1, byte: *last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_base64_names_the_first_wrong_character() {
        let at = |offset, byte| Some(RowDamage::Base64 { offset, byte });
        for (field, expected) in [
            ("", None),
            ("AAAA", None),
            ("AAA=", None),
            ("AA==", None),
            ("AAB=", at(2, b'B')),
            ("AB==", at(1, b'B')),
            ("A===", at(1, b'=')),
            ("A_AA", at(1, b'_')),
            ("AA=A", at(2, b'=')),
            ("AAAAA", Some(RowDamage::Base64Cut { length: 5 })),
        ] {
            assert_eq!(bad_base64(field.as_bytes()), expected, "{field}");
            assert_eq!(STANDARD.check(field.as_bytes()).is_err(), expected.is_some(), "{field}");
        }
    }

    #[test]
    fn whole_numbers_as_python_reads_them() {
        for (text, value) in [("480", Some(480)), (" 480 ", Some(480)), ("007", Some(7)), ("480.0", None), ("-1", None)]
        {
            assert_eq!(whole_number(text.as_bytes()).ok(), value, "{text}");
        }
        assert!(whole_number(b"").is_err() && whole_number(b"9999999999999999999999").is_err());
    }
}
