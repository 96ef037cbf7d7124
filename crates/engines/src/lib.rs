//! Real container engines for tests; only tests depend on it. It knows no program of this repository.
//!
//! - [`shared`]: the Docker that all tests share, and its small base image;
//! - [`test_engine`]: this Docker and a shared Podman, for tests that must pass with both ([`test_on_both!`]);
//! - [`private`]: engines for a single test.

pub mod private;
pub mod shared;
pub mod test_engine;
