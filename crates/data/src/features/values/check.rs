//! Checks a row's values against all rules.

use super::boxes;
use super::numbers;

use super::super::error::{Column, RowDamage};
use super::super::row::Row;
use super::super::{ATTRIBUTE_CLASSES, MAX_IMAGE_SIDE, OBJECT_CLASSES};
use super::repeated::{FEWEST_ALIKE, all_alike};

/// Checks all values of a row whose lengths are right. Returns the first column that is wrong.
///
/// # Errors
/// What [`RowDamage`] can say about values.
pub(in crate::features) fn check(row: &Row) -> Result<(), (Column, RowDamage)> {
    check_all_but_features(row)?;
    check_features(row).map_err(|damage| (Column::Features, damage))
}

/// Like [`check`], without the features, which are nearly all of a row's bytes.
pub(in crate::features) fn check_all_but_features(row: &Row) -> Result<(), (Column, RowDamage)> {
    for (column, side) in [(Column::ImgH, row.img_h), (Column::ImgW, row.img_w)] {
        if side == 0 || side > MAX_IMAGE_SIDE {
            return Err((column, RowDamage::ImageSize { pixels: u64::from(side) }));
        }
    }
    // All four are empty in a row without classes.
    check_classes(&row.objects_id, OBJECT_CLASSES).map_err(|damage| (Column::ObjectsId, damage))?;
    check_confidences(&row.objects_conf).map_err(|damage| (Column::ObjectsConf, damage))?;
    check_classes(&row.attrs_id, ATTRIBUTE_CLASSES).map_err(|damage| (Column::AttrsId, damage))?;
    check_confidences(&row.attrs_conf).map_err(|damage| (Column::AttrsConf, damage))?;
    boxes::check(&row.boxes, row.img_w, row.img_h).map_err(|damage| (Column::Boxes, damage))
}

fn check_features(row: &Row) -> Result<(), RowDamage> {
    let (values, dim) = (row.features.as_slice(), row.dim().max(1));
    numbers::check(values, dim)?;
    if numbers::is_constant(values) {
        return Err(RowDamage::ConstantFeatures { value: values[0] });
    }
    if row.num_boxes >= FEWEST_ALIKE && all_alike(values, dim) {
        return Err(RowDamage::SameFeatures { boxes: row.num_boxes });
    }
    Ok(())
}

fn check_classes(ids: &[i64], classes: i64) -> Result<(), RowDamage> {
    match ids.iter().position(|id| !(0..classes).contains(id)) {
        Some(index) => Err(RowDamage::ClassId { index, id: ids[index], classes }),
        None => Ok(()),
    }
}

/// Probabilities come out of a softmax, whose rounding may pass 1 by a little.
fn check_confidences(values: &[f32]) -> Result<(), RowDamage> {
    numbers::check_finite(values, 1)?;
    match values.iter().position(|value| !(-1e-5..=1.0 + 1e-5).contains(value)) {
        Some(index) => Err(RowDamage::Confidence { index, value: values[index] }),
        None => Ok(()),
    }
}
