//! The detector: from a picture to its row of features.

use base::error::{Error, Result};
use checkpoint::StateDict;
use data::features::Row;
use tch::{Device, Tensor};

use super::head::Head;
use super::input::{InputBlob, TestScale, input_blob};
use super::nms::PixelBox;
use super::observer::Observer;
use super::proposal::{ImageInfo, RpnOutputs, proposals};
use super::selection::{Detections, HeadOutputs, select};
use super::sizes::ButdSizes;
use super::trunk::{Rpn, Trunk};
use super::weights::Weights;

/// A decoded picture: rows of pixels, each blue, green and red.
#[derive(Debug, Clone, Copy)]
pub struct BgrPixels<'p> {
    /// `height * width * 3` bytes.
    pub bytes: &'p [u8],
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
}

/// The network with its weights on a device.
pub struct Detector {
    pub(super) trunk: Trunk,
    pub(super) rpn: Rpn,
    pub(super) head: Head,
    pub(super) device: Device,
    sizes: ButdSizes,
    test_scale: TestScale,
}

/// The chosen boxes with their features.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectedBoxes {
    /// The choice.
    pub detections: Detections,
    /// `(boxes, 2048)`.
    pub features: Vec<f32>,
}

impl Detector {
    /// Takes Caffe's weights. What the network does not need, such as `bbox_pred`, is ignored.
    ///
    /// # Errors
    /// Data if a tensor is missing, has another shape or is not finite.
    pub fn load(state: &StateDict, test_scale: TestScale, device: Device) -> Result<Self> {
        let sizes = ButdSizes::of(state)?;
        checkpoint::check_not_truncated(state.values())?;
        let weights = Weights { state, device };
        let _guard = tch::no_grad_guard();
        Ok(Self {
            trunk: Trunk::load(&weights, sizes)?,
            rpn: Rpn::load(&weights, sizes)?,
            head: Head::load(&weights, sizes)?,
            device,
            sizes,
            test_scale,
        })
    }

    /// Returns the sizes of the network.
    pub fn sizes(&self) -> ButdSizes {
        self.sizes
    }

    /// Returns the row of a picture. Its columns are those of the released files.
    ///
    /// # Errors
    /// Those of [`detect`](Self::detect).
    pub fn row(&self, img_id: &str, picture: BgrPixels<'_>) -> Result<Row> {
        let DetectedBoxes { detections, features } = self.detect(picture, &mut |_, _| ())?;
        let Detections { boxes, objects_id, objects_conf, attrs_id, attrs_conf, .. } = detections;
        Ok(Row {
            img_id: img_id.to_owned(),
            img_h: picture.height as u32,
            img_w: picture.width as u32,
            objects_id,
            objects_conf,
            attrs_id,
            attrs_conf,
            num_boxes: boxes.len(),
            boxes: boxes.concat(),
            features,
        })
    }

    /// Finds the boxes of a picture and computes their features.
    ///
    /// # Errors
    /// Data if the picture is so small that nothing is proposed (the original dies with a division by zero), or if the network's
    /// outputs are not finite.
    pub fn detect(&self, picture: BgrPixels<'_>, observe: Observer<'_>) -> Result<DetectedBoxes> {
        let blob = input_blob(picture.bytes, picture.height, picture.width, self.test_scale)?;
        let res4 = self.map(&blob, observe);
        let regions = self.propose(&res4, &blob, observe)?;
        if regions.is_empty() {
            return Err(Error::data(format!(
                "a picture of {} x {} pixels is too small: each side of a box must have 16",
                picture.width, picture.height
            ))
            .next("leave this image out; the original cannot read it either"));
        }
        self.choose(&res4, &regions, blob.scale, observe)
    }

    /// Computes the map of the whole picture, the blob `res4b22`: `(1, 1024, height/16, width/16)`.
    pub fn map(&self, blob: &InputBlob, observe: Observer<'_>) -> Tensor {
        let _guard = tch::no_grad_guard();
        let size = [1, 3, blob.height as i64, blob.width as i64];
        let data = Tensor::from_slice(&blob.data).view(size).to_device(self.device);
        observe("data", &data);
        self.trunk.forward(&data, observe)
    }

    /// Returns the proposals over a map, in pixels of the resized picture, by descending score.
    ///
    /// # Errors
    /// Data if the network's outputs are not finite.
    pub fn propose(&self, res4: &Tensor, blob: &InputBlob, observe: Observer<'_>) -> Result<Vec<PixelBox>> {
        let _guard = tch::no_grad_guard();
        let (probability, delta) = self.rpn.forward(res4, observe);
        let [probabilities, deltas] = [host("rpn_cls_prob", &probability)?, host("rpn_bbox_pred", &delta)?];
        let size = probability.size();
        let rpn = RpnOutputs {
            probabilities: &probabilities,
            deltas: &deltas,
            height: size[2] as usize,
            width: size[3] as usize,
        };
        let image = ImageInfo { height: blob.height as f32, width: blob.width as f32, scale: blob.scale as f32 };
        let regions = proposals(rpn, image);
        observe("rois", &Tensor::from_slice(regions.as_flattened()).view([-1, 4]));
        Ok(regions)
    }

    /// Computes the regions over a map and chooses the boxes. `scale` is resized length by original length.
    ///
    /// # Errors
    /// Data if the network's outputs are not finite.
    pub fn choose(
        &self,
        res4: &Tensor,
        regions: &[PixelBox],
        scale: f64,
        observe: Observer<'_>,
    ) -> Result<DetectedBoxes> {
        let _guard = tch::no_grad_guard();
        let head = self.head.forward(res4, regions, observe)?;
        let [objects, attributes] = [host("cls_prob", &head.objects)?, host("attr_prob", &head.attributes)?];
        let detections = select(HeadOutputs { proposals: regions, scale, objects: &objects, attributes: &attributes });
        let kept: Vec<i64> = detections.kept.iter().map(|&index| index as i64).collect();
        let features = head.features.index_select(0, &Tensor::from_slice(&kept).to_device(self.device));
        Ok(DetectedBoxes { features: host("pool5_flat", &features)?, detections })
    }
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
