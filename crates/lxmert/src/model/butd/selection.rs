//! The choice of boxes from the proposals, and the classes of each: bit for bit, on the host.
//!
//! Source: `get_detections_from_im` in data/nlvr2_imgfeat/extract_nlvr2_image.py of LXMERT.

use super::nms::{OverlapMatrix, PixelBox};
use super::numpy_order::argsort_descending;

/// How many boxes are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxChoice {
    /// Least number, which the most confident boxes fill up to (MIN_BOXES).
    pub least: usize,
    /// Largest number (MAX_BOXES).
    pub most: usize,
    /// Confidence from which a box counts (CONF_THRESH).
    pub confidence: f64,
}

impl BoxChoice {
    /// The choice of the released files: 36 boxes.
    pub const RELEASED: Self = Self { least: 36, most: 36, confidence: 0.2 };
}

/// Overlap from which the lower-scored box of a class is suppressed (TEST.NMS).
const NMS_THRESHOLD: f64 = 0.3;

/// What the head says about each proposal, on the host.
#[derive(Debug, Clone, Copy)]
pub struct HeadOutputs<'t> {
    /// The proposals in pixels of the resized picture.
    pub proposals: &'t [PixelBox],
    /// Resized length by original length.
    pub scale: f64,
    /// `(proposals, classes)`: probabilities; class 0 is background.
    pub objects: &'t [f32],
    /// `(proposals, attributes)`: probabilities; class 0 is "no attribute".
    pub attributes: &'t [f32],
}

/// The chosen boxes in the order of the original.
#[derive(Debug, Clone, PartialEq)]
pub struct Detections {
    /// Index of each box among the proposals.
    pub kept: Vec<usize>,
    /// x1, y1, x2, y2 in pixels of the original picture: the proposals, not regressed.
    pub boxes: Vec<PixelBox>,
    /// Object class without background, `0..1600`.
    pub objects_id: Vec<i64>,
    /// Its probability.
    pub objects_conf: Vec<f32>,
    /// Attribute class without "no attribute", `0..400`.
    pub attrs_id: Vec<i64>,
    /// Its probability.
    pub attrs_conf: Vec<f32>,
    /// The highest probability of each proposal among the classes in which it survives; 0 if it survives in none.
    pub max_conf: Vec<f64>,
}

/// Chooses the boxes: fewer than the least number only if there are fewer proposals.
pub fn select(head: HeadOutputs<'_>, choice: BoxChoice) -> Detections {
    let n = head.proposals.len();
    // In 32 bits, which gives other boxes than a division in 64 bits.
    let scale = head.scale as f32;
    let boxes: Vec<PixelBox> = head.proposals.iter().map(|corners| corners.map(|v| v / scale)).collect();
    let max_conf = confidences(&boxes, head.objects);
    let mut kept: Vec<usize> = (0..n).filter(|&index| max_conf[index] >= choice.confidence).collect();
    // As many as wanted stay in the order of the proposals.
    let wanted = kept.len().clamp(choice.least, choice.most);
    if kept.len() != wanted {
        kept = argsort_descending(&max_conf);
        kept.truncate(wanted);
    }
    let (objects_id, objects_conf) = best_classes(head.objects, n, &kept);
    let (attrs_id, attrs_conf) = best_classes(head.attributes, n, &kept);
    let boxes = kept.iter().map(|&index| boxes[index]).collect();
    Detections { kept, boxes, objects_id, objects_conf, attrs_id, attrs_conf, max_conf }
}

/// Returns the confidence of each box: suppressions run for each class by itself.
fn confidences(boxes: &[PixelBox], objects: &[f32]) -> Vec<f64> {
    let n = boxes.len();
    let mut best = vec![0.0_f64; n];
    let overlaps = OverlapMatrix::new(boxes, NMS_THRESHOLD);
    let classes = objects.len().checked_div(n).unwrap_or(0);
    let mut scores = vec![0.0; n];
    for class in 1..classes {
        for (score, row) in scores.iter_mut().zip(objects.chunks_exact(classes)) {
            *score = row[class];
        }
        overlaps.survivors(&scores, |index| best[index] = best[index].max(f64::from(scores[index])));
    }
    best
}

/// Returns for each kept proposal the class with the highest probability, without the first class and counted without it, and that
/// probability. Of equal ones the first counts.
fn best_classes(probabilities: &[f32], n: usize, kept: &[usize]) -> (Vec<i64>, Vec<f32>) {
    let classes = probabilities.len().checked_div(n).unwrap_or(0);
    kept.iter()
        .map(|&index| {
            let row = &probabilities[index * classes + 1..(index + 1) * classes];
            let best =
                (0..row.len()).reduce(|best, class| if row[class] > row[best] { class } else { best }).unwrap_or(0);
            (best as i64, row.get(best).copied().unwrap_or(0.0))
        })
        .unzip()
}
