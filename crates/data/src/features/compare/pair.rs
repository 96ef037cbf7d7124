//! Compares the two boxes of a pair.

use super::difference::{Difference, features};
use super::histogram::Histogram;
use super::matching::{BoxPair, MAX_BOXES, matched};
use super::rules::MatchRules;
use crate::features::row::Row;
use base::error::{Error, Result};

/// Two boxes of one image, one of A and one of B, that were matched, and how they differ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MatchedBoxes {
    /// Position of the box in A's row.
    pub a: usize,
    /// Position of the box in B's row.
    pub b: usize,
    /// Intersection over union.
    pub iou: f64,
    /// Whether the object classes differ; false if they are not compared.
    pub object_differs: bool,
    /// Whether the attribute classes differ; false if they are not compared.
    pub attribute_differs: bool,
    /// Greatest difference of a corner's coordinate in pixels.
    pub pixels: f32,
    /// Greatest difference of a feature, without what rounding to float16 explains.
    pub feature: f32,
    /// Greatest difference of a probability; 0 if they are not compared.
    pub probability: f32,
    /// Whether the boxes are the same by [`SameBoxBounds`](super::SameBoxBounds).
    pub is_same: bool,
}

/// Matches the boxes of one image in two files one to one, and compares each pair. In A's order; boxes without a partner are left
/// out. Both rows must have been checked.
///
/// # Errors
/// Data if their features differ in width, or there are too many boxes to match.
pub fn match_boxes(a: &Row, b: &Row, rules: &MatchRules) -> Result<Vec<MatchedBoxes>> {
    check_comparable(a, b)?;
    let (mut absolute, mut relative) = (Histogram::new(), Histogram::new());
    let compared = |pair: BoxPair| {
        let found = PairDifferences::of(a, b, pair, rules.roundings, [&mut absolute, &mut relative]);
        let [object_differs, attribute_differs] = found.classes.differ;
        MatchedBoxes {
            a: pair.a,
            b: pair.b,
            iou: pair.iou,
            object_differs,
            attribute_differs,
            pixels: found.farthest(),
            feature: found.unexplained(rules),
            probability: found.probability(),
            is_same: found.is_same(rules),
        }
    };
    Ok(matched(a, b, rules.iou).into_iter().map(compared).collect())
}

/// Checks that the boxes of two rows of one image can be matched.
///
/// # Errors
/// Data if their features differ in width, or there are more than [`MAX_BOXES`].
pub(super) fn check_comparable(a: &Row, b: &Row) -> Result<()> {
    let id = &a.img_id;
    if a.dim() != b.dim() {
        return Err(Error::data(format!("image {id} has {} features per box in A, {} in B", a.dim(), b.dim()))
            .because("features of different width cannot be compared")
            .next("compare files of one kind of extractor"));
    }
    let most = a.num_boxes.max(b.num_boxes);
    if most > MAX_BOXES {
        return Err(Error::data(format!("image {id} has {most} boxes"))
            .because(format!("boxes are matched in images of at most {MAX_BOXES}")));
    }
    Ok(())
}

/// Differences between the classes of a pair of boxes: objects, attributes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ClassDifferences {
    pub probabilities: [f32; 2],
    pub differ: [bool; 2],
}

/// Differences between the boxes of a pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct PairDifferences {
    pub features: Difference,
    /// Difference of each coordinate, in pixels.
    pub corners: [f32; 4],
    /// All zero if one of the rows has no classes.
    pub classes: ClassDifferences,
}

impl PairDifferences {
    /// Compares a pair. Counts the absolute and the relative differences of its features.
    pub(super) fn of(a: &Row, b: &Row, pair: BoxPair, roundings: u8, counts: [&mut Histogram; 2]) -> Self {
        let (one, other, dim) = (pair.a, pair.b, a.dim());
        let [absolute, relative] = counts;
        let (of_a, of_b) = (&a.features[one * dim..][..dim], &b.features[other * dim..][..dim]);
        let apart = |a: f32, b: f32| (a - b).abs().min(f32::MAX);
        let classes = || ClassDifferences {
            probabilities: [
                apart(a.objects_conf[one], b.objects_conf[other]),
                apart(a.attrs_conf[one], b.attrs_conf[other]),
            ],
            differ: [a.objects_id[one] != b.objects_id[other], a.attrs_id[one] != b.attrs_id[other]],
        };
        Self {
            features: features(of_a, of_b, roundings, absolute, relative),
            corners: std::array::from_fn(|at| apart(a.boxes[one * 4 + at], b.boxes[other * 4 + at])),
            classes: if a.has_classes() && b.has_classes() { classes() } else { ClassDifferences::default() },
        }
    }

    pub(super) fn farthest(&self) -> f32 {
        self.corners.into_iter().fold(0.0, f32::max)
    }

    pub(super) fn probability(&self) -> f32 {
        self.classes.probabilities.into_iter().fold(0.0, f32::max)
    }

    /// Returns the greatest difference of a feature that rounding does not explain.
    fn unexplained(&self, rules: &MatchRules) -> f32 {
        if rules.roundings > 0 { self.features.unexplained } else { self.features.greatest }
    }

    pub(super) fn is_same(&self, rules: &MatchRules) -> bool {
        f64::from(self.farthest()) <= rules.same.pixels
            && f64::from(self.unexplained(rules)) <= rules.same.feature
            && f64::from(self.probability()) <= rules.same.probability
            && self.classes.differ == [false, false]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::compare::SameBoxBounds;
    use crate::features::testing::{row_of, without_classes};

    const RULES: MatchRules =
        MatchRules { iou: 0.5, same: SameBoxBounds { pixels: 0.5, feature: 0.1, probability: 0.01 }, roundings: 0 };

    fn pair() -> (Row, Row) {
        let apart = [0.0, 0.0, 10.0, 10.0, 100.0, 100.0, 200.0, 200.0, 300.0, 300.0, 400.0, 400.0];
        let row = Row { boxes: apart.to_vec(), ..row_of(1, 3, 4) };
        (row.clone(), row)
    }

    #[test]
    fn each_kind_of_difference_is_found() {
        let (a, mut b) = pair();
        assert!(match_boxes(&a, &b, &RULES).unwrap().iter().all(|pair| pair.is_same && pair.iou == 1.0));
        b.objects_id[0] += 1;
        b.boxes[4] += 3.0;
        b.features[4] += 0.5;
        b.attrs_conf[1] += 0.25;
        b.boxes[8..].fill(0.0);
        b.boxes[10..].fill(5.0);
        let found = match_boxes(&a, &b, &RULES).unwrap();
        let places: Vec<_> = found.iter().map(|pair| (pair.a, pair.b)).collect();
        assert_eq!(places, [(0, 0), (1, 1)], "the third has no partner");
        assert!(found[0].object_differs && !found[0].attribute_differs && !found[0].is_same);
        assert_eq!((found[1].pixels, found[1].feature, found[1].probability), (3.0, 0.5, 0.25));
        assert!(!found[1].object_differs && !found[1].is_same);
    }

    #[test]
    fn classes_of_one_row_alone_are_not_compared() {
        let (a, b) = pair();
        let found = match_boxes(&a, &without_classes(&b), &RULES).unwrap();
        assert!(found.len() == 3 && found.iter().all(|pair| pair.is_same && pair.probability == 0.0));
    }

    #[test]
    fn other_widths_of_features_are_refused() {
        let error = match_boxes(&row_of(1, 2, 3), &row_of(1, 2, 4), &RULES).unwrap_err();
        assert!(error.to_string().contains("has 3 features per box in A, 4 in B"), "{error}");
    }
}
