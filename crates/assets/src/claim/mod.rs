//! Mutual exclusion of processes and threads over one file, without `flock`: safe on network file systems and across `kill -9`.
//!
//! The claim is a small file beside the claimed one that names its owner. It appears whole or not at all, by a hard link, which is
//! atomic on network file systems too. Its owner touches it every few seconds through the open file, so that it can never touch a
//! successor's. Whoever finds a claim judges its owner:
//!
//! - on the same kernel and in the same process namespace, the process lives or it does not: a dead owner's claim is taken over at once;
//! - anywhere else, and where the claim cannot be read, the owner is dead when the file's time has stood still for a minute of the
//!   observer's own clock, whatever the clocks of others say;
//! - a time of 0 (1970) is how an owner says that it is done, for the case that it cannot remove the file.
//!
//! A dead owner's claim is removed under a second file named after the claim's token, so that no two remove the same claim and nobody
//! removes the one that came after it (see `ground`). An owner that was silent for a minute and wakes up has lost its claim:
//! it asks [`Claim::still_mine`] before it gives the file its final name.

mod ground;
mod lock;
#[cfg(test)]
mod tests;

pub use lock::{Attempt, Claim, Timing, claim, claim_with, try_claim};
