//! Who a check matters for.

use crate::doctor::finding::Purpose;

/// A container has a worker of its own.
pub const COMPUTING_HERE: &[Purpose] = &[Purpose::Demo, Purpose::Train];
pub const LARGE: &[Purpose] = &[Purpose::Train, Purpose::Docker, Purpose::Extract];
pub const CONTAINERS: &[Purpose] = &[Purpose::Docker, Purpose::Extract];
