//! Real container engines for tests; a dependency of tests only. Must not know: any program of this repository.
//!
//! - [`shared`]: the Docker that all tests share, and its small base image;
//! - [`given`]: that and a shared Podman, for tests that must pass with each ([`on_both!`]);
//! - [`own`]: engines of one test's own.

pub mod given;
pub mod own;
pub mod shared;
