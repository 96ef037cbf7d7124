//! Rows, and files of rows, made for tests.

use std::io::Read;
use std::path::PathBuf;

use super::super::row::Row;
use super::super::row_error::{RowError, TsvError};
use super::super::tsv::{TsvReader, TsvWriter};

/// Row `number` of a small file: 2 boxes, 3 features, ids of the COCO form.
pub fn row(number: usize) -> Row {
    row_of(number, 2, 3)
}

/// Returns a row of any shape.
pub fn row_of(number: usize, boxes: usize, dim: usize) -> Row {
    let value = |at: usize| ((number * 31 + at * 7) % 23) as f32 / 4.0;
    Row {
        img_id: format!("COCO_train2014_{:012}", number + 1),
        img_h: 480,
        img_w: 640 + (number % 3) as u32,
        objects_id: (0..boxes).map(|at| ((number + at * 799) % 1600) as i64).collect(),
        objects_conf: (0..boxes).map(|at| value(at) / 8.0).collect(),
        attrs_id: (0..boxes).map(|at| ((number + at * 133) % 400) as i64).collect(),
        attrs_conf: (0..boxes).map(|at| value(at + 1) / 8.0).collect(),
        num_boxes: boxes,
        boxes: (0..boxes).flat_map(|at| [at as f32, 10.25, 600.5 - at as f32, 479.5]).collect(),
        features: (0..boxes * dim).map(|at| value(at) + 0.25 * f32::from(at % 5 == 0)).collect(),
    }
}

/// Returns the rows as a file.
pub fn text(rows: &[Row]) -> Vec<u8> {
    let mut writer = TsvWriter::new(Vec::new());
    rows.iter().for_each(|row| writer.write_row(row).unwrap());
    writer.finish().unwrap()
}

/// Returns the rows as bottom-up-attention's six columns.
pub fn six_columns(rows: &[Row]) -> Vec<u8> {
    let line = |row: &Row| {
        let base64 = |values: &[f32]| base64_simd::STANDARD.encode_to_string(bytemuck::cast_slice::<f32, u8>(values));
        let Row { img_id, img_w, img_h, num_boxes, .. } = row;
        format!("{img_id}\t{img_w}\t{img_h}\t{num_boxes}\t{}\t{}\n", base64(&row.boxes), base64(&row.features))
    };
    rows.iter().map(line).collect::<String>().into_bytes()
}

/// Returns the row without classes, as it is read from six columns.
pub fn without_classes(row: &Row) -> Row {
    let (objects_id, objects_conf) = (Vec::new(), Vec::new());
    let (attrs_id, attrs_conf) = (Vec::new(), Vec::new());
    Row { objects_id, objects_conf, attrs_id, attrs_conf, ..row.clone() }
}

/// Returns a file of the first `n` rows.
pub fn file(n: usize) -> Vec<u8> {
    text(&(0..n).map(row).collect::<Vec<_>>())
}

/// Reads all rows and all damage. Rows are read into `row`.
pub fn read_to_end<R: Read>(mut reader: TsvReader<R>, mut row: Row) -> (Vec<Row>, Vec<RowError>) {
    let (mut rows, mut errors) = (Vec::new(), Vec::new());
    loop {
        match reader.read(&mut row) {
            Ok(true) => rows.push(row.clone()),
            Ok(false) => return (rows, errors),
            Err(TsvError::Row(error)) => errors.push(*error),
            Err(TsvError::Io(error)) => panic!("{error}"),
        }
    }
}

/// A folder for files.
pub struct Place(pub tempfile::TempDir);

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// SplitMix64, for choices that are the same on every run.
pub struct Draws(pub u64);

impl Draws {
    /// Returns a number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}
