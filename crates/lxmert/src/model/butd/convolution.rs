//! Convolutions on tensors whose channels lie next to one another.

use base::error::{Error, Result};
use tch::Tensor;

use super::sizes::BlockSizes;
use super::weights::Weights;

/// Stride, padding and dilation, the same along both sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    pub(super) stride: i64,
    pub(super) padding: i64,
    pub(super) dilation: i64,
}

impl Steps {
    /// A convolution of single pixels.
    pub(super) const POINT: Self = Self { stride: 1, padding: 0, dilation: 1 };
    /// A convolution of squares of nine that keeps the size.
    pub(super) const SQUARE: Self = Self { stride: 1, padding: 1, dilation: 1 };
}

/// A convolution with bias.
pub(super) struct Convolution {
    weight: Tensor,
    bias: Tensor,
    steps: Steps,
}

impl Convolution {
    /// Takes weight `(outputs, inputs, side, side)` and bias `(outputs)`.
    pub(super) fn new((weight, bias): (Tensor, Tensor), steps: Steps) -> Self {
        Self { weight: channels_last(&weight), bias, steps }
    }

    /// Computes `(n, inputs, h, w)` -> `(n, outputs, h', w')`.
    pub(super) fn forward(&self, input: &Tensor) -> Tensor {
        let Steps { stride, padding, dilation } = self.steps;
        input.conv2d(&self.weight, Some(&self.bias), [stride; 2], [padding; 2], [dilation; 2], 1)
    }

    /// Channels of the input.
    pub(super) fn inputs(&self) -> i64 {
        self.weight.size()[1]
    }
}

/// Copies `(n, c, h, w)` so that the channels of a pixel lie next to one another, which oneDNN computes fastest on.
pub(super) fn channels_last(tensor: &Tensor) -> Tensor {
    tensor.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// A residual block: three convolutions beside a shortcut. Stride 2 sits in the convolutions of single pixels.
pub(super) struct Block {
    pub(super) name: String,
    pub(super) shortcut: Option<Convolution>,
    pub(super) reduce: Convolution,
    pub(super) square: Convolution,
    pub(super) expand: Convolution,
}

impl Block {
    /// Loads the block. `stride` is that of its first convolutions, `dilation` that of the squares.
    pub(super) fn load(weights: &Weights<'_>, sizes: BlockSizes, stride: i64, dilation: i64) -> Result<Self> {
        let BlockSizes { name, input, width, output, opens } = sizes;
        let [input, width, output] = [input, width, output].map(|size| size as i64);
        let load = |branch: &str, shape: [i64; 4], steps| {
            let suffix = format!("{name}_{branch}");
            Ok::<_, Error>(Convolution::new(weights.folded(&format!("res{suffix}"), &suffix, &shape)?, steps))
        };
        let point = Steps { stride, ..Steps::POINT };
        let square = Steps { padding: dilation, dilation, ..Steps::SQUARE };
        let shortcut = if opens { Some(load("branch1", [output, input, 1, 1], point)?) } else { None };
        let reduce = load("branch2a", [width, input, 1, 1], point)?;
        let square = load("branch2b", [width, width, 3, 3], square)?;
        let expand = load("branch2c", [output, width, 1, 1], Steps::POINT)?;
        Ok(Self { name: format!("res{name}"), shortcut, reduce, square, expand })
    }

    /// Computes `(n, inputs, h, w)` -> `(n, outputs, h', w')`.
    pub(super) fn forward(&self, input: &Tensor) -> Tensor {
        let shortcut = self.shortcut.as_ref().map_or_else(|| input.shallow_clone(), |layer| layer.forward(input));
        self.finish(&self.reduce.forward(input).relu_(), &shortcut)
    }

    /// Computes what follows the first convolution and the shortcut.
    pub(super) fn finish(&self, reduced: &Tensor, shortcut: &Tensor) -> Tensor {
        let mut sum = self.expand.forward(&self.square.forward(reduced).relu_());
        sum += shortcut;
        sum.relu_()
    }
}
