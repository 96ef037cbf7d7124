//! `repro bench`: measures training, prediction, tokenising, reading features, verifying, fetching and unpacking on generated input of real
//! size.
//!
//! Each measurement runs the very code of the commands that people use, and gives one JSON object with everything a
//! comparison needs: sizes, every single time, memory, threads, versions and machine. It holds what this run measured and no
//! figure of another run: how busy a machine is changes every speed.

pub mod fetch;
pub mod hash;
pub mod machine;
pub mod model;
pub mod predict;
mod questions;
mod sentences;
mod server;
pub mod timing;
pub mod tokenize;
pub mod tsv;
pub mod unpack;
mod versus;
