//! JPEG files, decoded by libjpeg-turbo's own code (as MozJPEG carries it), since no other decoder gives the same pixels.

mod decoder;
mod failure;
mod pixels;
mod source;
mod transform;

pub(crate) use pixels::decode;
