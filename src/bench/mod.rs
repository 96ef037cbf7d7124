//! `repro bench`: measures tokenising, reading features, verifying, fetching and unpacking on generated input of real size. The worker
//! measures training and prediction.
//!
//! Each measurement runs the code of the normal commands and returns a JSON object with everything that a comparison needs: sizes,
//! all times, memory, threads, versions and machine. It contains no figures of other runs, since the load of a machine changes every
//! speed.

mod comparison;
pub mod fetch;
mod file_server;
mod sentences;
pub mod tokenize;
pub mod tsv;
pub mod unpack;
pub mod verify;
