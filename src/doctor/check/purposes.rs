//! Who a check matters for.

use crate::doctor::finding::Purpose;

pub const LARGE: &[Purpose] = &[Purpose::Train, Purpose::Docker, Purpose::Extract];
pub const CONTAINERS: &[Purpose] = &[Purpose::Docker, Purpose::Extract];
