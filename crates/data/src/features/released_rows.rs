//! Checks whether a feature file contains rows of the golden sample exactly as they were released.

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Row;
use base::files::hex;

/// A row that was released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleasedRow {
    /// The image.
    pub img_id: String,
    /// SHA-256 of the decoded row: height, width and number of boxes as three `uint32`, then the bytes of `objects_id`
    /// (`int64`), `objects_conf` (`float32`), `attrs_id`, `attrs_conf`, `boxes` and `features`, all little-endian.
    pub sha256: String,
}

/// Compares rows with the released ones.
pub struct ReleasedRowCheck {
    /// Checksums by image.
    known: HashMap<String, String>,
    held: ReleasedRowCount,
}

/// How many golden rows a file contains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReleasedRowCount {
    /// Rows of the golden sample.
    pub of: u64,
    /// Images of those that the file has.
    pub held: u64,
    /// Those whose rows are not the released ones, to the bit.
    pub changed: Vec<String>,
}

impl ReleasedRowCheck {
    /// Creates a check for these rows.
    pub fn new(released: &[ReleasedRow]) -> Self {
        let held = ReleasedRowCount { of: released.len() as u64, ..ReleasedRowCount::default() };
        Self { known: released.iter().map(|row| (row.img_id.clone(), row.sha256.clone())).collect(), held }
    }

    /// Returns the images to look for.
    pub fn images(&self) -> Vec<String> {
        let mut images: Vec<String> = self.known.keys().cloned().collect();
        images.sort();
        images
    }

    /// Checks a row. A row without classes counts neither as released nor as changed.
    pub fn row(&mut self, row: &Row) {
        if !row.has_classes() {
            return;
        }
        let Some(sha256) = self.known.get(&row.img_id) else { return };
        self.held.held += 1;
        if digest(row) != *sha256 {
            self.held.changed.push(row.img_id.clone());
        }
    }

    /// Returns the count; `None` if the file has no image of the sample.
    pub fn held(self) -> Option<ReleasedRowCount> {
        Some(self.held).filter(|held| held.held > 0)
    }
}

/// Returns the SHA-256 of a row as [`ReleasedRow::sha256`] defines it.
fn digest(row: &Row) -> String {
    let mut hash = Sha256::new();
    let numbers = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let classes = |values: &[i64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    for number in [row.img_h, row.img_w, row.num_boxes as u32] {
        hash.update(number.to_le_bytes());
    }
    hash.update(classes(&row.objects_id));
    hash.update(numbers(&row.objects_conf));
    hash.update(classes(&row.attrs_id));
    hash.update(numbers(&row.attrs_conf));
    hash.update(numbers(&row.boxes));
    hash.update(numbers(&row.features));
    hex(&hash.finalize())
}

impl fmt::Display for ReleasedRowCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the {} golden rows, ", self.held, self.of)?;
        match self.changed.as_slice() {
            [] => f.write_str("unchanged"),
            changed => write!(f, "{} of them not as released: {}", changed.len(), changed.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected value was computed independently of this program.
    #[test]
    fn the_checksum_is_over_the_columns_in_order() {
        let row = Row {
            img_id: "n1".into(),
            img_h: 1,
            img_w: 2,
            objects_id: vec![3],
            objects_conf: vec![0.5],
            attrs_id: vec![4],
            attrs_conf: vec![0.25],
            num_boxes: 1,
            boxes: vec![0.0, 0.0, 2.0, 1.0],
            features: vec![1.0, 2.0],
        };
        assert_eq!(digest(&row), "1e4e3e490bd6ac565e9424278a781227ae9b3c7c4e7f1bed551930cb053c56c3");
    }
}
