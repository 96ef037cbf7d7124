//! The layers over the whole picture: ResNet-101 up to res4, and the region proposal network.

use base::error::{Error, Result};
use tch::{Kind, Tensor};

use super::anchors::ANCHORS;
use super::convolution::{Block, Convolution, Steps, channels_last};
use super::observer::Observer;
use super::sizes::ButdSizes;
use super::weights::Weights;

/// conv1, res2, res3 and res4.
pub(super) struct Trunk {
    pub(super) conv1: Convolution,
    pub(super) blocks: Vec<Block>,
}

impl Trunk {
    pub(super) fn load(weights: &Weights<'_>, sizes: ButdSizes) -> Result<Self> {
        let channels = sizes.channels as i64;
        let conv1 = weights.folded("conv1", "_conv1", &[channels, 3, 7, 7])?;
        let conv1 = Convolution::new(conv1, Steps { stride: 2, padding: 3, dilation: 1 });
        let blocks = (2..=4)
            .flat_map(|stage| sizes.blocks(stage).into_iter().map(move |block| (stage, block)))
            .map(|(stage, block)| {
                let stride = if block.opens && stage > 2 { 2 } else { 1 };
                Block::load(weights, block, stride, 1)
            })
            .collect::<Result<_>>()?;
        Ok(Self { conv1, blocks })
    }

    /// Computes `(1, 3, h, w)` -> `(1, 1024, h/16, w/16)`, the blob `res4b22`.
    pub(super) fn forward(&self, data: &Tensor, observe: Observer<'_>) -> Tensor {
        let conv1 = self.conv1.forward(&channels_last(data)).relu_();
        observe("conv1", &conv1);
        let mut x = first_pooling(&conv1);
        observe("pool1", &x);
        for block in &self.blocks {
            x = block.forward(&x);
            observe(&block.name, &x);
        }
        x
    }
}

/// The pooling after the first convolution: squares of nine, every second, no padding, the last window cut at the border.
pub fn first_pooling(input: &Tensor) -> Tensor {
    input.max_pool2d([3, 3], [2, 2], [0, 0], [1, 1], true)
}

/// The region proposal network.
pub(super) struct Rpn {
    pub(super) hidden: Convolution,
    pub(super) score: Convolution,
    pub(super) delta: Convolution,
}

impl Rpn {
    pub(super) fn load(weights: &Weights<'_>, sizes: ButdSizes) -> Result<Self> {
        let load = |name: &str, shape: [usize; 4], steps| {
            let weight = weights.tensor(&format!("{name}/0"), &shape.map(|size| size as i64))?;
            let bias = weights.tensor(&format!("{name}/1"), &[shape[0] as i64])?;
            Ok::<_, Error>(Convolution::new((weight, bias), steps))
        };
        Ok(Self {
            hidden: load("rpn_conv/3x3", [sizes.rpn, 16 * sizes.channels, 3, 3], Steps::SQUARE)?,
            score: load("rpn_cls_score", [2 * ANCHORS, sizes.rpn, 1, 1], Steps::POINT)?,
            delta: load("rpn_bbox_pred", [4 * ANCHORS, sizes.rpn, 1, 1], Steps::POINT)?,
        })
    }

    /// Computes probabilities `(1, 24, h, w)` and deltas `(1, 48, h, w)`. Channel `a` is background, `12 + a` the object of anchor `a`.
    pub(super) fn forward(&self, res4: &Tensor, observe: Observer<'_>) -> (Tensor, Tensor) {
        let hidden = self.hidden.forward(res4).relu_();
        observe("rpn_output", &hidden);
        let score = self.score.forward(&hidden);
        observe("rpn_cls_score", &score);
        let (height, width) = (score.size()[2], score.size()[3]);
        let pairs = score.contiguous().view([1, 2, ANCHORS as i64, height, width]);
        let probability = pairs.softmax(1, Kind::Float).view([1, 2 * ANCHORS as i64, height, width]);
        observe("rpn_cls_prob_reshape", &probability);
        let delta = self.delta.forward(&hidden);
        observe("rpn_bbox_pred", &delta);
        (probability, delta)
    }
}
