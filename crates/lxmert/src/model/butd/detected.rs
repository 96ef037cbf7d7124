//! What the network computes, on its device, and what the host makes of it. The host's part needs no network, so another thread can do it
//! while the network computes the next picture.

use base::error::{Error, Result};
use data::features::Row;
use tch::{Device, Tensor};

use super::nms::PixelBox;
use super::proposal::{ImageInfo, RpnOutputs, proposals};
use super::selection::{BoxChoice, Detections, HeadOutputs, select};

/// What the RPN says about a map.
pub struct RpnTensors {
    /// `(1, 24, h, w)`: probabilities.
    pub(super) probability: Tensor,
    /// `(1, 48, h, w)`.
    pub(super) delta: Tensor,
}

impl RpnTensors {
    /// Returns the proposals in pixels of the resized picture, by descending score. There are none if the picture is too small.
    ///
    /// # Errors
    /// Data if the network's outputs are not finite.
    pub fn proposals(&self, image: ImageInfo) -> Result<Vec<PixelBox>> {
        let size = self.probability.size();
        let [probabilities, deltas] = [host("rpn_cls_prob", &self.probability)?, host("rpn_bbox_pred", &self.delta)?];
        let rpn = RpnOutputs {
            probabilities: &probabilities,
            deltas: &deltas,
            height: size[2] as usize,
            width: size[3] as usize,
        };
        Ok(proposals(rpn, image))
    }
}

/// What the head computes of `n` regions.
pub struct HeadTensors {
    /// `(n, 2048)`.
    pub(super) features: Tensor,
    /// `(n, 1601)`: probabilities.
    pub(super) objects: Tensor,
    /// `(n, 401)`: probabilities.
    pub(super) attributes: Tensor,
}

impl HeadTensors {
    /// Chooses among the regions. `scale` is resized length by original length.
    ///
    /// # Errors
    /// Data if the network's outputs are not finite.
    pub fn choose(&self, regions: &[PixelBox], scale: f64, choice: BoxChoice) -> Result<DetectedBoxes> {
        let [objects, attributes] = [host("cls_prob", &self.objects)?, host("attr_prob", &self.attributes)?];
        let head = HeadOutputs { proposals: regions, scale, objects: &objects, attributes: &attributes };
        let detections = select(head, choice);
        let kept: Vec<i64> = detections.kept.iter().map(|&index| index as i64).collect();
        let features = self.features.index_select(0, &Tensor::from_slice(&kept).to_device(self.features.device()));
        Ok(DetectedBoxes { features: host("pool5_flat", &features)?, detections })
    }
}

/// The chosen boxes with their features.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectedBoxes {
    /// The choice.
    pub detections: Detections,
    /// `(boxes, 2048)`.
    pub features: Vec<f32>,
}

impl DetectedBoxes {
    /// Returns the row of a picture of `height` x `width` pixels, with the columns of the released files.
    pub fn into_row(self, img_id: &str, height: usize, width: usize) -> Row {
        let Detections { boxes, objects_id, objects_conf, attrs_id, attrs_conf, .. } = self.detections;
        Row {
            img_id: img_id.to_owned(),
            img_h: height as u32,
            img_w: width as u32,
            objects_id,
            objects_conf,
            attrs_id,
            attrs_conf,
            num_boxes: boxes.len(),
            boxes: boxes.concat(),
            features: self.features,
        }
    }
}

/// Returns the error for a picture over which nothing is proposed. The original dies there with a division by zero.
pub fn too_small(height: usize, width: usize) -> Error {
    Error::data(format!("a picture of {width} x {height} pixels is too small: each side of a box must have 16"))
        .next("leave this image out; the original cannot read it either")
}

/// Copies a blob to the host, in the order of its indices.
///
/// # Errors
/// Data if it has numbers that are not finite.
fn host(name: &str, blob: &Tensor) -> Result<Vec<f32>> {
    let values = Vec::<f32>::try_from(&blob.to_device(Device::Cpu).contiguous().view(-1))
        .map_err(|error| Error::bug(format!("{name} cannot be copied")).because(error))?;
    if values.iter().all(|value| value.is_finite()) {
        return Ok(values);
    }
    Err(Error::data(format!("the network computes numbers in {name} that are not finite"))
        .next("fetch the weights again"))
}
