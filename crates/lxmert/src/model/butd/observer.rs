//! Who watches the blobs that a detector computes: tests and measurements.

use tch::Tensor;

/// Is shown each blob with its name in Caffe as it is computed. Blobs of regions (`roipool5`, `res5a` to `res5c`) come in parts, and
/// `roipool5` as its distinct bins.
pub type Observer<'o> = &'o mut dyn FnMut(&str, &Tensor);
