//! Mutual exclusion of processes and threads over one file, without `flock`: safe on network file systems and after `kill -9`.
//!
//! A claim is a small file beside the claimed file, and names its owner. It is created by a hard link, so that it appears
//! complete or not at all; this is atomic on network file systems too. The owner touches it every few seconds through the open
//! file, so that it can never touch the claim of a successor. A process that finds a claim decides whether its owner is alive:
//!
//! - On the same kernel and in the same process namespace, by its process id: the claim of a dead owner is taken over at once.
//! - Anywhere else, and if the claim cannot be read: the owner is dead if the file's time has not changed for a minute, measured
//!   by the observer's own clock.
//! - A time of 0 (1970) means that the owner has released the claim but could not remove the file.
//!
//! The claim of a dead owner is removed under a second file, named after the claim's token, so that only one process removes it,
//! and none removes the claim of a successor (see `lockfile`). An owner that was suspended for a minute has lost its claim:
//! it checks [`Claim::still_mine`] before it gives the file its final name.

mod lock;
mod lockfile;
#[cfg(test)]
mod tests;

pub use lock::{Attempt, Claim, Timing, claim, claim_with, try_claim};
