//! Finished runs: never trained over, never attributed to a different training, never read with a different vocabulary.

/// Which training weights and results belong to.
mod attribution;
/// What an interrupted or repeated training leaves of a finished run.
mod overwriting;
/// Data and finished runs.
mod world;
