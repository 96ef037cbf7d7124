//! The sandbox against real engines. Tests start this program again as other users, so that it must not link libtorch.

/// Every typed failure of a run, provoked.
mod failures;
/// The ways to a GPU.
mod gpu;
/// What a container gets, what it does not, and what comes out of it.
mod isolation;
/// Signals while a container runs.
mod signals;
/// Engines that are missing, too old, full, lost, or set up in another way.
mod unusual;
