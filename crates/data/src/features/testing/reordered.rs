//! Rows whose boxes stand in another order, for tests.

use crate::features::row::Row;
use crate::features::testing::Draws;

/// Returns the row with only these boxes, in this order.
pub fn reordered(row: &Row, order: &[usize]) -> Row {
    fn taken<T: Copy>(values: &[T], each: usize, order: &[usize]) -> Vec<T> {
        order.iter().flat_map(|&at| values[at * each..(at + 1) * each].iter().copied()).collect()
    }
    Row {
        num_boxes: order.len(),
        objects_id: taken(&row.objects_id, 1, order),
        objects_conf: taken(&row.objects_conf, 1, order),
        attrs_id: taken(&row.attrs_id, 1, order),
        attrs_conf: taken(&row.attrs_conf, 1, order),
        boxes: taken(&row.boxes, 4, order),
        features: taken(&row.features, row.dim(), order),
        ..row.clone()
    }
}

/// Returns the rows in another order, the boxes of each too.
pub fn shuffled(rows: &[Row], draws: &mut Draws) -> Vec<Row> {
    let mut order = |length: usize| {
        let mut order: Vec<usize> = (0..length).collect();
        (1..length).rev().for_each(|at| order.swap(at, draws.below(at + 1)));
        order
    };
    let places = order(rows.len());
    places.into_iter().map(|at| reordered(&rows[at], &order(rows[at].num_boxes))).collect()
}
