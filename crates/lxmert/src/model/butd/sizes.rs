//! Sizes of the network, and the tensors that it needs under Caffe's names.

use base::error::{Error, Result};
use checkpoint::{StateDict, same_shape};
use indexmap::IndexMap;

use super::anchors::ANCHORS;

/// Number of residual blocks of each stage, res2 to res5.
const BLOCKS: [usize; 4] = [3, 4, 23, 3];

/// Sizes of the network. The topology is that of ResNet-101.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ButdSizes {
    /// Channels after the first convolution; 64 in the published model. Each stage doubles them.
    pub channels: usize,
    /// Channels of the RPN.
    pub rpn: usize,
    /// Object classes with background.
    pub classes: usize,
    /// Attributes with "no attribute".
    pub attributes: usize,
    /// Width of the embedding of a class.
    pub embedding: usize,
    /// Width of the hidden layer for attributes.
    pub attribute_hidden: usize,
}

impl ButdSizes {
    /// The published model: 1600 object classes, 400 attributes, features of 2048 numbers.
    pub const RELEASED: Self =
        Self { channels: 64, rpn: 512, classes: 1601, attributes: 401, embedding: 256, attribute_hidden: 512 };

    /// Returns the sizes of the network whose weights these are.
    ///
    /// # Errors
    /// Data if they are not the weights of such a network.
    pub fn of(state: &StateDict) -> Result<Self> {
        let shape = |name: &str| Ok::<_, Error>(state.get(name).ok_or_else(|| missing(name))?.shape.as_slice());
        let outputs = |name: &str| Ok::<_, Error>(shape(name)?.first().copied().unwrap_or(0));
        // Old files have leading ones.
        let matrix = |name: &str| match shape(name)? {
            [.., rows, columns] => Ok((*rows, *columns)),
            other => Err(Error::data(format!("{name} has shape {other:?}, but a matrix is needed")).next(NEXT)),
        };
        let sizes = Self {
            channels: outputs("conv1/0")?,
            rpn: outputs("rpn_conv/3x3/0")?,
            classes: matrix("cls_score/0")?.0,
            attributes: matrix("attr_score/0")?.0,
            embedding: matrix("cls_embedding/0")?.1,
            attribute_hidden: matrix("fc_attr/0")?.0,
        };
        let all = [sizes.channels, sizes.rpn, sizes.classes, sizes.attributes, sizes.embedding, sizes.attribute_hidden];
        if sizes.classes < 2 || sizes.attributes < 2 || all.iter().any(|size| !(1..=1 << 16).contains(size)) {
            return Err(
                Error::data(format!("the weights are of a network whose sizes cannot be: {sizes:?}")).next(NEXT)
            );
        }
        for (name, shape) in sizes.tensors() {
            let tensor = state.get(&name).ok_or_else(|| missing(&name))?;
            if !same_shape(&tensor.shape, &shape) {
                return Err(
                    Error::data(format!("{name} has shape {:?}, but {shape:?} is needed", tensor.shape)).next(NEXT)
                );
            }
        }
        Ok(sizes)
    }

    /// Numbers per box: the channels after res5.
    pub fn features(&self) -> usize {
        32 * self.channels
    }

    /// Returns the residual blocks of a stage, 2 to 5.
    pub(super) fn blocks(self, stage: usize) -> Vec<BlockSizes> {
        let width = self.channels << (stage - 2);
        (0..BLOCKS[stage - 2])
            .map(|index| {
                let letters = match (stage, index) {
                    (3 | 4, 1..) => format!("b{index}"),
                    _ => char::from(b'a' + index as u8).to_string(),
                };
                let input = match (stage, index) {
                    (2, 0) => self.channels,
                    (_, 0) => 2 * width,
                    _ => 4 * width,
                };
                BlockSizes { name: format!("{stage}{letters}"), input, width, output: 4 * width, opens: index == 0 }
            })
            .collect()
    }

    /// Returns the name and the shape of each tensor that is needed.
    pub fn tensors(&self) -> IndexMap<String, Vec<usize>> {
        let mut tensors = IndexMap::new();
        let mut convolution = |suffix: &str, name: &str, shape: [usize; 4]| {
            tensors.insert(format!("{name}/0"), shape.to_vec());
            for (blob, length) in [shape[0], shape[0], 1].into_iter().enumerate() {
                tensors.insert(format!("bn{suffix}/{blob}"), vec![length]);
            }
            for blob in 0..2 {
                tensors.insert(format!("scale{suffix}/{blob}"), vec![shape[0]]);
            }
        };
        convolution("_conv1", "conv1", [self.channels, 3, 7, 7]);
        for block in (2..=5).flat_map(|stage| self.blocks(stage)) {
            let BlockSizes { name, input, width, output, opens } = block;
            let mut layer =
                |branch: &str, shape| convolution(&format!("{name}_{branch}"), &format!("res{name}_{branch}"), shape);
            if opens {
                layer("branch1", [output, input, 1, 1]);
            }
            layer("branch2a", [width, input, 1, 1]);
            layer("branch2b", [width, width, 3, 3]);
            layer("branch2c", [output, width, 1, 1]);
        }
        let res4 = 16 * self.channels;
        for (name, shape) in [
            ("rpn_conv/3x3", vec![self.rpn, res4, 3, 3]),
            ("rpn_cls_score", vec![2 * ANCHORS, self.rpn, 1, 1]),
            ("rpn_bbox_pred", vec![4 * ANCHORS, self.rpn, 1, 1]),
            ("cls_score", vec![self.classes, self.features()]),
            ("fc_attr", vec![self.attribute_hidden, self.features() + self.embedding]),
            ("attr_score", vec![self.attributes, self.attribute_hidden]),
        ] {
            tensors.insert(format!("{name}/1"), vec![shape[0]]);
            tensors.insert(format!("{name}/0"), shape);
        }
        tensors.insert("cls_embedding/0".to_owned(), vec![self.classes, self.embedding]);
        tensors
    }
}

/// A residual block.
pub(super) struct BlockSizes {
    /// Name without "res", such as `4b22`.
    pub(super) name: String,
    /// Channels of the input.
    pub(super) input: usize,
    /// Channels between the convolutions.
    pub(super) width: usize,
    /// Channels of the output.
    pub(super) output: usize,
    /// Whether it is the first of its stage, with a convolution on the shortcut.
    pub(super) opens: bool,
}

const NEXT: &str = "use the weights of bottom-up-attention, resnet101_faster_rcnn_final_iter_320000.caffemodel";

fn missing(name: &str) -> Error {
    Error::data(format!("the weights have no tensor {name}, which the network needs")).next(NEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_network_has_its_number_of_weights() {
        let tensors = ButdSizes::RELEASED.tensors();
        let box_regression = 6404 * 2048 + 6404;
        assert_eq!(
            tensors.values().map(|shape| shape.iter().product::<usize>()).sum::<usize>(),
            65_559_622 - box_regression
        );
        assert_eq!(tensors["res4b22_branch2b/0"], [256, 256, 3, 3]);
        assert_eq!(tensors["res5a_branch1/0"], [2048, 1024, 1, 1]);
        assert_eq!(tensors["bn4b22_branch2b/2"], [1]);
    }
}
