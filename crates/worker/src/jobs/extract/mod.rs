//! Extracts features with the native detector. Decoding, the network, the proposals and the choice of boxes each have a thread, so that
//! none waits for another; rows come out in the order of the images.

mod decode;
mod network;
mod refuse;
mod rows;
mod run;

pub(crate) use run::run;
