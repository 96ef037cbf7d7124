//! How wide the list is.

/// Columns of a page.
pub(super) const WIDTH: usize = 100;
