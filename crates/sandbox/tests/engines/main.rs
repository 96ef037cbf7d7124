//! Tests of the sandbox with real engines. Some start this program again as other users, so it must not link libtorch.

/// Provokes every typed failure of a run.
mod failures;
/// Requests for GPUs.
mod gpu;
/// Access, limits, output and files of a container.
mod isolation;
/// Signals while a container runs.
mod signals;
/// Engines that are missing, too old, full, lost, or configured differently.
mod unusual;
