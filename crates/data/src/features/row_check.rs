//! Checks of a whole row: its lengths, its id, its values.

use super::error::{Column, RowDamage};
use super::row::{Row, check_id};
use super::values;

impl Row {
    /// Checks lengths and values of a row made by a program. Returns the first column that is wrong. A row without classes
    /// lacks their columns.
    ///
    /// # Errors
    /// A [`RowDamage`] of lengths, the id or values.
    pub fn check(&self) -> Result<(), (Column, RowDamage)> {
        check_id(self.img_id.as_bytes())?;
        let n = self.num_boxes;
        if n == 0 {
            return Err((Column::NumBoxes, RowDamage::ZeroBoxes));
        }
        let each = usize::from(self.has_classes());
        for (column, found, per_box, bytes) in [
            (Column::ObjectsId, self.objects_id.len(), each, 8),
            (Column::ObjectsConf, self.objects_conf.len(), each, 4),
            (Column::AttrsId, self.attrs_id.len(), each, 8),
            (Column::AttrsConf, self.attrs_conf.len(), each, 4),
            (Column::Boxes, self.boxes.len(), 4, 4),
            (Column::Features, self.features.len(), self.dim().max(1), 4),
        ] {
            if n.checked_mul(per_box) != Some(found) {
                let expected = (n as u64).saturating_mul(per_box as u64).saturating_mul(bytes);
                let bytes = (found as u64).saturating_mul(bytes);
                return Err((column, RowDamage::WrongLength { bytes, expected, boxes: n }));
            }
        }
        self.check_values()
    }

    /// Checks the values, the lengths being right.
    pub(super) fn check_values(&self) -> Result<(), (Column, RowDamage)> {
        values::check(self)
    }
}
