//! The proposal layer: from the RPN's scores and deltas to at most 300 regions, bit for bit, on the host.
//!
//! Source: lib/rpn/proposal_layer.py and lib/fast_rcnn/bbox_transform.py @ 514e561. All arithmetic is in 32 bits, one rounding per
//! operation.

use super::anchors::{ANCHORS, STRIDE, base_anchors};
use super::nms::{PixelBox, nms};
use super::numpy_exp::exp;
use super::numpy_order::argsort_descending;

/// Number of boxes by score that enter the suppression (RPN_PRE_NMS_TOP_N).
const BEFORE_NMS: usize = 6000;
/// Largest number of proposals (RPN_POST_NMS_TOP_N).
pub const MOST_PROPOSALS: usize = 300;
/// Overlap from which the lower-scored box is suppressed (RPN_NMS_THRESH).
const NMS_THRESHOLD: f64 = 0.7;
/// Shortest side in pixels of the original picture (RPN_MIN_SIZE).
const MIN_SIDE: f32 = 16.0;

/// What the RPN says about each cell, on the host.
#[derive(Debug, Clone, Copy)]
pub struct RpnOutputs<'t> {
    /// `(24, height, width)`: for each anchor the probability of background, then for each that of an object.
    pub probabilities: &'t [f32],
    /// `(48, height, width)`: dx, dy, dw, dh of each anchor.
    pub deltas: &'t [f32],
    /// Cells along the height.
    pub height: usize,
    /// Cells along the width.
    pub width: usize,
}

/// The resized picture, Caffe's blob `im_info`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageInfo {
    /// Height in pixels, resized.
    pub height: f32,
    /// Width in pixels, resized.
    pub width: f32,
    /// Resized length by original length.
    pub scale: f32,
}

/// Returns the proposals in pixels of the resized picture, by descending score. There are none if the picture is too small.
pub fn proposals(rpn: RpnOutputs<'_>, image: ImageInfo) -> Vec<PixelBox> {
    let cells = rpn.height * rpn.width;
    let anchors = base_anchors();
    let least = MIN_SIDE * image.scale;
    let (mut boxes, mut scores) = (Vec::new(), Vec::new());
    // Cells in rows, the anchors of a cell next to one another: the order of equal scores depends on it.
    for cell in 0..cells {
        let shift = [cell % rpn.width, cell / rpn.width].map(|place| (place * STRIDE) as f32);
        for (a, anchor) in anchors.iter().enumerate() {
            let anchor = [anchor[0] + shift[0], anchor[1] + shift[1], anchor[2] + shift[0], anchor[3] + shift[1]];
            let deltas = std::array::from_fn(|d| rpn.deltas[(4 * a + d) * cells + cell]);
            let found = clip(decode(anchor, deltas), image);
            if found[2] - found[0] + 1.0 >= least && found[3] - found[1] + 1.0 >= least {
                boxes.push(found);
                scores.push(rpn.probabilities[(ANCHORS + a) * cells + cell]);
            }
        }
    }
    let mut order = argsort_descending(&scores);
    order.truncate(BEFORE_NMS);
    let boxes: Vec<PixelBox> = order.iter().map(|&index| boxes[index]).collect();
    let scores: Vec<f32> = order.iter().map(|&index| scores[index]).collect();
    nms(&boxes, &scores, NMS_THRESHOLD, MOST_PROPOSALS).into_iter().map(|index| boxes[index]).collect()
}

/// Moves and scales an anchor. There is no limit on the scale, and no pixel is taken off the far corner.
fn decode([x1, y1, x2, y2]: PixelBox, [dx, dy, dw, dh]: [f32; 4]) -> PixelBox {
    let (width, height) = (x2 - x1 + 1.0, y2 - y1 + 1.0);
    let (centre_x, centre_y) = (x1 + 0.5 * width, y1 + 0.5 * height);
    let (new_x, new_y) = (dx * width + centre_x, dy * height + centre_y);
    let (half_width, half_height) = (0.5 * (exp(dw) * width), 0.5 * (exp(dh) * height));
    [new_x - half_width, new_y - half_height, new_x + half_width, new_y + half_height]
}

/// Moves what lies outside of the picture to its border.
fn clip([x1, y1, x2, y2]: PixelBox, image: ImageInfo) -> PixelBox {
    let inside = |value: f32, length: f32| value.min(length - 1.0).max(0.0);
    [inside(x1, image.width), inside(y1, image.height), inside(x2, image.width), inside(y2, image.height)]
}
