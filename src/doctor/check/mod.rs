//! The checks, one function each, from facts to a finding.

mod containers;
mod cuda;
mod extractor;
mod gpu;
mod groups;
mod host;
mod purposes;
mod training;
mod words;

pub(super) use extractor::{chosen, for_chosen};
pub(super) use groups::GROUPS;
