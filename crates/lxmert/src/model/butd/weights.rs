//! The weights of the layers, from Caffe's blobs.

use base::error::{Error, Result};
use checkpoint::StateDict;
use tch::{Device, Tensor};

/// Added to a variance (BatchNorm's default in Caffe).
const EPSILON: f64 = 1e-5;

/// Looks up blobs by name and makes tensors on a device from them.
pub(super) struct Weights<'s> {
    pub(super) state: &'s StateDict,
    pub(super) device: Device,
}

impl Weights<'_> {
    /// Returns the values of a blob.
    ///
    /// # Errors
    /// Data if it is missing or does not hold floats.
    fn values(&self, name: &str) -> Result<Vec<f32>> {
        let blob =
            self.state.get(name).ok_or_else(|| Error::bug(format!("{name} was not checked before it is loaded")))?;
        blob.to_f32().map_err(|error| error.while_doing(format!("cannot read the tensor {name}")))
    }

    /// Returns a blob as a tensor of this shape.
    pub(super) fn tensor(&self, name: &str, shape: &[i64]) -> Result<Tensor> {
        Ok(Tensor::from_slice(&self.values(name)?).view(shape).to_device(self.device))
    }

    /// Returns weight and bias of a convolution with the BatchNorm and Scale layers that follow it folded in: computed in 64 bits and
    /// rounded once. `shape` is that of the weight.
    pub(super) fn folded(&self, name: &str, suffix: &str, shape: &[i64]) -> Result<(Tensor, Tensor)> {
        let blob = |layer: &str, index: usize| self.values(&format!("{layer}{suffix}/{index}"));
        let (mean, variance, factor) = (blob("bn", 0)?, blob("bn", 1)?, blob("bn", 2)?);
        let (scale, shift) = (blob("scale", 0)?, blob("scale", 1)?);
        // Caffe's sums of a moving average, divided by how many entered it.
        let factor = match factor.first() {
            Some(&factor) if factor != 0.0 => 1.0 / f64::from(factor),
            _ => 0.0,
        };
        let mut weight = self.values(&format!("{name}/0"))?;
        let per_channel = weight.len() / scale.len().max(1);
        let mut bias = Vec::with_capacity(scale.len());
        for (channel, weights) in weight.chunks_exact_mut(per_channel.max(1)).enumerate() {
            let gain = f64::from(scale[channel]) / (f64::from(variance[channel]) * factor + EPSILON).sqrt();
            for value in weights {
                *value = (f64::from(*value) * gain) as f32;
            }
            bias.push((f64::from(shift[channel]) - f64::from(mean[channel]) * factor * gain) as f32);
        }
        let finite = weight.iter().chain(&bias).all(|value| value.is_finite());
        if !finite {
            return Err(Error::data(format!("the weights of {name} with bn{suffix} and scale{suffix} are not finite: a variance is negative or a number damaged"))
                .next("fetch the weights again"));
        }
        let weight = Tensor::from_slice(&weight).view(shape).to_device(self.device);
        Ok((weight, Tensor::from_slice(&bias).to_device(self.device)))
    }
}
