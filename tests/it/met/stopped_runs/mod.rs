//! Signals at any moment: what a person is told, how the program ends, and what is resumed.

/// Snapshots that hold what no run writes.
mod forged_snapshots;
mod moments;

use moments::{INTERRUPTED, Running, STEPS, events, snapshots, train};
