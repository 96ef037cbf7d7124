//! Snapshots of an unfinished training, from which it resumes as if it had not been interrupted.
//!
//! A snapshot is a safetensors file `step-<12 digits>.safetensors` with weights and optimiser state; its metadata hold the
//! position, the run's identity, and a SHA-256 over all of it. Snapshots are written atomically. The last two are kept; a damaged
//! one is skipped for the one before. The generators of dropout, data order and masking are seeded again for each step, epoch or
//! example, so the position is all of their state.

mod file;
mod folder;
mod identity;
mod interval;
#[cfg(test)]
mod tests;

pub use file::Snapshot;
pub use folder::{AfterStep, ENDING, Snapshots, stopped, writing};
pub use identity::RunIdentity;
pub use interval::SnapshotInterval;
