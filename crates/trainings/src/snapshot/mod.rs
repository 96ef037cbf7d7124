//! Snapshots of a training in progress: enough to go on as if nothing had happened.
//!
//! A snapshot is one safetensors file `step-<12 digits>.safetensors`: weights, optimiser state, and in its metadata the
//! position, what the run is, and a SHA-256 over all of it. It appears whole or not at all, the last two are kept, and one
//! that is damaged is passed over for the one before. Dropout, data order and masking are drawn from generators that are
//! seeded anew for each step, epoch or example, so the position is their whole state.

mod every;
mod file;
mod folder;
mod identity;
#[cfg(test)]
mod tests;

pub use every::Every;
pub use file::Snapshot;
pub use folder::{ENDING, Next, Snapshots, stopped, writing};
pub use identity::Identity;
