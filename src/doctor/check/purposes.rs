//! Sets of purposes that checks matter for.

use crate::doctor::finding::Purpose;

pub(crate) const LARGE: &[Purpose] = &[Purpose::Train, Purpose::Docker, Purpose::Extract];
pub(crate) const CONTAINERS: &[Purpose] = &[Purpose::Docker, Purpose::Extract];
/// Purposes that compute much with libtorch, where a GPU matters; the demo uses the CPU.
pub(crate) const COMPUTING: &[Purpose] = &[Purpose::Train, Purpose::Docker];
