//! The original's extractor: its unmodified script (data/*_imgfeat/extract_*_image.py @ 0db1182) in its container image.
//!
//! The script prints the message of an image that it cannot read, without the image's name, and goes on; it ends with 0
//! whatever is missing; it dies of some images. So every part is followed by a look at what is missing: what remains is
//! tried again, at last each image by itself, so that the message is that image's.

pub mod assets;
mod backend;
pub mod gpus;
mod parts;
mod setup;
mod shard;

pub use self::setup::{Caffe, Settings};
pub use backend::SINGLES;
