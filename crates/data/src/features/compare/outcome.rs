//! The result of a comparison, as it is shown and written as JSON.

use std::cmp::Reverse;
use std::path::Path;

use serde::Serialize;

use super::histogram::{QUANTILE_ERROR, Quantiles};
use super::image::{ImageDifferences, Quantity, QuantityHistograms};
use super::rules::{MatchRules, SameBoxBounds};
use super::settings::CompareSettings;
use super::spread::DifferenceSpread;
use crate::features::ids::IdClue;
use crate::features::inspect::{FileKind, ValueSpan};
use crate::features::open_features::OpenFeatures;
use crate::features::released_rows::ReleasedRowCount;

/// Everything that differs. A is the reference; differences are B - A.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeatureComparison {
    /// Version of this structure.
    pub schema: u32,
    /// The reference.
    pub a: ComparedFile,
    /// The candidate.
    pub b: ComparedFile,
    /// How the ids differ; `None` if any image is in both files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nothing_in_common: Option<String>,
    /// Images by file.
    pub images: ImageCounts,
    /// Matches between the boxes of the images that are in both files.
    pub boxes: BoxCounts,
    /// Differences between matched boxes.
    pub differences: FeatureDifferences,
    /// The images with the most boxes that are not the same, of equal ones those with the greatest mean difference of
    /// features; `None` if nothing differs.
    pub worst: Vec<WorstImage>,
    /// Released rows in A; `None` if there are none, or its features were rounded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub golden: Option<ReleasedRowCount>,
    /// Speed of the comparison.
    pub speed: CompareSpeed,
}

/// One of the two files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedFile {
    /// As the caller named it.
    pub file: String,
    /// TSV or store.
    pub kind: FileKind,
    /// `f32` or `f16`.
    pub precision: &'static str,
    /// Whether boxes have classes and probabilities. They are compared if both files have them.
    pub classes: bool,
    /// Images.
    pub images: u64,
    /// Boxes per image, in the images of both files.
    pub boxes: Option<ValueSpan>,
}

/// Which images are in which file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageCounts {
    /// In both.
    pub common: u64,
    /// In A only.
    pub only_a: NamedImages,
    /// In B only.
    pub only_b: NamedImages,
    /// With another height or width in B.
    pub resized: u64,
    /// The first of those.
    pub resized_named: Vec<ResizedImage>,
    /// In both, with a box that is not the same.
    pub changed: u64,
    /// In both, without any box that is the same.
    pub unlike: u64,
    /// In both, equal to the last bit but for the order of boxes.
    pub equal: u64,
}

/// A number of images, the first of them by name in their file's order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NamedImages {
    /// How many.
    pub count: u64,
    /// The first ones.
    pub named: Vec<String>,
}

/// An image whose size differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResizedImage {
    /// The image.
    pub img_id: String,
    /// Height and width in A, in pixels.
    pub a: (u32, u32),
    /// In B.
    pub b: (u32, u32),
}

/// Boxes of the images in both files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoxCounts {
    /// In A.
    pub a: u64,
    /// In B.
    pub b: u64,
    /// Pairs with at least `iou`.
    pub matched: u64,
    /// Least intersection over union of a pair.
    pub iou: f64,
    /// Pairs that are the same by `same_within` and have the same classes.
    pub same: u64,
    /// What makes a pair the same.
    pub same_within: SameBoxBounds,
    /// Pairs at different positions of their rows.
    pub moved: u64,
}

/// Differences over all pairs of boxes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FeatureDifferences {
    /// Relative error of the quantiles between least and greatest.
    pub quantile_error: f64,
    /// `|B - A|` of each feature.
    pub absolute: Option<Quantiles>,
    /// `|B - A| / max(|A|, |B|)` of each feature, 0 where both are 0.
    pub relative: Option<Quantiles>,
    /// Mean of `B - A` over all features.
    pub signed_mean: Option<f64>,
    /// `1 - cos` of each box's features.
    pub cosine_distance: Option<Quantiles>,
    /// `1 - IoU` of each pair.
    pub iou_distance: Option<Quantiles>,
    /// Difference of each corner's coordinate in pixels.
    pub pixels: Option<Quantiles>,
    /// Difference of each object's probability.
    pub objects_conf: Option<Quantiles>,
    /// Difference of each attribute's probability.
    pub attrs_conf: Option<Quantiles>,
    /// Pairs with different object classes; `None` if classes are not compared.
    pub objects_differ: Option<u64>,
    /// Pairs with different attribute classes; likewise.
    pub attributes_differ: Option<u64>,
    /// Number of files (A, B) that count as rounded to float16.
    pub roundings: u8,
    /// Features that differ by more than that explains; `None` if neither is rounded.
    pub beyond_rounding: Option<u64>,
}

/// An image that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorstImage {
    /// The image.
    pub img_id: String,
    /// Boxes in A and in B.
    pub boxes: [usize; 2],
    /// Boxes that are not the same.
    pub changed: usize,
    /// Boxes of A or B (whichever has more) without a partner.
    pub unmatched: usize,
    /// Height and width in A and in B, if they differ.
    pub sizes: Option<[(u32, u32); 2]>,
    /// Pairs with different object classes; `None` if classes are not compared.
    pub objects_differ: Option<usize>,
    /// Pairs with different attribute classes; likewise.
    pub attributes_differ: Option<usize>,
    /// Mean of `|B - A|` over the features.
    pub feature_mean: f64,
    /// Mean of `B - A` over the features.
    pub feature_signed_mean: f64,
    /// Greatest difference of a feature.
    pub feature_max: f32,
    /// Least cosine of a pair's features.
    pub cosine_min: f64,
    /// Least intersection over union of a pair.
    pub iou_min: f64,
    /// Greatest difference of a corner's coordinate in pixels.
    pub pixels_max: f32,
    /// Greatest difference of a probability; likewise.
    pub probability_max: Option<f32>,
}

/// Speed of comparing images, without finding their positions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CompareSpeed {
    /// Wall-clock seconds.
    pub seconds: f64,
    /// Bytes of both files that were read.
    pub bytes: u64,
    /// Threads.
    pub threads: usize,
}

impl FeatureComparison {
    /// Returns a measure by the name that levels use; `None` if there was nothing to measure.
    pub fn measure(&self, name: &str) -> Option<f64> {
        let share = |count: u64| (self.boxes.matched > 0).then(|| count as f64 / self.boxes.matched as f64);
        match name {
            "images_resized" => Some(self.images.resized as f64),
            "images_changed" => Some(self.images.changed as f64),
            "images_unlike" => Some(self.images.unlike as f64),
            "boxes_unmatched" => Some((self.boxes.a + self.boxes.b - 2 * self.boxes.matched) as f64),
            "boxes_moved_share" => share(self.boxes.moved),
            "objects_differ_share" => self.differences.objects_differ.and_then(share),
            "attributes_differ_share" => self.differences.attributes_differ.and_then(share),
            "feature_max" => self.differences.absolute.map(|found| found.max),
            "feature_signed_mean" => self.differences.signed_mean,
            "features_beyond_rounding" => self.differences.beyond_rounding.map(|count| count as f64),
            _ => None,
        }
    }
}

/// Totals that [`super::measure`] gathered.
pub(super) struct ComparisonTotals<'g> {
    pub paths: [&'g Path; 2],
    pub inputs: [&'g OpenFeatures; 2],
    pub places: Vec<[usize; 2]>,
    pub images: Vec<ImageDifferences>,
    pub tally: QuantityHistograms,
    pub rules: MatchRules,
    pub settings: &'g CompareSettings<'g>,
}

impl ComparisonTotals<'_> {
    pub(super) fn found(&self, seconds: f64) -> FeatureComparison {
        let [a, b] = self.inputs;
        let count =
            |wanted: fn(&ImageDifferences) -> bool| self.images.iter().filter(|image| wanted(image)).count() as u64;
        let total =
            |value: fn(&ImageDifferences) -> usize| self.images.iter().map(|image| value(image) as u64).sum::<u64>();
        let bytes = self.places.iter().map(|place| a.row_bytes(place[0]) + b.row_bytes(place[1])).sum();
        FeatureComparison {
            schema: 1,
            a: self.file(0),
            b: self.file(1),
            nothing_in_common: self.nothing_in_common(),
            images: ImageCounts {
                common: self.places.len() as u64,
                only_a: self.only(a, b),
                only_b: self.only(b, a),
                resized: count(|image| image.sizes[0] != image.sizes[1]),
                resized_named: self.resized(),
                changed: count(|image| image.changed() > 0),
                unlike: count(|image| image.same == 0),
                equal: count(ImageDifferences::is_equal),
            },
            boxes: BoxCounts {
                a: total(|image| image.boxes[0]),
                b: total(|image| image.boxes[1]),
                matched: total(|image| image.pairs),
                iou: self.rules.iou,
                same: total(|image| image.same),
                same_within: self.rules.same,
                moved: total(|image| image.moved),
            },
            differences: self.differences(),
            worst: self.worst(),
            golden: None,
            speed: CompareSpeed { seconds, bytes, threads: self.settings.threads },
        }
    }

    fn nothing_in_common(&self) -> Option<String> {
        let [a, b] = self.inputs.map(|input| (0..input.images()).map(|at| input.id(at)));
        let clue = IdClue::find(a, b, |id| self.inputs[1].index_of(id).is_some());
        clue.filter(|_| self.places.is_empty()).map(|clue| clue.between("A", "B"))
    }

    fn file(&self, which: usize) -> ComparedFile {
        let input = self.inputs[which];
        let boxes = self.images.iter().map(|image| image.boxes[which] as u32);
        ComparedFile {
            file: self.paths[which].display().to_string(),
            kind: input.kind(),
            precision: input.precision().name(),
            classes: input.has_classes(),
            images: input.images() as u64,
            boxes: boxes.clone().min().zip(boxes.max()).map(|(min, max)| ValueSpan { min, max }),
        }
    }

    fn only(&self, input: &OpenFeatures, other: &OpenFeatures) -> NamedImages {
        let missing = (0..input.images()).map(|at| input.id(at)).filter(|id| other.index_of(id).is_none());
        let count = (input.images() - self.places.len()) as u64;
        NamedImages { count, named: missing.take(self.settings.named).map(str::to_owned).collect() }
    }

    fn id(&self, image: usize) -> String {
        self.inputs[0].id(self.places[image][0]).to_owned()
    }

    fn resized(&self) -> Vec<ResizedImage> {
        let resized = self.images.iter().enumerate().filter(|(_, image)| image.sizes[0] != image.sizes[1]);
        let named = resized.take(self.settings.named);
        named.map(|(at, image)| ResizedImage { img_id: self.id(at), a: image.sizes[0], b: image.sizes[1] }).collect()
    }

    fn differences(&self) -> FeatureDifferences {
        let mut sums = [0.0; Quantity::COUNT];
        for image in &self.images {
            sums.iter_mut().zip(image.sums).for_each(|(sum, more)| *sum += more);
        }
        let values: u64 = self.images.iter().map(|image| image.values).sum();
        let signed: f64 = self.images.iter().map(|image| image.signed).sum();
        let quantiles = |quantity| self.tally.quantiles(quantity, &sums);
        let classes = self.compares_classes();
        FeatureDifferences {
            quantile_error: QUANTILE_ERROR,
            absolute: quantiles(Quantity::Absolute),
            relative: quantiles(Quantity::Relative),
            signed_mean: (values > 0).then(|| signed / values as f64),
            cosine_distance: quantiles(Quantity::Cosine),
            iou_distance: quantiles(Quantity::Iou),
            pixels: quantiles(Quantity::Pixels),
            objects_conf: quantiles(Quantity::Objects),
            attrs_conf: quantiles(Quantity::Attributes),
            objects_differ: classes.then(|| self.images.iter().map(|image| image.objects_differ as u64).sum()),
            attributes_differ: classes.then(|| self.images.iter().map(|image| image.attributes_differ as u64).sum()),
            roundings: self.rules.roundings,
            beyond_rounding: (self.rules.roundings > 0)
                .then(|| self.images.iter().map(|image| image.beyond_rounding).sum()),
        }
    }

    /// Returns the distribution of each kind of difference that has values.
    pub(super) fn spreads(&self) -> Vec<DifferenceSpread> {
        [
            (Quantity::Absolute, "difference of a feature"),
            (Quantity::Relative, "difference of a feature, share of the greater"),
            (Quantity::Cosine, "1 - cosine of a box's features"),
            (Quantity::Iou, "1 - IoU of a box"),
            (Quantity::Pixels, "difference of a corner in pixels"),
            (Quantity::Objects, "difference of an object's probability"),
            (Quantity::Attributes, "difference of an attribute's probability"),
        ]
        .into_iter()
        .filter_map(|(quantity, name)| self.tally.spread(quantity, name))
        .collect()
    }

    fn compares_classes(&self) -> bool {
        self.inputs.iter().all(|input| input.has_classes())
    }

    fn worst(&self) -> Vec<WorstImage> {
        let classes = self.compares_classes();
        let mut order: Vec<usize> = (0..self.images.len()).filter(|&at| !self.images[at].is_equal()).collect();
        let mean = |image: &ImageDifferences| image.sums[Quantity::Absolute as usize] / image.values.max(1) as f64;
        // Sums of finite differences are ordered like their bits, being 0 and more.
        order.sort_by_key(|&at| Reverse((self.images[at].changed(), mean(&self.images[at]).to_bits(), Reverse(at))));
        order.truncate(self.settings.worst);
        let worst = order.into_iter().map(|at| {
            let image = &self.images[at];
            WorstImage {
                img_id: self.id(at),
                boxes: image.boxes,
                changed: image.changed(),
                unmatched: image.boxes[0].max(image.boxes[1]) - image.pairs,
                sizes: (image.sizes[0] != image.sizes[1]).then_some(image.sizes),
                objects_differ: classes.then_some(image.objects_differ),
                attributes_differ: classes.then_some(image.attributes_differ),
                feature_mean: mean(image),
                feature_signed_mean: image.signed / image.values.max(1) as f64,
                feature_max: image.greatest_feature,
                cosine_min: image.least_cosine,
                iou_min: image.least_iou,
                pixels_max: image.greatest_pixels,
                probability_max: classes.then_some(image.greatest_probability),
            }
        });
        worst.collect()
    }
}
