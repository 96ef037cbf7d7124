//! Random weights of any size, for measurements without the published file.

use base::error::Result;
use checkpoint::{StateDict, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::sizes::ButdSizes;

/// Standard deviation of a pixel less its mean, about.
const PIXEL_DEVIATION: f32 = 60.0;
/// Gain of the last convolution of a block, which keeps the sums of 33 blocks small.
const RESIDUAL_GAIN: f32 = 0.25;
/// Gain of the deltas of boxes, which then differ from their anchors by some tenths of their sides.
const DELTA_GAIN: f32 = 0.2;

/// Returns weights with which the network proposes about as many and as different boxes as the published one does. They are the same
/// each time. What it recognises means nothing.
///
/// # Errors
/// A bug if a shape does not hold its values.
pub fn random_weights(sizes: ButdSizes) -> Result<StateDict> {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut uniform = |count: usize, deviation: f32| -> Vec<f32> {
        let width = 12.0_f32.sqrt() * deviation;
        (0..count).map(|_| (random.random::<f32>() - 0.5) * width).collect()
    };
    sizes
        .tensors()
        .into_iter()
        .map(|(name, shape)| {
            let count = shape.iter().product();
            let inputs = shape.iter().skip(1).product::<usize>().max(1) as f32;
            let (layer, blob) = name.rsplit_once('/').unwrap_or((&name, ""));
            let values = match (layer, blob) {
                ("bn_conv1", "1") => vec![PIXEL_DEVIATION * PIXEL_DEVIATION; count],
                (layer, "1" | "2") if layer.starts_with("bn") => vec![1.0; count],
                (layer, "0") if layer.starts_with("scale") && layer.ends_with("branch2c") => vec![RESIDUAL_GAIN; count],
                (layer, "0") if layer.starts_with("scale") => vec![1.0; count],
                ("rpn_bbox_pred", "0") => uniform(count, DELTA_GAIN * (2.0 / inputs).sqrt()),
                (layer, "0") if !layer.starts_with("bn") => uniform(count, (2.0 / inputs).sqrt()),
                _ => vec![0.0; count],
            };
            Ok((name.clone(), TensorData::from_f32(shape, values)?))
        })
        .collect()
}
