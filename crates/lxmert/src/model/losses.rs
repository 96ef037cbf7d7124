//! The losses of fine-tuning (src/tasks/*.py @ 0db1182) and of pre-training (LXRTPretraining.forward, src/lxrt/modeling.py @
//! 0db1182).

use tch::{Kind, Reduction, Tensor};

/// Weight of the visual losses: the inverse of the masking rate 0.15.
const VISUAL_LOSS_WEIGHT: f64 = 1.0 / 0.15;

/// Returns the loss of VQA and GQA: binary cross entropy of logits (B, A) with soft targets (B, A), the mean over both, times A.
pub fn soft_answers(logits: &Tensor, target: &Tensor) -> Tensor {
    let answers = logits.size()[1] as f64;
    logits.binary_cross_entropy_with_logits(target, None::<&Tensor>, None::<&Tensor>, Reduction::Mean) * answers
}

/// Returns the loss of GQA with `--mce-loss`: cross entropy with the highest-scored answer, times A. As in the original, an example
/// without any score trains label 0.
pub fn hard_answers(logits: &Tensor, target: &Tensor) -> Tensor {
    let answers = logits.size()[1] as f64;
    classes(logits, &target.argmax(1, false)) * answers
}

/// Returns the loss of NLVR2: cross entropy of logits (B, 2) with labels (B) int64.
pub fn classes(logits: &Tensor, labels: &Tensor) -> Tensor {
    logits.cross_entropy_loss(labels, None::<&Tensor>, Reduction::Mean, -100, 0.0)
}

/// Returns the cross entropy of scores (N, classes) with labels (N) int64, summed over the labelled items and divided by `count`.
/// A label of −1 means unlabelled. `count` is the number of labelled items in the whole batch, of which these may be a part.
///
/// Without labelled items the loss is 0 with zero gradients. The original returns NaN in this case, and the next step destroys the
/// weights.
pub fn labelled(scores: &Tensor, labels: &Tensor, count: usize) -> Tensor {
    scores.cross_entropy_loss(labels, None::<&Tensor>, Reduction::Sum, -1, 0.0) / count.max(1) as f64
}

/// The targets of the three visual losses. Classes are known for all boxes, masked or not.
pub struct VisualTargets<'a> {
    /// Object class of each box (B, O) int64, −1 if unknown.
    pub obj: &'a Tensor,
    /// The detector's confidence in the object class (B, O).
    pub obj_conf: &'a Tensor,
    /// Attribute class of each box (B, O) int64, −1 if unknown.
    pub attr: &'a Tensor,
    /// The detector's confidence in the attribute class (B, O).
    pub attr_conf: &'a Tensor,
    /// The features before masking (B, O, visual_feat_dim).
    pub feat: &'a Tensor,
    /// 1 for boxes that were chosen for masking, else 0 (B, O).
    pub feat_mask: &'a Tensor,
}

/// Returns the object or attribute loss of scores (B, O, classes): cross entropy with labels (B, O) weighted by the detector's
/// confidence, as a mean over ALL `boxes` of the whole batch, times 1/0.15.
pub fn detected(scores: &Tensor, labels: &Tensor, confidence: &Tensor, boxes: usize) -> Tensor {
    let each = scores.reshape([-1, scores.size()[2]]).cross_entropy_loss(
        &labels.reshape([-1]),
        None::<&Tensor>,
        Reduction::None,
        -1,
        0.0,
    );
    (each * confidence.reshape([-1])).sum(Kind::Float) * (VISUAL_LOSS_WEIGHT / boxes.max(1) as f64)
}

/// Returns the feature loss of predicted features (B, O, visual_feat_dim): smooth L1 of the boxes whose `mask` (B, O) is 1, the
/// mean over the last dimension, then a mean over ALL `boxes` of the whole batch, times 1/0.15.
pub fn features(predicted: &Tensor, target: &Tensor, mask: &Tensor, boxes: usize) -> Tensor {
    let each = predicted.smooth_l1_loss(target, Reduction::None, 1.0);
    let per_box = each.mean_dim([-1i64].as_slice(), false, Kind::Float);
    (per_box * mask).sum(Kind::Float) * (VISUAL_LOSS_WEIGHT / boxes.max(1) as f64)
}
