//! PNG files: the chunks are checked here as libpng checks them, the crate `png` inflates and unfilters the pixels.

mod chunks;
mod header;
mod pixels;
mod rows;
mod stream;

pub(crate) use chunks::SIGNATURE;
pub(crate) use pixels::decode;
