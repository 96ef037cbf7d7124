//! The checks, one function each, from facts to a finding.

mod containers;
mod gpu;
mod groups;
mod host;
mod purposes;

pub(super) use groups::GROUPS;
