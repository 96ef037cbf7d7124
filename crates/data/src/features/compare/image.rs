//! Compares one image: matches its boxes and counts the differences of each pair.

use super::histogram::{Histogram, Quantiles};
use super::matching::matched;
use super::pair::PairDifferences;
use super::rules::MatchRules;
use super::spread::DifferenceSpread;
use crate::features::row::Row;

/// A quantity that is measured over all pairs of boxes, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    Absolute,
    Relative,
    Cosine,
    Iou,
    Pixels,
    Objects,
    Attributes,
}

impl Quantity {
    pub(super) const COUNT: usize = 7;
}

/// Values counted so far by one thread. Counting is the same in any order, so threads do not show in the result.
pub(super) struct QuantityHistograms([Histogram; Quantity::COUNT]);

impl QuantityHistograms {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Histogram::new()))
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(one, other)| one.merge(other));
    }

    pub(super) fn spread(&self, quantity: Quantity, name: &str) -> Option<DifferenceSpread> {
        self.0[quantity as usize].spread(name)
    }

    pub(super) fn quantiles(&self, quantity: Quantity, sums: &[f64; Quantity::COUNT]) -> Option<Quantiles> {
        self.0[quantity as usize].quantiles(sums[quantity as usize])
    }
}

/// One image in both files. Sums are over its pairs of boxes and their values.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ImageDifferences {
    pub boxes: [usize; 2],
    /// Height and width in pixels in A and in B.
    pub sizes: [(u32, u32); 2],
    pub pairs: usize,
    /// Pairs that are the same by [`SameBoxBounds`](super::SameBoxBounds).
    pub same: usize,
    /// Pairs at different positions of the two rows.
    pub moved: usize,
    pub objects_differ: usize,
    pub attributes_differ: usize,
    /// Sums of the [`Quantity`]s.
    pub sums: [f64; Quantity::COUNT],
    /// Sum of `b - a` over the features.
    pub signed: f64,
    /// Features compared.
    pub values: u64,
    pub beyond_rounding: u64,
    pub least_iou: f64,
    pub least_cosine: f64,
    pub greatest_pixels: f32,
    pub greatest_feature: f32,
    pub greatest_probability: f32,
}

impl ImageDifferences {
    /// Returns the number of changed boxes: the boxes of the file with more of them, minus the same ones.
    pub(super) fn changed(&self) -> usize {
        self.boxes[0].max(self.boxes[1]) - self.same
    }

    /// Returns whether everything compared is bitwise equal, except the order of boxes.
    pub(super) fn is_equal(&self) -> bool {
        let apart = self.greatest_pixels + self.greatest_feature + self.greatest_probability;
        self.sizes[0] == self.sizes[1]
            && self.boxes == [self.pairs; 2]
            && self.objects_differ + self.attributes_differ == 0
            && apart == 0.0
    }
}

/// Compares two checked rows of one image with the same number of features per box. Classes and probabilities are compared
/// if both have them.
pub(super) fn compare_images(a: &Row, b: &Row, rules: &MatchRules, tally: &mut QuantityHistograms) -> ImageDifferences {
    let mut image = ImageDifferences {
        boxes: [a.num_boxes, b.num_boxes],
        sizes: [(a.img_h, a.img_w), (b.img_h, b.img_w)],
        least_iou: 1.0,
        least_cosine: 1.0,
        ..ImageDifferences::default()
    };
    let [absolute, relative, rest @ ..] = &mut tally.0;
    for pair in matched(a, b, rules.iou) {
        let found = PairDifferences::of(a, b, pair, rules.roundings, [&mut *absolute, &mut *relative]);
        let (cosine, iou) = (found.features.cosine_distance, 1.0 - pair.iou);
        let [cosines, ious, pixels, object_counts, attribute_counts] = &mut *rest;
        cosines.add(&[cosine as f32]);
        ious.add(&[iou as f32]);
        pixels.add(&found.corners);
        let [objects, attributes] = found.classes.probabilities;
        if a.has_classes() && b.has_classes() {
            object_counts.add(&[objects]);
            attribute_counts.add(&[attributes]);
        }
        let moves = found.corners.iter().map(|&pixels| f64::from(pixels)).sum();
        let features = &found.features;
        let sums = [features.absolute, features.relative, cosine, iou, moves, objects.into(), attributes.into()];
        image.sums.iter_mut().zip(sums).for_each(|(sum, more)| *sum += more);
        image.signed += features.signed;
        image.values += a.dim() as u64;
        image.beyond_rounding += features.beyond_rounding;

        let [object_differs, attribute_differs] = found.classes.differ;
        image.pairs += 1;
        image.moved += usize::from(pair.a != pair.b);
        image.objects_differ += usize::from(object_differs);
        image.attributes_differ += usize::from(attribute_differs);
        image.least_iou = image.least_iou.min(pair.iou);
        image.least_cosine = image.least_cosine.min(1.0 - cosine);
        image.greatest_pixels = image.greatest_pixels.max(found.farthest());
        image.greatest_feature = image.greatest_feature.max(features.greatest);
        image.greatest_probability = image.greatest_probability.max(found.probability());
        image.same += usize::from(found.is_same(rules));
    }
    image
}
