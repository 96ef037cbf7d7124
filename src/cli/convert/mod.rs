//! `repro convert`: converts models between the original's layout and Hugging Face's, and nets of Caffe to safetensors.

mod caffemodel;
mod command;
mod source;
mod target;

pub(crate) use command::{Args, run};
