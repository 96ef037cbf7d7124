//! Matches the boxes of an image in two extractions one to one, first by overlap.
//!
//! The assignment is optimal: no other one has a greater sum of IoU over the pairs that overlap enough. Ties are decided by
//! the features, then by probabilities and classes, so that a box that occurs twice is matched to its counterpart.

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;

use crate::features::row::Row;

/// More boxes than this in one image are not compared: the search takes the cube of their number.
pub const MAX_BOXES: usize = 1024;

/// IoU is compared in steps of 2^-40, which is finer than float32 boxes are.
const IOU_STEPS: f64 = (1_u64 << 40) as f64;
/// Likeness counts for less than one step of IoU even when summed over [`MAX_BOXES`] pairs.
const LIKENESS_BITS: u32 = 52;
const IOU_SHIFT: u32 = LIKENESS_BITS + MAX_BOXES.ilog2() + 1;

/// A box of A and the box of B that it was matched with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BoxPair {
    pub a: usize,
    pub b: usize,
    pub iou: f64,
}

/// Matches the boxes of two rows with equal feature dimension; pairs below `least` IoU do not count. In A's order.
pub(super) fn matched(a: &Row, b: &Row, least: f64) -> Vec<BoxPair> {
    let (boxes_a, boxes_b) = (a.boxes.as_chunks::<4>().0, b.boxes.as_chunks::<4>().0);
    let overlaps: Vec<Vec<u64>> = boxes_a
        .iter()
        .map(|one| {
            boxes_b
                .iter()
                .map(|other| {
                    let iou = iou(one, other);
                    if iou >= least { (iou * IOU_STEPS).round() as u64 } else { 0 }
                })
                .collect()
        })
        .collect();
    let found = obvious(&overlaps, boxes_b.len()).unwrap_or_else(|| assigned(a, b, &overlaps));
    found.into_iter().map(|(a, b)| BoxPair { a, b, iou: iou(&boxes_a[a], &boxes_b[b]) }).collect()
}

/// Intersection over union with areas of real numbers (no pixel added); 1 for equal boxes, also for those without area.
fn iou(one: &[f32; 4], other: &[f32; 4]) -> f64 {
    if one == other {
        return 1.0;
    }
    let [x1, y1, x2, y2] = one.map(f64::from);
    let [u1, v1, u2, v2] = other.map(f64::from);
    let area = |width: f64, height: f64| width.max(0.0) * height.max(0.0);
    let both = area(x2.min(u2) - x1.max(u1), y2.min(v2) - y1.max(v1));
    if both > 0.0 { both / (area(x2 - x1, y2 - y1) + area(u2 - u1, v2 - v1) - both) } else { 0.0 }
}

/// Returns the assignment if each box overlaps a different box most: it is then the only optimal one.
fn obvious(overlaps: &[Vec<u64>], columns: usize) -> Option<Vec<(usize, usize)>> {
    let mut taken = vec![false; columns];
    let mut pairs = Vec::with_capacity(overlaps.len());
    for (row, overlaps) in overlaps.iter().enumerate() {
        let Some(&most) = overlaps.iter().max().filter(|&&most| most > 0) else { continue };
        let mut best = overlaps.iter().enumerate().filter(|&(_, &overlap)| overlap == most);
        let (column, _) = best.next()?;
        if best.next().is_some() || std::mem::replace(&mut taken[column], true) {
            return None;
        }
        pairs.push((row, column));
    }
    Some(pairs)
}

fn assigned(a: &Row, b: &Row, overlaps: &[Vec<u64>]) -> Vec<(usize, usize)> {
    let (rows, columns) = (a.num_boxes, b.num_boxes);
    let weight = |row: usize, column: usize| match overlaps[row][column] {
        0 => 0,
        overlap => (i128::from(overlap) << IOU_SHIFT) + i128::from(likeness(a, row, b, column)),
    };
    // The crate wants no more rows than columns.
    let pairs: Vec<(usize, usize)> = if rows <= columns {
        let weights = Matrix::from_fn(rows, columns, |(row, column)| weight(row, column));
        kuhn_munkres(&weights).1.into_iter().enumerate().collect()
    } else {
        let weights = Matrix::from_fn(columns, rows, |(column, row)| weight(row, column));
        let mut pairs: Vec<_> =
            kuhn_munkres(&weights).1.into_iter().enumerate().map(|(column, row)| (row, column)).collect();
        pairs.sort_unstable();
        pairs
    };
    pairs.into_iter().filter(|&(row, column)| overlaps[row][column] > 0).collect()
}

/// Returns the similarity of two boxes apart from their positions, below 2^[`LIKENESS_BITS`]: features (40 bits), then
/// probabilities (10), then classes (2), if both have them.
fn likeness(a: &Row, at: usize, b: &Row, other: usize) -> u64 {
    let dim = a.dim();
    let (one, two) = (&a.features[at * dim..][..dim], &b.features[other * dim..][..dim]);
    let (mut apart, mut size) = (0.0, 0.0);
    for (&one, &two) in one.iter().zip(two) {
        apart += f64::from((one - two).abs());
        size += f64::from(one.abs()) + f64::from(two.abs());
    }
    let features = if apart > 0.0 { (apart / size).min(1.0) } else { 0.0 };
    let whole = |share: f64, bits: u32| (share * ((1_u64 << bits) - 1) as f64).round() as u64;
    let features = whole(1.0 - features, 40) << 12;
    if !(a.has_classes() && b.has_classes()) {
        return features;
    }
    let confidences =
        (a.objects_conf[at] - b.objects_conf[other]).abs() + (a.attrs_conf[at] - b.attrs_conf[other]).abs();
    let classes = u64::from(a.objects_id[at] == b.objects_id[other]) + u64::from(a.attrs_id[at] == b.attrs_id[other]);
    features | (whole(1.0 - (f64::from(confidences) / 2.0).min(1.0), 10) << 2) | classes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::testing::{Draws, row_of};

    fn pairs(a: &Row, b: &Row) -> Vec<(usize, usize)> {
        matched(a, b, 0.5).iter().map(|pair| (pair.a, pair.b)).collect()
    }

    fn with_boxes(boxes: &[[f32; 4]]) -> Row {
        Row { boxes: boxes.concat(), ..row_of(1, boxes.len(), 4) }
    }

    #[test]
    fn iou_of_real_areas() {
        let one = [0.0, 0.0, 10.0, 10.0];
        for (other, expected) in [
            (one, 1.0),
            ([5.0, 0.0, 15.0, 10.0], 1.0 / 3.0),
            ([0.0, 0.0, 10.0, 5.0], 0.5),
            ([10.0, 0.0, 20.0, 10.0], 0.0),
            ([9.0, 9.0, 3.0, 3.0], 0.0),
        ] {
            assert!((iou(&one, &other) - expected).abs() < 1e-15, "{other:?}");
        }
        assert_eq!(iou(&[3.0, 3.0, 3.0, 3.0], &[3.0, 3.0, 3.0, 3.0]), 1.0);
    }

    #[test]
    fn the_sum_of_overlaps_decides() {
        // Taking the best pair first, (1, 0), would leave less for the other two than (0, 0) leaves.
        let a = with_boxes(&[[0.0, 0.0, 100.0, 10.0], [10.0, 0.0, 110.0, 10.0]]);
        let b = with_boxes(&[[5.0, 0.0, 105.0, 10.0], [20.0, 0.0, 120.0, 10.0]]);
        assert_eq!(pairs(&a, &b), [(0, 0), (1, 1)]);
        assert_eq!(pairs(&b, &a), [(0, 0), (1, 1)]);
        let few = with_boxes(&[[11.0, 0.0, 111.0, 10.0]]);
        assert_eq!(pairs(&a, &few), [(1, 0)]);
        assert_eq!(pairs(&few, &a), [(0, 1)]);
    }

    #[test]
    fn overlap_below_the_least_never_displaces_a_match() {
        let a = with_boxes(&[[0.0, 0.0, 10.0, 10.0], [4.0, 0.0, 14.0, 10.0]]);
        let b = with_boxes(&[[2.0, 0.0, 12.0, 10.0], [200.0, 0.0, 210.0, 10.0]]);
        assert_eq!(pairs(&a, &b).len(), 1);
        assert_eq!(pairs(&a, &with_boxes(&[[100.0, 0.0, 101.0, 1.0]; 3])), []);
    }

    /// Boxes that are there several times find their likeness by features, else by probabilities, else by classes.
    #[test]
    fn boxes_at_one_place_are_told_apart() {
        let mut draws = Draws(5);
        for kind in 0..3 {
            let mut a = with_boxes(&[[1.0, 2.0, 30.0, 40.0]; 9]);
            (a.features, a.objects_conf) = (vec![1.0; 36], vec![0.5; 9]);
            (a.attrs_conf, a.attrs_id) = (vec![0.25; 9], vec![3; 9]);
            a.objects_id = vec![5; 9];
            for at in 0..9 {
                match kind {
                    0 => a.features[at * 4 + at % 4] += at as f32 / 8.0,
                    1 => a.attrs_conf[at] = at as f32 / 16.0,
                    _ => a.objects_id[at] = at as i64,
                }
            }
            let mut order: Vec<usize> = (0..9).collect();
            (1..9).rev().for_each(|at| order.swap(at, draws.below(at + 1)));
            let b = crate::features::testing::reordered::reordered(&a, &order);
            let expected: Vec<_> = (0..9).map(|at| (at, order.iter().position(|&from| from == at).unwrap())).collect();
            assert_eq!(pairs(&a, &b), expected, "kind {kind}");
        }
    }

    /// `cargo test --release -p data -- --ignored measure_matching --nocapture`
    #[test]
    #[ignore = "a measurement for release mode"]
    fn measure_matching() {
        let mut row = crate::features::bench::generated_rows(1, 36, 2048).remove(0);
        for corners in row.boxes.as_chunks_mut::<4>().0 {
            *corners = [
                corners[0].min(corners[2]),
                corners[1].min(corners[3]),
                corners[0].max(corners[2]),
                corners[1].max(corners[3]),
            ];
        }
        let mut twins = row.clone();
        for at in 0..18 {
            let (one, other) = twins.boxes.split_at_mut((at + 18) * 4);
            other[..4].copy_from_slice(&one[at * 4..at * 4 + 4]);
        }
        for (what, row) in [("plain", &row), ("18 boxes twice", &twins)] {
            let start = std::time::Instant::now();
            (0..1000).for_each(|_| assert_eq!(matched(row, row, 0.5).len(), 36));
            println!("{what}: {:.1} us an image", start.elapsed().as_secs_f64() * 1e3);
        }
    }
}
