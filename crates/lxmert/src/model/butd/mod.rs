//! The Faster R-CNN of bottom-up attention (Anderson et al., CVPR 2018), as LXMERT's authors ran it to make the released features:
//! ResNet-101 with 300 proposals, 36 boxes and 2048 features per box. Weights are Caffe's, under Caffe's names.
//!
//! For given inputs the steps on the host are those of the original to the last bit: [`input`], [`anchors`], [`proposal`], [`nms`],
//! [`selection`], numpy's exponential, and the order of equal scores ([`numpy_order`]). They do not depend on the number of threads. The layers of the
//! network are libtorch's: their sums are added in another order than Caffe's, which may depend on the device, the processor and the
//! number of threads.
//!
//! Source: peteanderson80/bottom-up-attention @ 514e561 (`lib/`, `models/vg/ResNet-101/faster_rcnn_end2end_final/test.prototxt`) and
//! airsplay/lxmert (`data/nlvr2_imgfeat/extract_nlvr2_image.py`).

pub mod anchors;
mod convolution;
mod convolution_floor;
pub mod detected;
mod detector;
mod head;
pub mod input;
pub mod nms;
mod numpy_exp;
pub mod numpy_order;
mod observer;
pub mod proposal;
mod random_weights;
mod roi_bins;
pub mod roi_pooling;
pub mod selection;
mod sizes;
mod trunk;
mod weights;

pub use detected::DetectedBoxes;
pub use detector::{BgrPixels, Detector};
pub use observer::Observer;
pub use random_weights::random_weights;
pub use selection::{BoxChoice, Detections};
pub use sizes::ButdSizes;
pub use trunk::first_pooling;
