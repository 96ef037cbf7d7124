//! The layers over each region: res5, the mean over its bins, and the classes of objects and attributes.

use base::error::{Error, Result};
use tch::{Device, Kind, Tensor};

use super::convolution::{Block, Convolution};
use super::detected::HeadTensors;
use super::nms::PixelBox;
use super::observer::Observer;
use super::roi_pooling::{PooledBins, RoiPooling};
use super::sizes::ButdSizes;
use super::weights::Weights;

/// Number of regions that are computed at a time, which bounds the memory.
pub(super) const REGIONS_AT_A_TIME: usize = 20;

/// res5 and the classes.
pub(super) struct Head {
    pub(super) blocks: Vec<Block>,
    objects: Linear,
    embedding: Tensor,
    attribute_hidden: Linear,
    attributes: Linear,
}

impl Head {
    pub(super) fn load(weights: &Weights<'_>, sizes: ButdSizes) -> Result<Self> {
        let ButdSizes { classes, attributes, embedding, attribute_hidden, .. } = sizes;
        let features = sizes.features();
        Ok(Self {
            // The stage neither shrinks the map nor leaves gaps in it: its squares reach over two cells.
            blocks: sizes
                .blocks(5)
                .into_iter()
                .map(|block| Block::load(weights, block, 1, 2))
                .collect::<Result<_>>()?,
            objects: Linear::load(weights, "cls_score", classes, features)?,
            embedding: weights.tensor("cls_embedding/0", &[classes as i64, embedding as i64])?,
            attribute_hidden: Linear::load(weights, "fc_attr", attribute_hidden, features + embedding)?,
            attributes: Linear::load(weights, "attr_score", attributes, attribute_hidden)?,
        })
    }

    /// Computes the regions, in pixels of the resized picture, over the map `res4b22`.
    ///
    /// # Errors
    /// A bug if libtorch gives scores of another size.
    pub(super) fn forward(&self, res4: &Tensor, regions: &[PixelBox], observe: Observer<'_>) -> Result<HeadTensors> {
        let pooling = RoiPooling::new(res4, regions);
        let features: Vec<Tensor> = regions
            .chunks(REGIONS_AT_A_TIME)
            .map(|regions| {
                let pooled = pooling.pool(regions);
                observe("roipool5", &pooled.values);
                let res5 = self.res5(&pooled, observe);
                res5.mean_dim([2_i64, 3].as_slice(), false, Kind::Float)
            })
            .collect();
        let features = Tensor::cat(&features, 0);
        observe("pool5_flat", &features);
        let scores = self.objects.forward(&features);
        observe("cls_score", &scores);
        let predicted = predicted_classes(&scores)?;
        observe("predicted_cls", &predicted);
        let embedded = self.embedding.index_select(0, &predicted.to_device(features.device()));
        let hidden = self.attribute_hidden.forward(&Tensor::cat(&[&features, &embedded], 1)).relu_();
        observe("fc_attr", &hidden);
        let attribute_scores = self.attributes.forward(&hidden);
        observe("attr_score", &attribute_scores);
        let objects = scores.softmax(1, Kind::Float);
        observe("cls_prob", &objects);
        let attributes = attribute_scores.softmax(1, Kind::Float);
        observe("attr_prob", &attributes);
        Ok(HeadTensors { features, objects, attributes })
    }

    /// Computes res5. The convolutions of single bins that open it see each distinct bin once.
    fn res5(&self, pooled: &PooledBins, observe: Observer<'_>) -> Tensor {
        let mut x = Tensor::new();
        for block in &self.blocks {
            x = match &block.shortcut {
                None => block.forward(&x),
                Some(shortcut) => {
                    let reduced = pooled.spread(&on_rows(&block.reduce, &pooled.values).relu_());
                    block.finish(&reduced, &pooled.spread(&on_rows(shortcut, &pooled.values)))
                }
            };
            observe(&block.name, &x);
        }
        x
    }
}

/// Applies a convolution of single pixels to the rows of a matrix: `(m, inputs)` -> `(m, outputs)`.
fn on_rows(layer: &Convolution, rows: &Tensor) -> Tensor {
    let [m, inputs] = [rows.size()[0], rows.size()[1]];
    let output = layer.forward(&rows.view([1, m, 1, inputs]).permute([0, 3, 1, 2]));
    output.permute([0, 2, 3, 1]).reshape([m, -1])
}

/// Returns the class with the highest score of each region, background included, `(n)`. Of equal ones the last counts, as in Caffe on a
/// CPU.
fn predicted_classes(scores: &Tensor) -> Result<Tensor> {
    let classes = scores.size()[1].max(1) as usize;
    let values = Vec::<f32>::try_from(&scores.to_device(Device::Cpu).contiguous().view(-1))
        .map_err(|error| Error::bug("the scores of objects cannot be read").because(error))?;
    let best: Vec<i64> = values
        .chunks_exact(classes)
        .map(|row| {
            (0..classes).reduce(|best, class| if row[class] >= row[best] { class } else { best }).unwrap_or(0) as i64
        })
        .collect();
    Ok(Tensor::from_slice(&best))
}

/// A linear layer with bias.
struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    fn load(weights: &Weights<'_>, name: &str, outputs: usize, inputs: usize) -> Result<Self> {
        let (outputs, inputs) = (outputs as i64, inputs as i64);
        Ok(Self {
            weight: weights.tensor(&format!("{name}/0"), &[outputs, inputs])?,
            bias: weights.tensor(&format!("{name}/1"), &[outputs])?,
        })
    }

    fn forward(&self, input: &Tensor) -> Tensor {
        input.linear(&self.weight, Some(&self.bias))
    }
}
