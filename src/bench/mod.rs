//! `repro bench`: measures training, prediction, tokenising, reading features, verifying, fetching and unpacking on generated input of real
//! size. Training and prediction are measured by the worker, all else is here.
//!
//! Each measurement runs the very code of the commands that people use, and gives one JSON object with everything a
//! comparison needs: sizes, every single time, memory, threads, versions and machine. It holds what this run measured and no
//! figure of another run: how busy a machine is changes every speed.

pub mod fetch;
pub mod hash;
mod sentences;
mod server;
pub mod tokenize;
pub mod tsv;
pub mod unpack;
mod versus;
