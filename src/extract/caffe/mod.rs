//! The original's extractor: its unmodified script (data/*_imgfeat/extract_*_image.py @ 0db1182) in its container image.
//!
//! For an image that it cannot read, the script prints a message without the image's name and continues; it ends with 0 even if
//! images are missing; and it crashes on some images. So this module checks after every part which images have no row and tries
//! them again, finally each one separately, so that a message belongs to a known image.
//!
//! The script needs a GPU; [`cpu`] makes it run without one, slowly.

pub mod assets;
mod backend;
pub mod cpu;
pub mod gpus;
mod parts;
mod setup;
mod shard;

pub use self::setup::{Caffe, CaffeDevice, CaffeSettings};
pub use backend::SINGLES;
