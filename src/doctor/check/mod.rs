//! The checks: from facts to findings.

mod containers;
mod every;
mod gpu;
mod host;
mod purposes;

pub(super) use every::GROUPS;
