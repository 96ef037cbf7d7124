//! The detector: from a picture to its row of features.

use base::error::Result;
use checkpoint::StateDict;
use data::features::Row;
use tch::{Device, Tensor};

use super::detected::{DetectedBoxes, HeadTensors, RpnTensors, too_small};
use super::head::Head;
use super::input::{InputBlob, TestScale, input_blob};
use super::nms::PixelBox;
use super::observer::Observer;
use super::selection::BoxChoice;
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
    choice: BoxChoice,
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
            choice: BoxChoice::RELEASED,
        })
    }

    /// Returns the sizes of the network.
    pub fn sizes(&self) -> ButdSizes {
        self.sizes
    }

    /// Chooses other boxes than those of the released files.
    pub fn choosing(self, choice: BoxChoice) -> Self {
        Self { choice, ..self }
    }

    /// Returns how boxes are chosen.
    pub fn choice(&self) -> BoxChoice {
        self.choice
    }

    /// Returns how large pictures are made.
    pub fn test_scale(&self) -> TestScale {
        self.test_scale
    }

    /// Returns the row of a picture. Its columns are those of the released files.
    ///
    /// # Errors
    /// Those of [`detect`](Self::detect).
    pub fn row(&self, img_id: &str, picture: BgrPixels<'_>) -> Result<Row> {
        let found = self.detect(picture, &mut |_, _| ())?;
        Ok(found.into_row(img_id, picture.height, picture.width))
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
            return Err(too_small(picture.height, picture.width));
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

    /// Computes what the RPN says about a map.
    pub fn rpn(&self, res4: &Tensor, observe: Observer<'_>) -> RpnTensors {
        let _guard = tch::no_grad_guard();
        let (probability, delta) = self.rpn.forward(res4, observe);
        RpnTensors { probability, delta }
    }

    /// Returns the proposals over a map, in pixels of the resized picture, by descending score.
    ///
    /// # Errors
    /// Data if the network's outputs are not finite.
    pub fn propose(&self, res4: &Tensor, blob: &InputBlob, observe: Observer<'_>) -> Result<Vec<PixelBox>> {
        let regions = self.rpn(res4, observe).proposals(blob.info())?;
        observe("rois", &Tensor::from_slice(regions.as_flattened()).view([-1, 4]));
        Ok(regions)
    }

    /// Computes features and classes of the regions over a map.
    ///
    /// # Errors
    /// A bug if libtorch gives scores of another size.
    pub fn head(&self, res4: &Tensor, regions: &[PixelBox], observe: Observer<'_>) -> Result<HeadTensors> {
        let _guard = tch::no_grad_guard();
        self.head.forward(res4, regions, observe)
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
        self.head(res4, regions, observe)?.choose(regions, scale, self.choice)
    }
}
