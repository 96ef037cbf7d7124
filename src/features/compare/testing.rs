//! Rows whose boxes stand in another order, for tests.

use crate::features::row::Row;

/// The row with its boxes in this order.
pub fn reordered(row: &Row, order: &[usize]) -> Row {
    fn taken<T: Copy>(values: &[T], each: usize, order: &[usize]) -> Vec<T> {
        order.iter().flat_map(|&at| values[at * each..(at + 1) * each].iter().copied()).collect()
    }
    Row {
        objects_id: taken(&row.objects_id, 1, order),
        objects_conf: taken(&row.objects_conf, 1, order),
        attrs_id: taken(&row.attrs_id, 1, order),
        attrs_conf: taken(&row.attrs_conf, 1, order),
        boxes: taken(&row.boxes, 4, order),
        features: taken(&row.features, row.dim(), order),
        ..row.clone()
    }
}
